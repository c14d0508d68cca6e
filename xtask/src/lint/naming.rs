//! Names that become one in Rust or on the command line. typify panics, renames every variant, or
//! writes what does not compile; all of it far from the line that is to blame.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Report;
use super::walk::{Place, SchemaAt};
use crate::names;
use crate::spec::{Model, Spec};

/// Names that generated code uses for something else.
const TAKEN: &[&str] = &[
    "Option", "String", "Vec", "Result", "Some", "None", "Ok", "Err", "Self", "Box",
];

/// Properties, choices and flags of one schema.
pub(super) fn check_schema(at: &SchemaAt<'_>, reserved: &[String], report: &mut Report) {
    let mut fields = BTreeMap::new();
    let mut flags = BTreeMap::new();
    for (name, _, place) in at.properties() {
        if let Some(first) = fields.insert(names::snake(name), name) {
            let field = names::snake(name);
            let problem = format!("`{first}` and `{name}` would be one field, `{field}`");
            report.add(&place, problem, "leave one of them out");
        } else if at.is_model {
            let flag = names::flag(name, reserved);
            if let Some(first) = flags.insert(flag.clone(), name) {
                let problem = format!("`{first}` and `{name}` would be one flag, `--{flag}`");
                report.add(&place, problem, "leave one of them out");
            }
        }
    }
    if at.schema["type"] == "string" {
        let mut variants = BTreeMap::new();
        let values = at
            .schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for value in values.filter_map(Value::as_str) {
            if let Some(first) = variants.insert(names::pascal(value), value) {
                let variant = names::pascal(value);
                let problem = format!("`{first}` and `{value}` would be one variant, `{variant}`");
                let mend = "leave one out, or describe the values and remove `enum`";
                report.add(&at.place.key("enum"), problem, mend);
            }
        }
    }
}

/// The names of all types, nested ones and structs of required inputs included.
pub(super) fn check_types(spec: &Spec, report: &mut Report) {
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let components = spec
        .api
        .value
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    for (name, schema) in components.into_iter().flatten() {
        let place = Place::file(&spec.api.file)
            .key("components")
            .key("schemas")
            .key(name);
        let canonical = names::pascal(name);
        if canonical != *name {
            report.add(
                &place,
                format!("its type would be called {canonical}"),
                "call it that here, too",
            );
        }
        claim(
            name,
            schema,
            "rename it",
            (&spec.api.file, &place),
            &mut types,
            report,
        );
    }
    for model in &spec.models {
        check_model(model, &mut types, report);
    }
}

fn check_model(model: &Model, types: &mut BTreeMap<String, String>, report: &mut Report) {
    let place = Place::file(&model.source.file);
    let (name, mend) = (
        &model.type_name,
        "give this model `x-model: {type_name: …}`",
    );
    let starts_well = name.starts_with(|first: char| first.is_uppercase());
    if !starts_well || !names::is_identifier(name) {
        report.add(
            &place,
            format!("`{name}` cannot be the name of a type"),
            mend,
        );
        return;
    }
    claim(
        name,
        &model.source.value,
        mend,
        (&model.source.file, &place),
        types,
        report,
    );
}

/// Takes the names a schema needs.
fn claim(
    name: &str,
    schema: &Value,
    mend: &str,
    (owner, place): (&str, &Place),
    types: &mut BTreeMap<String, String>,
    report: &mut Report,
) {
    let mut wanted = vec![name.to_owned(), format!("{name}Required")];
    nested(name, schema, &mut wanted);
    for name in wanted {
        if TAKEN.contains(&name.as_str()) {
            report.add(
                place,
                format!("`{name}` already means something in Rust"),
                mend,
            );
        }
        match types.get(&name) {
            Some(first) => {
                report.add(
                    place,
                    format!("its type `{name}` is also one of {first}"),
                    mend,
                );
                return;
            }
            None => drop(types.insert(name, owner.to_owned())),
        }
    }
}

/// What typify calls the types of properties.
fn nested(owner: &str, schema: &Value, wanted: &mut Vec<String>) {
    for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
        // It takes a capital or a digit from the property, not an `x` before a digit.
        let stand_in = names::placeholder(0);
        let joined = names::pascal(&format!("{stand_in}_{}", names::snake(property)));
        let mut name = format!("{owner}{}", joined.trim_start_matches(&stand_in));
        let mut schema = schema;
        while schema["items"].is_object() {
            name.push_str("Item");
            schema = &schema["items"];
        }
        if schema["enum"].is_array() && schema["type"] == "string" {
            wanted.push(name);
        } else if schema["properties"].is_object() {
            wanted.push(name.clone());
            nested(&name, schema, wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{INPUT, VALID, in_input, lines, model_lines, spec};

    #[test]
    fn properties_and_flags_that_become_one() {
        let model = VALID.replace("properties:", "properties:\n  voiceId: {}\n  voice_id: {}");
        assert_eq!(
            model_lines(&model),
            [
                "spec/models/a/b.yaml: properties.voice_id: `voiceId` and `voice_id` would be one \
              field, `voice_id`; leave one of them out"
            ]
        );
        let model = VALID.replace("properties:", "properties:\n  json: {}\n  input_json: {}");
        assert_eq!(
            model_lines(&model),
            [
                "spec/models/a/b.yaml: properties.input_json: `json` and `input_json` would be one \
              flag, `--input-json`; leave one of them out"
            ]
        );
    }

    #[test]
    fn choices_that_become_one() {
        assert_eq!(
            in_input("type: string\nenum: [uk_man2, AB, uk-man2]"),
            [format!(
                "{INPUT}.enum: `uk_man2` and `uk-man2` would be one variant, `UkMan2`; leave one \
                 out, or describe the values and remove `enum`"
            )]
        );
        assert_eq!(in_input("type: string\nenum: [ab, AB]").len(), 1);
    }

    #[test]
    fn types_that_become_one() {
        let found = lines(&spec(&[("a/b-c", VALID), ("a/b/c", VALID)]));
        assert_eq!(
            found[0],
            "spec/models/a/b/c.yaml: its type `ABC` is also one of spec/models/a/b-c.yaml; give \
             this model `x-model: {type_name: …}`"
        );
        let given = VALID.replace("type: test", "type: test, type_name: Other");
        assert_eq!(
            lines(&spec(&[("a/b-c", VALID), ("a/b/c", &given)])),
            [""; 0]
        );
        // The type of the input `mode` of the first is that of the second.
        let model = VALID.replace("in: {}", "mode: { type: string, enum: [x, y] }");
        let found = lines(&spec(&[("a/b", &model), ("a/b/mode", VALID)]));
        assert!(
            found[0].contains("its type `ABMode` is also one of"),
            "{found:?}"
        );
    }

    #[test]
    fn an_id_that_is_no_type_name() {
        assert_eq!(
            lines(&spec(&[("302/b", VALID)])),
            [
                "spec/models/302/b.yaml: `302B` cannot be the name of a type; give this model \
              `x-model: {type_name: …}`"
            ]
        );
    }
}
