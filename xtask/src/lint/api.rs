//! Operations, and what a model file must say beside its schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::walk::{Place, on_both_sides};
use super::{Report, code, suggest};
use crate::document::{reachable, request_schemas};
use crate::names;
use crate::spec::{Model, Spec, resolve};

/// What an id in a path must match: `..` would leave the path.
const ID: &str = "^[A-Za-z0-9_-]{4,128}$";
/// The methods of the client that are written by hand (`crates/client/src/client.rs` and `submit.rs`).
const TAKEN: &[&str] = &[
    "new",
    "api_key",
    "with_attempt",
    "call",
    "request",
    "send",
    "respond",
    "read",
    "submit_raw",
];

const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Checks the operations.
pub(super) fn check(spec: &Spec, bundle: &Value, report: &mut Report) {
    let file = Place::file(&spec.api.file);
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let paths = spec.api.value["paths"].as_object().into_iter().flatten();
    let first = |path: &str| {
        path.trim_start_matches('/')
            .split('/')
            .next()
            .map(str::to_owned)
    };
    let calls: BTreeSet<String> = paths.clone().filter_map(|(path, _)| first(path)).collect();
    for model in &spec.models {
        let place = Place::file(&model.source.file);
        let id = names::operation_id(model);
        if let Some(first) = ids.insert(id.clone(), model.source.file.clone()) {
            let problem = format!("its operation `{id}` is also that of {first}");
            report.add(&place, problem, "give this model `x-model: {type_name: …}`");
        }
        if calls.contains(model.provider()) {
            let problem = format!("paths below /{} are calls of the account", model.provider());
            report.add(&place, problem, "leave the model out");
        }
    }
    for (path, item) in paths {
        let item_place = file.key("paths").key(path);
        let operations = item.as_object().into_iter().flatten();
        for (method, operation) in operations.filter(|(key, _)| METHODS.contains(&key.as_str())) {
            let place = item_place.key(method);
            operation_id(operation, &place, &mut ids, report);
            responses(operation, &place, report);
        }
        parameters(item, &item_place, path, bundle, report);
    }
    let template = file.key("x-model-operation");
    match spec.api.value.get("x-model-operation") {
        Some(operation) => responses(operation, &template, report),
        None => report.add(
            &file,
            "`x-model-operation` is missing",
            "say what a submit looks like",
        ),
    }
    references(&spec.api.value, &file, bundle, report);
    for name in on_both_sides(bundle) {
        let place = file.key("components").key("schemas").key(&name);
        report.add(
            &place,
            "it is both sent and received",
            "make it two schemas",
        );
    }
    recursive(spec, bundle, report);
}

/// What refers to itself has no end in the catalogue.
fn recursive(spec: &Spec, bundle: &Value, report: &mut Report) {
    for name in request_schemas(bundle) {
        let schema = &bundle["components"]["schemas"][&name];
        if reachable(bundle, std::iter::once(schema)).contains(&name) {
            let model = spec.models.iter().find(|model| model.type_name == name);
            let place = match model {
                Some(model) => Place::file(&model.source.file),
                None => Place::file(&spec.api.file).key(format!("components.schemas.{name}")),
            };
            report.add(
                &place,
                "it refers to itself",
                "say how deep it goes, level by level",
            );
        }
    }
}

fn operation_id(
    operation: &Value,
    place: &Place,
    ids: &mut BTreeMap<String, String>,
    report: &mut Report,
) {
    let Some(id) = operation["operationId"].as_str() else {
        return report.add(
            place,
            "`operationId` is missing",
            "name the call in snake_case",
        );
    };
    let place = place.key("operationId");
    if TAKEN.contains(&id) {
        report.add(
            &place,
            format!("the client has a method `{id}` already"),
            "name it differently",
        );
    } else if names::snake(id) != id {
        let problem = format!("`{id}` would become `{}`", names::snake(id));
        report.add(
            &place,
            problem,
            "use a word in snake_case that Rust does not use",
        );
    }
    match ids.get(id) {
        Some(first) => {
            report.add(
                &place,
                format!("`{id}` is also at {first}"),
                "name one of them differently",
            );
        }
        None => drop(ids.insert(id.to_owned(), place.keys.clone())),
    }
}

