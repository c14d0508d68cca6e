//! What stands in an OpenAPI document: its operations, its models, and the schemas that one thing
//! or another is made of. It changes nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::names;

const SCHEMAS: &str = "#/components/schemas/";

/// Every operation, with its path.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flatten();
        operations
            .filter(|(_, operation)| operation.get("responses").is_some())
            .map(move |(_, operation)| (path.as_str(), operation))
    })
}

/// Whether the body of an operation is a form. Such a call is written by hand.
#[must_use]
pub fn is_form(operation: &Value) -> bool {
    let form = "/requestBody/content/multipart~1form-data";
    operation.pointer(form).is_some()
}

/// The input types of the models, in the order of the placeholders that stand in for them.
#[must_use]
pub fn model_types(document: &Value) -> Vec<String> {
    let submits = operations(document).filter(|(_, operation)| operation.get("x-model").is_some());
    submits
        .filter_map(|(_, operation)| {
            let body = operation.pointer("/requestBody/content/application~1json/schema/$ref")?;
            body.as_str()?.rsplit('/').next().map(str::to_owned)
        })
        .collect()
}

/// The document that the calls are made of: all but the models.
#[must_use]
pub fn calls(transformed: &Value) -> Value {
    let mut document = transformed.clone();
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    if let Some(schemas) = schemas {
        schemas.retain(|name, _| names::stand_in(name).is_none());
    }
    document
}

/// The document of some schemas: these, and what they refer to.
#[must_use]
pub fn part(document: &Value, names: &[String]) -> Value {
    let all = &document["components"]["schemas"];
    let referred = reachable(document, names.iter().filter_map(|name| all.get(name)));
    let names = names.iter().chain(&referred);
    let schemas = names.filter_map(|name| Some((name.clone(), all.get(name)?.clone())));
    let schemas: Map<String, Value> = schemas.collect();
    json!({
        "openapi": document["openapi"],
        "info": document["info"],
        "paths": {},
        "components": { "schemas": schemas },
    })
}

/// The ids of the models, in the same order.
#[must_use]
pub fn model_ids(document: &Value) -> Vec<String> {
    let ids = operations(document).filter_map(|(_, operation)| operation.pointer("/x-model/id"));
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The names of all schemas a request is made of, nested ones included.
#[must_use]
pub fn request_schemas(document: &Value) -> BTreeSet<String> {
    let bodies = operations(document).filter_map(|(_, operation)| operation.get("requestBody"));
    reachable(document, bodies)
}

/// The names of all schemas that `roots` refer to, and those refer to.
pub fn reachable<'a>(
    document: &'a Value,
    roots: impl Iterator<Item = &'a Value>,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Value> = roots.collect();
    while let Some(value) = open.pop() {
        for reference in references(value) {
            if seen.insert(reference) {
                let pointer = reference.strip_prefix('#');
                open.extend(pointer.and_then(|pointer| document.pointer(pointer)));
            }
        }
    }
    let names = seen
        .into_iter()
        .filter_map(|reference| reference.strip_prefix(SCHEMAS));
    names.map(str::to_owned).collect()
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(keys) => {
            let own = keys.get("$ref").and_then(Value::as_str).into_iter();
            own.chain(keys.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
