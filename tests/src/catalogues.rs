//! Lists of models that no vendor has: of any size, as the real ones are made.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A list of `count` models of providers with `each` models, much like the vendor's: ten inputs a
/// model, the same few choices again and again.
pub fn usual(count: usize, each: usize) -> Vec<Value> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..count)
        .map(|index| {
            let (provider, number) = (index / each, index % each);
            let kind = ["text-to-video", "image-to-video", "text-to-image"][index % 3];
            let id = format!(
                "provider-{provider}/model-v{}.{}/{kind}",
                number / 3,
                number % 3
            );
            model(&id, kind, &mut random)
        })
        .collect()
}

fn model(id: &str, kind: &str, random: &mut fastrand::Rng) -> Value {
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| drop(properties.insert(name.to_owned(), schema));
    add(
        "prompt",
        json!({ "type": "string", "description": "The positive prompt for the generation.", "minLength": 1 }),
    );
    if kind.starts_with("image") {
        add(
            "image",
            json!({ "type": "string", "description": "The image to start from, as a URL.", "x-accept": "image/*" }),
        );
        add(
            "images",
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 4 }),
        );
    }
    add(
        "negative_prompt",
        json!({ "type": "string", "description": "The negative prompt for the generation." }),
    );
    let ratios = [
        &["16:9", "9:16", "1:1"][..],
        &["16:9", "9:16", "1:1", "4:3", "3:4"],
        &["auto", "1:1"],
    ];
    let sizes = [
        &["480p", "720p"][..],
        &["720p", "1080p"],
        &["1024*1024", "1280*720", "720*1280"],
    ];
    add(
        "aspect_ratio",
        json!({ "type": "string", "default": "1:1", "enum": ratios[random.usize(..3)], "x-ui-component": "select" }),
    );
    add(
        "resolution",
        json!({ "type": "string", "description": "How large.", "enum": sizes[random.usize(..3)] }),
    );
    add(
        "mode",
        json!({ "type": "string", "default": "mode_0", "enum": (0..random.usize(2..12)).map(|n| format!("mode_{n}")).collect::<Vec<_>>() }),
    );
    add(
        "duration",
        json!({ "type": "integer", "description": "Seconds.", "default": 5, "enum": [5, 10] }),
    );
    add(
        "guidance_scale",
        json!({ "type": "number", "minimum": 0.0, "maximum": 1.0, "default": 0.5, "step": 0.1 }),
    );
    add(
        "seed",
        json!({ "type": "integer", "default": -1, "minimum": -1, "maximum": 2_147_483_647 }),
    );
    add(
        "enable_safety_checker",
        json!({ "type": "boolean", "default": true, "x-hidden": true }),
    );
    let order: Vec<_> = properties.keys().cloned().collect();
    json!({
        "model_id": id, "name": id, "base_price": 0.1, "sort_order": 100, "type": kind,
        "description": format!("{id} makes what you ask for, faster than the one before it."),
        "api_schema": { "api_schemas": [{
            "type": "model_run", "method": "POST", "server": "https://api.wavespeed.ai",
            "api_path": format!("/api/v3/{id}"),
            "request_schema": {
                "type": "object", "additionalProperties": false, "properties": properties,
                "required": ["prompt"], "x-order-properties": order,
            },
        }] },
    })
}

/// An entry as no vendor should make one, but some will.
pub fn odd() -> impl Strategy<Value = Value> {
    let id = prop_oneof![
        6 => "[a-c]{1,2}/[a-c]([-._/][a-c1-2]){0,2}",
        1 => "(type|self|model|302ai|x_y|x-y|option)/(vec|fn|string|v1[.]6|v1-6|v16)",
        1 => any::<String>(),
    ];
    let described = prop_oneof![
        Just(Value::Null),
        any::<String>().prop_map(Value::from),
        "[`#*\\[<a ~-]{0,9}".prop_map(Value::from)
    ];
    let names = prop::collection::vec(input_name(), 0..3);
    (id, described, properties(schema()), names).prop_map(|(id, words, properties, required)| {
        json!({
            "model_id": id, "description": words, "type": "odd",
            "api_schema": { "api_schemas": [{
                "type": "model_run",
                "request_schema": { "type": "object", "properties": properties, "required": required },
            }] },
        })
    })
}

fn input_name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-d]{1,2}(_[a-d0-9]{1,2}){0,2}",
        2 => "(type|self|Self|fn|gen|async|crate|json|output|input_json|480p|voiceId|voice_id|r#in|super)",
        1 => "[a-zäß测 ./$'-]{0,6}",
        1 => any::<String>(),
    ]
}

fn properties(schema: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((input_name(), schema), 0..6)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|items| json!({ "type": "array", "items": items, "minItems": 1 })),
            properties(inner.clone())
                .prop_map(|all| json!({ "type": "object", "properties": all, "required": ["a"] })),
            prop::collection::vec(inner, 0..3).prop_map(|all| json!({ "anyOf": all })),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!("string")),
        Just(json!("integer")),
        Just(json!("number")),
        Just(json!("boolean")),
        Just(json!("array")),
        Just(json!("object")),
        Just(json!("float")),
        Just(json!("file")),
        Just(json!(["string", "null"])),
        Just(Value::Null),
        Just(json!(7)),
    ];
    let scalar = prop_oneof![
        "[+*:'a-cA-C0-2 _-]{0,4}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(true)),
        (-3..3i64).prop_map(Value::from),
        Just(json!([])),
    ];
    let choices = prop::option::weighted(
        0.5,
        prop_oneof![
            prop::collection::vec(scalar.clone(), 0..6),
            prop::collection::vec("[+*:'a-cA-C0-2 _-]{0,3}".prop_map(Value::from), 1..200),
        ],
    );
    let limits = prop::collection::vec(
        (
            prop::sample::select(vec![
                "minimum",
                "maximum",
                "minLength",
                "maxLength",
                "minItems",
                "maxItems",
                "multipleOf",
                "pattern",
                "format",
                "title",
                "step",
                "x-hidden",
                "nullable",
                "const",
                "$ref",
                "uniqueItems",
                "exclusiveMinimum",
            ]),
            scalar.clone(),
        ),
        0..4,
    );
    (kind, choices, prop::option::of(scalar), limits).prop_map(
        |(kind, choices, default, limits)| {
            let mut schema = Map::new();
            schema.insert("type".into(), kind);
            schema.extend(choices.map(|all| ("enum".to_owned(), all.into())));
            schema.extend(default.map(|value| ("default".to_owned(), value)));
            schema.extend(
                limits
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value)),
            );
            schema.into()
        },
    )
}