fn responses(operation: &Value, place: &Place, report: &mut Report) {
    let statuses = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key);
    let success: Vec<&str> = statuses
        .map(String::as_str)
        .filter(|status| status.starts_with('2') || *status == "default")
        .collect();
    if success.len() != 1 {
        let found = if success.is_empty() {
            "none".into()
        } else {
            success.join(" and ")
        };
        let problem = format!("there must be one answer for success, not {found}");
        report.add(&place.key("responses"), problem, "leave one, such as '200'");
    }
}

/// Path parameters, in whichever place they stand.
fn parameters(item: &Value, place: &Place, path: &str, bundle: &Value, report: &mut Report) {
    let own = item
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(method, operation)| Some((place.key(method), operation.get("parameters")?)));
    let shared = item
        .get("parameters")
        .map(|parameters| (place.clone(), parameters));
    for (place, parameters) in own.chain(shared) {
        let place = place.key("parameters");
        let parameters = parameters.as_array().into_iter().flatten().enumerate();
        for (index, parameter) in parameters {
            let parameter = resolve(bundle, parameter);
            if parameter["in"] == "path" && parameter["schema"]["pattern"] != ID {
                let problem = format!("without the pattern of ids, `..` would leave {path}");
                report.add(
                    &place.key(index),
                    problem,
                    format!("add `pattern: {ID}` to its schema"),
                );
            }
        }
    }
}

/// References outside of schemas, which are checked with them.
fn references(value: &Value, place: &Place, bundle: &Value, report: &mut Report) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                match (key.as_str(), value) {
                    ("schema" | "schemas" | "example" | "examples", _) => {}
                    ("$ref", Value::String(reference)) => {
                        let pointer = reference.strip_prefix('#');
                        if pointer.is_none_or(|pointer| bundle.pointer(pointer).is_none()) {
                            let problem = format!("there is no {reference}");
                            report.add(&place.key(key), problem, "mend the name");
                        }
                    }
                    _ => references(value, &place.key(key), bundle, report),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                references(item, &place.key(index), bundle, report);
            }
        }
        _ => {}
    }
}

/// Checks what a model file says of the model itself.
pub(super) fn check_model(model: &Model, report: &mut Report) {
    let (file, value) = (Place::file(&model.source.file), &model.source.value);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let parts: Vec<&str> = model.id.split('/').collect();
    let is_id = |part: &&str| part.contains(|c: char| c.is_ascii_alphanumeric());
    if parts.len() < 2
        || !parts
            .iter()
            .all(|part| is_id(part) && part.chars().all(is_word))
    {
        let mend = "move the file to spec/models/PROVIDER/MODEL.yaml, of letters, digits, `-`, `_` and `.`";
        report.add(
            &file,
            format!("`{}` is not the id of a model", model.id),
            mend,
        );
    }
    if value["description"]
        .as_str()
        .is_none_or(|text| text.trim().is_empty())
    {
        report.add(
            &file,
            "`description` is missing",
            "say in a sentence what the model does",
        );
    }
    if value["type"] != "object" || !value["properties"].is_object() {
        let mend = "write `type: object` and `properties:`";
        report.add(
            &file,
            "the inputs of a model are an object with properties",
            mend,
        );
    }
    let place = file.key("x-model");
    for (key, what) in [
        ("name", "what the vendor calls the model"),
        ("type", "the vendor's word for its kind"),
    ] {
        if value["x-model"][key].as_str().is_none_or(str::is_empty) {
            report.add(&place, format!("`{key}` is missing"), format!("add {what}"));
        }
    }
    for (key, value) in value["x-model"].as_object().into_iter().flatten() {
        const KEYS: &[&str] = &["name", "type", "type_name", "seconds"];
        if !KEYS.contains(&key.as_str()) {
            let mend = suggest(key, KEYS, "remove it");
            report.add(&place, format!("`{key}` is not known here"), mend);
        } else if key == "seconds" {
            if !is_range(value) {
                let mend =
                    "write as `[60, 1200]` what nine of ten tasks take at least, and at most";
                report.add(
                    &place.key(key),
                    format!("{} is no range of seconds", code(value)),
                    mend,
                );
            }
        } else if !value.is_string() {
            report.add(
                &place.key(key),
                format!("{} is not a string", code(value)),
                "quote it",
            );
        }
    }
}

