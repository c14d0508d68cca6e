//! What stands around the schemas of `spec/wavespeed.yaml`: keys that are misspelt or of our own
//! making. Schemas are [`keywords`](super::keywords)'.

use openapiv3::{OpenAPI, Operation, Parameter, ReferenceOr, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::keywords::{is_lost, round_trip};
use super::walk::Place;
use super::{Report, suggest};
use crate::spec::Source;

/// What the rest of the document may say, for suggestions.
pub(super) const DOCUMENT: &[&str] = &[
    "openapi",
    "info",
    "servers",
    "security",
    "tags",
    "paths",
    "components",
    "operationId",
    "summary",
    "description",
    "parameters",
    "requestBody",
    "responses",
    "required",
    "content",
    "schema",
    "headers",
    "links",
    "example",
    "examples",
    "name",
    "in",
    "deprecated",
    "externalDocs",
    "schemas",
    "x-model-operation",
];

/// Checks everything around the schemas of `spec/wavespeed.yaml`.
pub(super) fn check(api: &Source, report: &mut Report) {
    let place = Place::file(&api.file);
    let mut document = without_schemas(&api.value);
    own_keys(&document, &place, None, report);
    let template = document
        .as_object_mut()
        .and_then(|root| root.shift_remove("x-model-operation"));
    if let Some(template) = template {
        compare::<Operation>(&template, &place.key("x-model-operation"), report);
    }
    if compare::<OpenAPI>(&document, &place, report) {
        return;
    }
    // The error names no place: each part alone does.
    let before = report.findings.len();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            compare::<Operation>(operation, &place.key("paths").key(path).key(method), report);
        }
    }
    let parts = |kind: &str| {
        let parts = document["components"][kind]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let place = place.key("components").key(kind);
        parts
            .into_iter()
            .map(move |(name, part)| (place.key(name), part))
    };
    for (place, part) in parts("responses") {
        compare::<ReferenceOr<Response>>(&part, &place, report);
    }
    for (place, part) in parts("parameters") {
        compare::<ReferenceOr<Parameter>>(&part, &place, report);
    }
    if report.findings.len() > before {
        report.findings.remove(before - 1);
    }
}

/// Reports what a round trip loses. Whether the value could be read at all.
fn compare<T: DeserializeOwned + Serialize>(
    value: &Value,
    place: &Place,
    report: &mut Report,
) -> bool {
    match serde_json::from_value::<T>(value.clone()) {
        Ok(_) => {
            let written = round_trip::<T>(value).unwrap_or_default();
            lost(value, &written, place, report);
            true
        }
        Err(error) => {
            let mend = "look for a key that is missing, misspelt or of the wrong kind";
            report.add(
                place,
                format!("cannot be read as OpenAPI 3.0: {error}"),
                mend,
            );
            false
        }
    }
}

fn lost(source: &Value, written: &Value, place: &Place, report: &mut Report) {
    match (source, written) {
        (Value::Object(source), Value::Object(_)) => {
            for (key, value) in source {
                if is_lost(key, value, written) {
                    let mend = suggest(key, DOCUMENT, "remove it");
                    report.add(place, format!("`{key}` is not a keyword"), mend);
                } else if let Some(written) = written.get(key) {
                    lost(value, written, &place.key(key), report);
                }
            }
        }
        (Value::Array(source), Value::Array(written)) => {
            for (index, (source, written)) in source.iter().zip(written).enumerate() {
                lost(source, written, &place.key(index), report);
            }
        }
        _ => {}
    }
}

/// The document with an empty schema for each one, since those are checked on their own.
fn without_schemas(value: &Value) -> Value {
    match value {
        Value::Object(keys) => keys
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("schema", _) => (key.clone(), json!({})),
                ("schemas", _) => (key.clone(), json!({})),
                _ => (key.clone(), without_schemas(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(without_schemas).collect(),
        other => other.clone(),
    }
}

/// `x-` keys outside of schemas: there is only one.
fn own_keys(value: &Value, place: &Place, parent: Option<&str>, report: &mut Report) {
    const NAMES: &[&str] = &[
        "headers",
        "examples",
        "responses",
        "parameters",
        "links",
        "schemas",
    ];
    let Some(keys) = value.as_object() else {
        return;
    };
    let names = parent.is_some_and(|parent| NAMES.contains(&parent));
    for (key, value) in keys {
        let allowed = key == "x-model-operation" && parent.is_none();
        if key.starts_with("x-") && !names && !allowed {
            let mend = suggest(
                key,
                &["x-model-operation"],
                "remove it; spec/README.md has the list",
            );
            report.add(place, format!("`{key}` is not one of our keys here"), mend);
        } else if !["example", "examples"].contains(&key.as_str()) {
            own_keys(value, &place.key(key), Some(key), report);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{API, api_lines};

    #[test]
    fn there_is_one_key_of_our_own() {
        assert_eq!(
            api_lines(&API.replace("tags: []", "x-tags: []")),
            [
                "spec/wavespeed.yaml: `x-tags` is not one of our keys here; remove it; \
              spec/README.md has the list"
            ]
        );
    }

    #[test]
    fn the_rest_of_the_document_is_checked_too() {
        assert_eq!(
            api_lines(&API.replace(
                "description: A thing.",
                "description: A thing.\n      contnt: {}"
            )),
            [
                "spec/wavespeed.yaml: components.responses.Thing: `contnt` is not a keyword; did you \
              mean `content`?"
            ]
        );
        assert_eq!(
            api_lines(&API.replace("operationId: make_thing", "operationID: make_thing")).len(),
            2
        );
        let found = api_lines(&API.replace("description: A thing.", "descripton: A thing."));
        assert!(
            found[0].starts_with("spec/wavespeed.yaml: components.responses.Thing: cannot be read"),
            "{found:?}"
        );
    }
}
