//! Tests of models that are read from the vendor's list at run time: the catalogue survives a round
//! trip through such a list, and the check of generated inputs is compared with a JSON Schema
//! validator.

use proptest::prelude::*;
use serde_json::{Value, json};
use wavespeed::{CATALOGUE, Files, Model, check};

/// An entry of the vendor's list.
fn entry(id: &str, schema: &Value) -> Value {
    let calls = json!([{ "type": "model_run", "request_schema": schema }]);
    json!({ "model_id": id, "api_schema": { "api_schemas": calls } })
}

#[test]
fn catalogue_survives_a_round_trip_through_a_list() {
    for known in CATALOGUE.iter() {
        let mut schema = known.schema();
        // The list has the order beside the inputs, since JSON objects have none.
        let order = known.inputs.iter().map(|input| input.name);
        schema["x-order-properties"] = order.collect();
        let mut listed = entry(known.id, &schema);
        for (key, text) in [("type", known.kind), ("description", known.about)] {
            listed[key] = text.into();
        }
        assert_eq!(Model::from_list(&listed), Some(known));
    }
}

/// Schemas with all keywords that the list uses, in unusual combinations too.
fn schemas() -> impl Strategy<Value = Value> {
    let number = || {
        prop_oneof![
            (-3..9).prop_map(Value::from),
            (-3.0..9.0).prop_map(Value::from)
        ]
    };
    let limits = (number(), number(), 0..4_u32, 0..4_u32).prop_map(|(min, max, least, most)| {
        json!({ "minimum": min, "maximum": max, "minLength": least, "maxLength": most,
                "minItems": least, "maxItems": most })
    });
    let kinds = ["string", "integer", "number", "boolean", "array", "object"];
    let plain = (
        prop::sample::select(kinds.to_vec()),
        limits,
        prop::collection::vec(values(), 1..4),
        0..16_u8,
        number(),
    );
    let plain = plain.prop_map(|(kind, limits, choices, has, step)| {
        let limits = limits.as_object().unwrap().clone().into_iter();
        let kept = limits
            .enumerate()
            .filter(|(at, _)| (has >> (at % 4)) & 1 == 1);
        let mut schema: Value = Value::Object(kept.map(|(_, limit)| limit).collect());
        schema["type"] = match has % 3 {
            0 => json!([kind, "null"]),
            _ => kind.into(),
        };
        if has % 5 == 0 {
            schema["enum"] = choices.into();
        }
        if has % 7 == 0 && step.as_f64() > Some(0.5) {
            schema["multipleOf"] = step;
        }
        schema
    });
    plain.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "anyOf": [a, b] })),
            inner
                .clone()
                .prop_map(|items| json!({ "type": "array", "items": items })),
            (inner, any::<bool>()).prop_map(|(a, open)| json!({
                "type": "object", "properties": { "a": a }, "additionalProperties": open,
            })),
        ]
    })
}

/// Arbitrary JSON values of small size.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..9).prop_map(Value::from),
        (-3.0..9.0).prop_map(Value::from),
        "[a-zé]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            inner.clone().prop_map(|a| json!({ "a": a })),
            inner.prop_map(|b| json!({ "b": b })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The validator of a JSON Schema library decides which inputs the schema allows.
    #[test]
    fn input_allowed_by_the_schema_has_no_faults(
        schema in schemas(),
        values in prop::collection::vec(values(), 16),
    ) {
        let whole = json!({ "type": "object", "properties": { "in": schema } });
        let model = Model::from_list(&entry("acme/odd", &whole)).unwrap();
        let allowed = jsonschema::validator_for(&whole).unwrap();
        let inputs = values.iter().map(|value| json!({ "in": value }));
        for input in inputs.filter(|input| allowed.is_valid(input)) {
            let faults = check(model, &input, Files::Url);
            prop_assert!(faults.is_empty(), "{} {} {:?}", schema, input, faults);
        }
    }
}
