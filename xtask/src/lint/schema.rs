//! What a schema says: constructs that become types we cannot use, and values that contradict the
//! rules around them.

use serde_json::Value;

use super::choices::has_type;
use super::walk::{SchemaAt, Side};
use super::{Report, code};

/// Checks one schema, not those below it.
pub(super) fn check(at: &SchemaAt<'_>, bundle: &Value, report: &mut Report) {
    constructs(at, report);
    description(at, report);
    reference(at, bundle, report);
    required(at, report);
    if at.schema.get("default").is_some() {
        let problem = misfit(&at.schema["default"], at.schema);
        if let Some(problem) = problem {
            report.add(
                &at.place.key("default"),
                problem,
                "mend the default or the rule",
            );
        }
    }
    if at.side == Side::Answer {
        answer(at, report);
    }
}

fn constructs(at: &SchemaAt<'_>, report: &mut Report) {
    for key in ["anyOf", "oneOf", "not"] {
        if at.schema.get(key).is_some() {
            let mend = "name one type, or leave the type out so that any value goes";
            report.add(
                &at.place,
                format!("`{key}` becomes a type that cannot be read"),
                mend,
            );
        }
    }
    if at
        .schema
        .get("allOf")
        .is_some_and(|all| all.as_array().is_none_or(|all| all.len() != 1))
    {
        let mend = "write the properties out";
        report.add(
            &at.place,
            "`allOf` is only for one reference that is nullable",
            mend,
        );
    }
    if at.schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let problem = "`additionalProperties: false` refuses what the vendor adds";
        report.add(
            &at.place,
            problem,
            "remove it; unknown inputs are refused by our own check",
        );
    }
    if at.schema.get("title").is_some() {
        let mend = "remove it, or put the words into `description`";
        report.add(&at.place, "`title` becomes the name of a type", mend);
    }
}

fn description(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(text) = at.schema.get("description").and_then(Value::as_str) else {
        return;
    };
    let place = at.place.key("description");
    if text.contains("```") || text.contains("~~~") {
        report.add(
            &place,
            "a code block would be run as a test of Rust",
            "say it in words",
        );
    } else if text
        .split("\n\n")
        .any(|paragraph| paragraph.matches('`').count() % 2 == 1)
    {
        report.add(
            &place,
            "a code span is not closed",
            "add the missing backtick",
        );
    }
}

fn reference(at: &SchemaAt<'_>, bundle: &Value, report: &mut Report) {
    let Some(reference) = at.schema.get("$ref").and_then(Value::as_str) else {
        return;
    };
    let place = at.place.key("$ref");
    match reference.strip_prefix('#') {
        Some(pointer) if bundle.pointer(pointer).is_some() => {}
        Some(_) => report.add(&place, format!("there is no {reference}"), "mend the name"),
        None => {
            let mend = "put it into spec/wavespeed.yaml and write `#/components/…`";
            report.add(&place, format!("{reference} is in another file"), mend);
        }
    }
}

fn required(at: &SchemaAt<'_>, report: &mut Report) {
    let names = at
        .schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for name in names.filter_map(Value::as_str) {
        if at.schema["properties"].get(name).is_none() {
            let problem = format!("`{name}` is not one of the properties");
            report.add(
                &at.place.key("required"),
                problem,
                "mend the name or add the property",
            );
        }
    }
}

/// Whatever the vendor changes, an answer must be read: it was paid for.
fn answer(at: &SchemaAt<'_>, report: &mut Report) {
    if at.schema.get("enum").is_some() {
        let problem = "a closed enum loses the whole answer over one new value";
        report.add(&at.place.key("enum"), problem, "use `x-extensible-enum`");
    }
    for (name, property, place) in at.properties() {
        if !at.requires(name) && property.get("nullable") != Some(&Value::Bool(true)) {
            let problem = "what can be missing in an answer can also be null";
            report.add(
                &place,
                problem,
                "add `nullable: true`, or `required` if it is always there",
            );
        }
    }
}

