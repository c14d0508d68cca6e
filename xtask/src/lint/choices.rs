//! Values a schema is limited to, what they are called, and sets of values that may grow.

use serde_json::Value;

use super::walk::SchemaAt;
use super::{Report, code};
use crate::generate::OPEN_ENUMS;

/// Checks one schema, not those below it.
pub(super) fn check(at: &SchemaAt<'_>, report: &mut Report) {
    choices(at, report);
    choice_names(at, report);
    choice_language(at, report);
    open_enum(at, report);
}

fn choices(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(values) = at.schema.get("enum").and_then(Value::as_array) else {
        return;
    };
    let place = at.place.key("enum");
    let kind = &at.schema["type"];
    if kind != "string" && kind != "integer" {
        let mend = "say it in words";
        report.add(
            &place,
            format!("choices of the type {} have no type in Rust", code(kind)),
            mend,
        );
        return;
    }
    if values.is_empty() {
        report.add(&place, "there is no choice", "add one or remove `enum`");
    }
    for value in values
        .iter()
        .filter(|value| !has_type(value, kind.as_str().unwrap_or_default()))
    {
        let mend = "quote it if it is a word; use `nullable: true` for null";
        report.add(
            &place,
            format!("{} is not of the type {}", code(value), code(kind)),
            mend,
        );
    }
}

fn choice_names(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(names) = at.schema.get("x-choice-names") else {
        return;
    };
    let place = at.place.key("x-choice-names");
    let empty = Vec::new();
    let values = at
        .schema
        .get("enum")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    let shown = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let is_value = |name: &str| values.iter().any(|value| shown(value) == name);
    let Some(names) = names.as_object() else {
        let mend = "write `VALUE: { en: Name }`";
        return report.add(&place, "it is not a mapping of values to names", mend);
    };
    for (value, names) in names {
        if !is_value(value) {
            let problem = format!("`{value}` is not one of the values in `enum`");
            report.add(&place, problem, "mend the value or remove the line");
        }
        if !names
            .as_object()
            .is_some_and(|names| names.values().all(Value::is_string))
        {
            let mend = "write `{ en: Name }`";
            report.add(
                &place.key(value),
                "it is not a mapping of languages to names",
                mend,
            );
        }
    }
}

/// Which of the properties says in what language a choice of another is used.
fn choice_language(at: &SchemaAt<'_>, report: &mut Report) {
    let languages = |name: &str| at.schema["properties"][name]["enum"].as_array();
    for (_, property, place) in at.properties() {
        let Some(by) = property.get("x-choice-language") else {
            continue;
        };
        let place = place.key("x-choice-language");
        if by.as_str().is_none_or(|by| languages(by).is_none()) {
            let problem = format!("{} is not a property with an `enum`", code(by));
            report.add(&place, problem, "name the one that chooses the language");
        }
        if property.get("x-choice-names").is_none() {
            let mend = "add `x-choice-names`, which say what speaks which language";
            report.add(&place, "the choices have no names", mend);
        }
    }
}

fn open_enum(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(values) = at.schema.get("x-extensible-enum") else {
        if at.schema.get("x-terminal").is_some() {
            let mend = "add `x-extensible-enum`";
            report.add(&at.place, "`x-terminal` stands alone", mend);
        }
        return;
    };
    let known = OPEN_ENUMS
        .iter()
        .any(|(name, _)| at.is_component && at.place.keys == format!("components.schemas.{name}"));
    if !known {
        let problem = "no hand-written type stands in for this open enum";
        let mend = "write it in crates/client and list it in OPEN_ENUMS of xtask/src/generate.rs";
        report.add(&at.place.key("x-extensible-enum"), problem, mend);
    }
    let empty = Vec::new();
    let values = values.as_array().unwrap_or(&empty);
    let terminal = at
        .schema
        .get("x-terminal")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for value in terminal.filter(|value| !values.contains(value)) {
        let problem = format!(
            "{} is not one of the values in `x-extensible-enum`",
            code(value)
        );
        report.add(
            &at.place.key("x-terminal"),
            problem,
            "mend the value or add it there",
        );
    }
}

/// Whether a value is of a type.
pub(crate) fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{API, api_lines, deserve, in_input};

    #[test]
    fn choices_are_of_the_type() {
        deserve(&[
            (
                "type: number\nenum: [1, 2]",
                ".enum: choices of the type `\"number\"` have no type in Rust; say it in words",
            ),
            (
                "type: string\nenum: []",
                ".enum: there is no choice; add one or remove `enum`",
            ),
            (
                "type: string\nenum: [x, 720]",
                ".enum: `720` is not of the type `\"string\"`; quote it if it is a word; use \
                 `nullable: true` for null",
            ),
        ]);
    }

    #[test]
    fn names_of_choices_are_of_choices() {
        deserve(&[
            (
                "type: string\nenum: [x]\nx-choice-names: { y: { en: Why } }",
                ".x-choice-names: `y` is not one of the values in `enum`; mend the value or remove \
                 the line",
            ),
            (
                "type: string\nenum: [x]\nx-choice-names: { x: Ex }",
                ".x-choice-names.x: it is not a mapping of languages to names; write `{ en: Name }`",
            ),
            (
                "type: string\nenum: [x]\nx-choice-names: [x]",
                ".x-choice-names: it is not a mapping of values to names; write `VALUE: { en: Name }`",
            ),
        ]);
        assert_eq!(
            in_input("type: integer\nenum: [5]\nx-choice-names: { 5: { en: V } }"),
            [""; 0]
        );
    }

    #[test]
    fn the_language_of_a_choice_is_chosen_by_another_input() {
        let names = "enum: [x]\nx-choice-names: { x: { en: Ex } }";
        let by_nobody = format!("type: string\n{names}\nx-choice-language: tongue");
        deserve(&[
            (
                &by_nobody,
                ".x-choice-language: `\"tongue\"` is not a property with an `enum`; name the one \
                 that chooses the language",
            ),
            (
                "type: string\nenum: [en]\nx-choice-language: in",
                ".x-choice-language: the choices have no names; add `x-choice-names`, which say \
                 what speaks which language",
            ),
        ]);
    }

    #[test]
    fn open_enums_have_a_hand_written_type() {
        deserve(&[(
            "type: string\nx-extensible-enum: [a]",
            ".x-extensible-enum: no hand-written type stands in for this open enum; write it in \
             crates/client and list it in OPEN_ENUMS of xtask/src/generate.rs",
        )]);
        assert_eq!(
            api_lines(&API.replace("x-terminal: [off]", "x-terminal: [of]")),
            [
                "spec/wavespeed.yaml: components.schemas.Status.x-terminal: `\"of\"` is not one of the \
              values in `x-extensible-enum`; mend the value or add it there"
            ]
        );
    }
}