/// Two whole numbers above 0, the second one larger.
fn is_range(value: &Value) -> bool {
    let numbers = value.as_array().into_iter().flatten().map(Value::as_u64);
    let numbers: Option<Vec<u64>> = numbers.collect();
    matches!(numbers.as_deref(), Some([from, to]) if *from > 0 && from < to)
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{API, VALID, api_lines, lines, model_lines, spec};

    fn changed(from: &str, to: &str) -> Vec<String> {
        assert!(API.contains(from), "{from}");
        api_lines(&API.replace(from, to))
    }

    #[test]
    fn operation_ids_must_be_free_words() {
        let place = "spec/wavespeed.yaml: paths./things/{id}.get.operationId";
        for (id, line) in [
            (
                "call",
                "the client has a method `call` already; name it differently",
            ),
            (
                "match",
                "`match` would become `match_`; use a word in snake_case that Rust does not use",
            ),
            (
                "getThing",
                "`getThing` would become `get_thing`; use a word in snake_case that Rust does not use",
            ),
            (
                "make_thing",
                "`make_thing` is also at paths./things.post.operationId; name one of them differently",
            ),
        ] {
            let from = "operationId: get_thing";
            assert_eq!(
                changed(from, &format!("operationId: {id}")),
                [format!("{place}: {line}")]
            );
        }
    }

    #[test]
    fn one_answer_is_success() {
        assert_eq!(
            changed(
                r##"'200': { $ref: "#/components/responses/Thing" }"##,
                "'200': { description: x }\n        default: { description: x }"
            ),
            [
                "spec/wavespeed.yaml: paths./things/{id}.get.responses: there must be one answer for \
              success, not 200 and default; leave one, such as '200'"
            ]
        );
    }

    #[test]
    fn an_id_in_a_path_has_the_pattern() {
        assert_eq!(
            changed("pattern: ^[A-Za-z0-9_-]{4,128}$", "minLength: 4"),
            [
                "spec/wavespeed.yaml: paths./things/{id}.get.parameters.0: without the pattern of \
              ids, `..` would leave /things/{id}; add `pattern: ^[A-Za-z0-9_-]{4,128}$` to its schema"
            ]
        );
    }

    #[test]
    fn references_lead_somewhere() {
        assert_eq!(
            changed("responses/Thing\" }", "responses/Thin\" }"),
            [
                "spec/wavespeed.yaml: paths./things/{id}.get.responses.200.$ref: there is no \
              #/components/responses/Thin; mend the name"
            ]
        );
    }

    #[test]
    fn a_schema_is_sent_or_received() {
        let found = changed(
            "schema: { $ref: '#/components/schemas/NewThing' }",
            "schema: { $ref: '#/components/schemas/Thing' }",
        );
        let line = "spec/wavespeed.yaml: components.schemas.Thing: it is both sent and received; \
                    make it two schemas";
        assert!(found.iter().any(|found| found == line), "{found:?}");
    }

    #[test]
    fn what_is_sent_does_not_refer_to_itself() {
        assert_eq!(
            changed(
                "name: { type: string }",
                "more: { $ref: '#/components/schemas/NewThing' }"
            ),
            [
                "spec/wavespeed.yaml: components.schemas.NewThing: it refers to itself; say how \
                 deep it goes, level by level"
            ]
        );
    }

    #[test]
    fn a_model_file_names_the_model() {
        let file = "spec/models/a/b.yaml";
        assert_eq!(
            model_lines("type: object\nproperties: { in: {} }"),
            [
                format!("{file}: `description` is missing; say in a sentence what the model does"),
                format!("{file}: x-model: `name` is missing; add what the vendor calls the model"),
                format!("{file}: x-model: `type` is missing; add the vendor's word for its kind"),
            ]
        );
        assert_eq!(
            model_lines(&VALID.replace("type: test", "type: test, nam: x")),
            [format!(
                "{file}: x-model: `nam` is not known here; did you mean `name`?"
            )]
        );
        for (range, is_fine) in [
            ("[1, 2]", true),
            ("[2, 2]", false),
            ("[0, 1]", false),
            ("7", false),
        ] {
            let lines =
                model_lines(&VALID.replace("type: test", &format!("type: test, seconds: {range}")));
            assert_eq!(lines.is_empty(), is_fine, "{range} {lines:?}");
        }
        assert_eq!(
            lines(&spec(&[("b", VALID)])),
            [
                "spec/models/b.yaml: `b` is not the id of a model; move the file to \
              spec/models/PROVIDER/MODEL.yaml, of letters, digits, `-`, `_` and `.`"
            ]
        );
    }
}
