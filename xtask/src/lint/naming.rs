//! Names that become one in Rust or on the command line. typify panics, renames every variant, or
//! writes what does not compile; all of it far from the line that is to blame.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Report;
use super::walk::{Place, SchemaAt};
use crate::features::RESERVED;
use crate::names;
use crate::spec::{Model, Spec};

/// Properties, choices and flags of one schema.
pub(super) fn check_schema(at: &SchemaAt<'_>, reserved: &[String], report: &mut Report) {
    let mut fields = BTreeMap::new();
    let mut flags = BTreeMap::new();
    for (name, _, place) in at.properties() {
        if !is_plain(name) {
            let problem = format!("`{}` cannot be a field and a flag", name.escape_debug());
            report.add(&place, problem, "leave it out");
        } else if let Some(first) = fields.insert(names::snake(name), name) {
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
            let variant = names::variant(value, at.schema);
            let place = at.place.key("enum");
            let mend = "name it in `x-variant-names`";
            if !names::is_identifier(&variant) || variant == names::OTHER {
                let value = value.escape_debug();
                report.add(
                    &place,
                    format!("`{value}` would be the variant `{variant}`"),
                    mend,
                );
            }
            if let Some(first) = variants.insert(variant.clone(), value) {
                let problem = format!("`{first}` and `{value}` would be one variant, `{variant}`");
                report.add(&place, problem, mend);
            }
        }
    }
}

/// What Rust and the command line both can name, whatever they put in place of signs.
fn is_plain(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-. $/:".contains(c))
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
    providers(spec, report);
}

/// Providers are modules and cargo features; in its module a type has a shorter name.
fn providers(spec: &Spec, report: &mut Report) {
    let mut modules: BTreeMap<String, &str> = BTreeMap::new();
    let mut shorts: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for model in &spec.models {
        let (provider, place) = (model.provider(), Place::file(&model.source.file));
        let module = names::snake(provider);
        let first = *modules.entry(module.clone()).or_insert(provider);
        if RESERVED.contains(&provider) {
            let problem = format!("`{provider}` is a cargo feature already");
            report.add(&place, problem, "leave the model out");
        } else if !names::is_identifier(&module) || first != provider {
            let problem =
                format!("the module of `{provider}` would be `{module}`, as that of `{first}`");
            report.add(&place, problem, "leave the model out");
        }
        for name in types_of(&model.type_name, &model.source.value) {
            let short = names::short(provider, &name);
            if let Some(first) = shorts.insert((provider, short.clone()), &model.id) {
                let problem = format!("its type `{short}` is also one of {first}");
                report.add(&place, problem, "give this model `x-model: {type_name: …}`");
            }
        }
    }
}

fn check_model(model: &Model, types: &mut BTreeMap<String, String>, report: &mut Report) {
    let place = Place::file(&model.source.file);
    let (name, mend) = (
        &model.type_name,
        "give this model `x-model: {type_name: …}`",
    );
    if !names::is_type_name(name) {
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
    for name in types_of(name, schema) {
        if names::TAKEN.contains(&name.as_str()) {
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

/// The names of the types that a schema needs.
pub(crate) fn types_of(name: &str, schema: &Value) -> Vec<String> {
    let mut wanted = vec![name.to_owned(), format!("{name}Required")];
    nested(name, schema, &mut wanted);
    wanted
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
    fn names_that_are_neither_fields_nor_flags() {
        for name in ["'测'", "''", "'-'", r#""a\n""#] {
            let found = model_lines(&VALID.replace("in: {}", &format!("{name}: {{}}")));
            assert!(
                found[0].contains("` cannot be a field and a flag; leave it out"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn choices_that_become_one() {
        assert_eq!(
            in_input("type: string\nenum: [uk_man2, AB, uk-man2]"),
            [format!(
                "{INPUT}.enum: `uk_man2` and `uk-man2` would be one variant, `UkMan2`; name it \
                 in `x-variant-names`"
            )]
        );
        assert_eq!(in_input("type: string\nenum: [ab, AB]").len(), 1);
    }

    #[test]
    fn the_variant_of_unknown_choices_is_taken() {
        assert_eq!(in_input("type: string\nenum: [other, Others]"), [""; 0]);
        assert_eq!(
            in_input("type: string\nenum: [x]\nx-variant-names: { x: Other }"),
            [format!(
                "{INPUT}.enum: `x` would be the variant `Other`; name it in `x-variant-names`"
            )]
        );
    }

    #[test]
    fn types_that_become_one() {
        let found = lines(&spec(&[("a/b-c", VALID), ("a/b/c", VALID)]));
        let mend = "of spec/models/a/b-c.yaml; give this model `x-model: {type_name: …}`";
        for name in [
            "its operation `submit_a_b_c` is also that",
            "its type `ABC` is also one",
        ] {
            let line = format!("spec/models/a/b/c.yaml: {name} {mend}");
            assert!(found.contains(&line), "{line} in {found:?}");
        }
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
    fn providers_that_become_one() {
        let found = lines(&spec(&[
            ("a-b/c", VALID),
            ("a_b/d", VALID),
            ("rustls/e", VALID),
        ]));
        assert_eq!(
            found,
            [
                "spec/models/a_b/d.yaml: the module of `a_b` would be `a_b`, as that of `a-b`; \
                 leave the model out",
                "spec/models/rustls/e.yaml: `rustls` is a cargo feature already; leave the model out"
            ]
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