/// Why a value breaks the rules of its schema.
pub(crate) fn misfit(value: &Value, schema: &Value) -> Option<String> {
    let shown = code(value);
    let kind = schema["type"].as_str();
    if kind.is_some_and(|kind| !has_type(value, kind)) {
        return Some(format!(
            "{shown} is not of the type {}",
            code(&schema["type"])
        ));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|choices| !choices.contains(value))
    {
        return Some(format!("{shown} is not one of the values in `enum`"));
    }
    let measure = match value {
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    let count = match value {
        Value::String(text) => Some((text.chars().count(), "minLength", "maxLength")),
        Value::Array(items) => Some((items.len(), "minItems", "maxItems")),
        _ => None,
    };
    let (size, least, most) = match (measure, count) {
        (Some(number), _) => (number, "minimum", "maximum"),
        // A count of characters in a file is far below 2^53.
        (None, Some((count, least, most))) => (f64::from(u32::try_from(count).ok()?), least, most),
        (None, None) => return None,
    };
    let bound = |key: &str| schema[key].as_f64();
    if bound(least).is_some_and(|least| size < least) {
        return Some(format!("{shown} is below `{least}`"));
    }
    if bound(most).is_some_and(|most| size > most) {
        return Some(format!("{shown} is above `{most}`"));
    }
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| misfit(item, &schema["items"]))
        .next()
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{API, VALID, api_lines, deserve, in_input, model_lines};

    #[test]
    fn constructs_without_a_usable_type() {
        deserve(&[
            (
                "anyOf: [{ type: string }, { type: integer }]",
                ": `anyOf` becomes a type that cannot be read; name one type, or leave the type \
                 out so that any value goes",
            ),
            (
                "oneOf: [{ type: string }]",
                ": `oneOf` becomes a type that cannot be read; name one type, or leave the type \
                 out so that any value goes",
            ),
            (
                "allOf: [{ type: string }, { nullable: true }]",
                ": `allOf` is only for one reference that is nullable; write the properties out",
            ),
            (
                "type: object\nadditionalProperties: false",
                ": `additionalProperties: false` refuses what the vendor adds; remove it; unknown \
                 inputs are refused by our own check",
            ),
            (
                "type: string\nenum: [x, y]\ntitle: Mode",
                ": `title` becomes the name of a type; remove it, or put the words into `description`",
            ),
        ]);
    }

    #[test]
    fn descriptions_that_rustdoc_would_run_or_break() {
        deserve(&[
            (
                "description: |\n  ```\n  code\n  ```",
                ".description: a code block would be run as a test of Rust; say it in words",
            ),
            (
                "description: a `b",
                ".description: a code span is not closed; add the missing backtick",
            ),
        ]);
        assert_eq!(
            in_input("description: '[0, 1] at https://x.test <b>'"),
            [""; 0]
        );
    }

    #[test]
    fn defaults_obey_the_rules() {
        deserve(&[
            (
                "type: string\nenum: [x, y]\ndefault: z",
                ".default: `\"z\"` is not one of the values in `enum`; mend the default or the rule",
            ),
            (
                "type: integer\ndefault: '1'",
                ".default: `\"1\"` is not of the type `\"integer\"`; mend the default or the rule",
            ),
            (
                "type: number\nmaximum: 2\ndefault: 2.5",
                ".default: `2.5` is above `maximum`; mend the default or the rule",
            ),
            (
                "type: string\nminLength: 1\ndefault: ''",
                ".default: `\"\"` is below `minLength`; mend the default or the rule",
            ),
            (
                "type: array\nitems: { type: string }\ndefault: [1]",
                ".default: `1` is not of the type `\"string\"`; mend the default or the rule",
            ),
        ]);
    }

    #[test]
    fn required_names_a_property() {
        assert_eq!(
            model_lines(&VALID.replace("properties:", "required: [inn]\nproperties:")),
            [
                "spec/models/a/b.yaml: required: `inn` is not one of the properties; mend the name or \
              add the property"
            ]
        );
    }

    #[test]
    fn references_in_schemas_lead_somewhere() {
        deserve(&[
            (
                "$ref: '#/components/schemas/Nil'",
                ".$ref: there is no #/components/schemas/Nil; mend the name",
            ),
            (
                "$ref: other.yaml",
                ".$ref: other.yaml is in another file; put it into spec/wavespeed.yaml and write \
                 `#/components/…`",
            ),
        ]);
    }

    #[test]
    fn answers_are_read_whatever_comes() {
        let note = "note: { type: string, nullable: true }";
        assert_eq!(
            api_lines(&API.replace(note, "note: { type: string }")),
            [
                "spec/wavespeed.yaml: components.schemas.Thing.properties.note: what can be missing \
              in an answer can also be null; add `nullable: true`, or `required` if it is always \
              there"
            ]
        );
        assert_eq!(
            api_lines(&API.replace(note, "note: { type: string, nullable: true, enum: [x] }")),
            [
                "spec/wavespeed.yaml: components.schemas.Thing.properties.note.enum: a closed enum \
              loses the whole answer over one new value; use `x-extensible-enum`"
            ]
        );
    }
}
