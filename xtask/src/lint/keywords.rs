//! Keywords that are misspelt, misplaced or given a value of the wrong kind. OpenAPI tools ignore
//! them in silence: `requried` makes everything optional. Found by reading the source into
//! `openapiv3` and writing it back, one schema at a time: what is lost was not understood.

use openapiv3::{ReferenceOr, Schema, SchemaKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::document::DOCUMENT;
use super::walk::SchemaAt;
use super::{Report, code, suggest};

/// What a schema may say.
const SCHEMA: &[&str] = &[
    "$ref",
    "type",
    "description",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "enum",
    "default",
    "example",
    "nullable",
    "deprecated",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "allOf",
];
/// Our own keys in schemas.
const OURS: &[&str] = &[
    "x-media",
    "x-choice-names",
    "x-choice-language",
    "x-variant-names",
    "x-hidden",
    "x-extensible-enum",
    "x-terminal",
];
const TYPES: &[&str] = &["string", "integer", "number", "boolean", "array", "object"];

/// Checks the keywords of one schema, not of those below it.
pub(super) fn check_schema(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(keys) = at.schema.as_object() else {
        report.add(
            &at.place,
            format!("{} is not a schema", code(at.schema)),
            "write a mapping",
        );
        return;
    };
    for key in keys.keys().filter(|key| key.starts_with("x-")) {
        if !(OURS.contains(&key.as_str()) || at.is_model && key == "x-model") {
            let mend = suggest(key, OURS, "remove it; spec/README.md has the list");
            report.add(
                &at.place,
                format!("`{key}` is not one of our keys here"),
                mend,
            );
        }
    }
    if let Some(kind) = keys.get("type")
        && !TYPES.iter().any(|known| kind == known)
    {
        let word = kind.as_str().unwrap_or_default();
        let mend = suggest(word, TYPES, "use a type of JSON Schema");
        report.add(
            &at.place.key("type"),
            format!("{} is not a type", code(kind)),
            mend,
        );
        return;
    }
    let shallow = shallow(keys, at.is_model);
    match read(&shallow) {
        Some(_) => {
            let written = round_trip::<ReferenceOr<Schema>>(&shallow).unwrap_or_default();
            for key in shallow
                .keys()
                .filter(|key| is_lost(key, &shallow[*key], &written))
            {
                misplaced(at, key, report);
            }
        }
        None => culprits(at, &shallow, report),
    }
}

fn misplaced(at: &SchemaAt<'_>, key: &str, report: &mut Report) {
    if SCHEMA.contains(&key) {
        let kind = code(&at.schema["type"]);
        report.add(
            &at.place,
            format!("`{key}` means nothing for the type {kind}"),
            "remove it",
        );
    } else {
        let mend = suggest(key, SCHEMA, "remove it");
        report.add(&at.place, format!("`{key}` is not a keyword"), mend);
    }
}

/// A schema whose type is known and that is still not understood: which keyword is to blame?
fn culprits(at: &SchemaAt<'_>, shallow: &Map<String, Value>, report: &mut Report) {
    let blamed: Vec<&String> = shallow
        .keys()
        .filter(|key| {
            let mut without = shallow.clone();
            without.shift_remove(*key);
            !["type", "enum"].contains(&key.as_str()) && read(&without).is_some()
        })
        .collect();
    for key in &blamed {
        if fits_another_type(key, &shallow[*key]) {
            misplaced(at, key, report);
            continue;
        }
        let problem = format!("{} is not a value for this keyword", code(&shallow[*key]));
        report.add(
            &at.place.key(key),
            problem,
            "write the kind of value OpenAPI 3.0 has here",
        );
    }
    // What `enum` holds has a rule of its own.
    if blamed.is_empty() && !shallow.contains_key("enum") {
        report.add(
            &at.place,
            "is not a schema of OpenAPI 3.0",
            "compare it with another model",
        );
    }
}

fn fits_another_type(key: &str, value: &Value) -> bool {
    TYPES.iter().any(|kind| {
        let keys = [
            ("type".to_owned(), Value::from(*kind)),
            (key.to_owned(), value.clone()),
        ];
        read(&Map::from_iter(keys)).is_some()
    })
}

/// The schema without those below it and without what is the model's.
fn shallow(keys: &Map<String, Value>, is_model: bool) -> Map<String, Value> {
    let mut shallow = keys.clone();
    if is_model {
        shallow.shift_remove("x-model");
        shallow.shift_remove("externalDocs");
    }
    for (key, value) in &mut shallow {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties
                    .values_mut()
                    .for_each(|property| *property = json!({}));
            }
            ("items" | "additionalProperties" | "not", value @ Value::Object(_)) => {
                *value = json!({});
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| *schema = json!({}));
            }
            _ => {}
        }
    }
    shallow
}

