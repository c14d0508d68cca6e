//! Property test of the check of inputs: for every model of the catalogue, generated inputs are checked
//! by the library and by a JSON Schema validator with the schema of the spec. Both must agree on the
//! rules that JSON Schema has.

use std::cell::Cell;

use jsonschema::{Draft, Validator};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use wavespeed::{CATALOGUE, Files, Model, Rule, check};

/// The rules that JSON Schema also has.
const COMMON: [Rule; 7] = [
    Rule::Required,
    Rule::Type,
    Rule::Choice,
    Rule::Length,
    Rule::Range,
    Rule::Multiple,
    Rule::Items,
];

/// The OpenAPI document of all models.
fn bundle() -> Value {
    serde_json::from_str(include_str!("../../../../spec/dist/openapi.json")).unwrap()
}

/// The schema of a model's input, in a document with the components that it refers to.
fn document(bundle: &Value, model: &Model) -> Value {
    let body = &bundle["paths"][format!("/{}", model.id)]["post"]["requestBody"];
    let schema = &body["content"]["application/json"]["schema"];
    json!({ "allOf": [schema], "components": bundle["components"] })
}

fn resolve<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

/// Values worth testing: those that the schema names, those around its limits, and values of each
/// type.
fn values(schema: &Value, document: &Value) -> Vec<Value> {
    let schema = resolve(schema, document);
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(1.5),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
    ];
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    values.extend(schema.get("default").cloned());
    for limit in ["minimum", "maximum", "multipleOf"] {
        let around = |limit: f64| [-1.0, -0.01, 0.0, 0.01, 1.0].map(|by| json!(limit + by));
        values.extend(schema[limit].as_f64().into_iter().flat_map(around));
    }
    for limit in ["minLength", "maxLength"] {
        let lengths = |limit: u64| limit.saturating_sub(1)..=limit + 1;
        for length in schema[limit].as_u64().into_iter().flat_map(lengths) {
            // The length is in characters; it differs in bytes and in units of UTF-16.
            values.extend(["a", "口", "𝄞", "é"].map(|each| each.repeat(length as usize).into()));
        }
    }
    if let Some(items) = schema.get("items") {
        let each = self::values(items, document);
        let most = schema["maxItems"].as_u64().unwrap_or(3) as usize;
        for length in [1, most, most + 1] {
            values.extend(each.iter().map(|item| vec![item.clone(); length].into()));
        }
    }
    values
}

/// A valid value.
fn valid(schema: &Value, document: &Value) -> Value {
    let schema = resolve(schema, document);
    match (schema["enum"].get(0), schema["type"].as_str()) {
        (Some(choice), _) => choice.clone(),
        (None, Some("integer" | "number")) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (None, Some("boolean")) => json!(true),
        (None, Some("array")) => json!([valid(&schema["items"], document)]),
        _ => json!("x"),
    }
}

/// Inputs in which each field is absent, valid, or any of its [`values`].
fn inputs(document: &Value) -> impl Strategy<Value = Value> {
    let schema = resolve(&document["allOf"][0], document);
    let properties = schema["properties"].as_object().unwrap().iter();
    let inputs: Vec<_> = properties
        .map(|(name, property)| {
            let name = name.clone();
            // A valid value is so frequent that many whole inputs are valid.
            let valid = valid(property, document);
            let any = prop::sample::select(values(property, document));
            let value =
                prop_oneof![5 => Just(Some(valid)), 3 => any.prop_map(Some), 1 => Just(None)];
            value.prop_map(move |value| Some((name.clone(), value?)))
        })
        .collect();
    inputs.prop_map(|inputs| inputs.into_iter().flatten().collect::<Map<_, _>>().into())
}

#[test]
fn check_agrees_with_a_json_schema_validator() {
    let bundle = bundle();
    for model in CATALOGUE.iter() {
        let document = document(&bundle, model);
        let validator: Validator = jsonschema::options()
            .with_draft(Draft::Draft7)
            .build(&document)
            .unwrap();
        // The number of invalid and of valid inputs.
        let verdicts = [Cell::new(0), Cell::new(0)];
        let mut runner = TestRunner::new(Config {
            cases: 600,
            failure_persistence: None,
            ..Config::default()
        });
        let outcome = runner.run(&inputs(&document), |input| {
            let faults = check(model, &input, Files::Url);
            let ours = !faults.iter().any(|fault| COMMON.contains(&fault.rule));
            let theirs = validator.is_valid(&input);
            prop_assert_eq!(ours, theirs, "{}: {:?}", input, faults);
            verdicts[usize::from(theirs)].update(|count| count + 1);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{}: {error}", model.id));
        assert!(
            verdicts.iter().all(|count| count.get() > 20),
            "{}: {verdicts:?}",
            model.id
        );
    }
}