/// The schema as `openapiv3` understands it: one that has a type and is read as `Any` was not.
fn read(shallow: &Map<String, Value>) -> Option<ReferenceOr<Schema>> {
    let read: ReferenceOr<Schema> = serde_json::from_value(shallow.clone().into()).ok()?;
    let vague = match &read {
        ReferenceOr::Item(schema) => matches!(schema.schema_kind, SchemaKind::Any(_)),
        ReferenceOr::Reference { .. } => false,
    };
    let has_type = shallow.contains_key("type") && !shallow.contains_key("allOf");
    (!(vague && has_type)).then_some(read)
}

/// Reads the value and writes it back.
pub(super) fn round_trip<T: DeserializeOwned + Serialize>(
    value: &(impl Serialize + ?Sized),
) -> Option<Value> {
    let read: T = serde_json::from_value(serde_json::to_value(value).ok()?).ok()?;
    serde_json::to_value(read).ok()
}

/// `openapiv3` leaves out what says nothing, such as `nullable: false`.
pub(super) fn is_lost(key: &str, value: &Value, written: &Value) -> bool {
    let says_nothing = match value {
        Value::Bool(truth) => !truth,
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        Value::Null => key == "default",
        _ => false,
    };
    let known = SCHEMA.contains(&key) || DOCUMENT.contains(&key);
    written.get(key).is_none() && !(known && says_nothing)
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{INPUT, VALID, in_input, model_lines};

    #[test]
    fn misspelt_keywords_are_found_with_the_nearest_one() {
        assert_eq!(
            in_input("type: string\nmaxLenght: 3"),
            [format!(
                "{INPUT}: `maxLenght` is not a keyword; did you mean `maxLength`?"
            )]
        );
        assert_eq!(
            model_lines(&VALID.replace("properties:", "requried: [in]\nproperties:")),
            ["spec/models/a/b.yaml: `requried` is not a keyword; did you mean `required`?"]
        );
        assert_eq!(
            in_input("type: string\nfoobar: 3"),
            [format!("{INPUT}: `foobar` is not a keyword; remove it")]
        );
    }

    #[test]
    fn keywords_that_mean_nothing_for_the_type() {
        assert_eq!(
            in_input("type: string\nmaximum: 3"),
            [format!(
                "{INPUT}: `maximum` means nothing for the type `\"string\"`; remove it"
            )]
        );
        assert_eq!(in_input("type: string\nnullable: false"), [""; 0]);
    }

    #[test]
    fn keywords_with_a_value_of_the_wrong_kind() {
        assert_eq!(
            in_input("type: string\nminLength: 1\nmaxLength: many"),
            [format!(
                "{INPUT}.maxLength: `\"many\"` is not a value for this keyword; write the kind of \
                 value OpenAPI 3.0 has here"
            )]
        );
        assert_eq!(
            in_input("type: strin"),
            [format!(
                "{INPUT}.type: `\"strin\"` is not a type; did you mean `string`?"
            )]
        );
    }

    #[test]
    fn only_our_own_keys_start_with_x() {
        assert_eq!(
            in_input("type: string\nx-meda: { kind: video }"),
            [format!(
                "{INPUT}: `x-meda` is not one of our keys here; did you mean `x-media`?"
            )]
        );
        assert_eq!(in_input("type: object\nproperties: { x-odd: {} }"), [""; 0]);
    }
}
