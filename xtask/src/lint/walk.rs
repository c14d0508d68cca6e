//! Where schemas stand in the files of the spec, and on which side of the wire. It judges nothing.

use serde_json::Value;

use crate::document::{operations, reachable, request_schemas};
use crate::spec::Spec;

/// A place in a file: the keys that lead to it, joined by dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) keys: String,
}

impl Place {
    pub(super) fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            keys: String::new(),
        }
    }

    pub(super) fn key(&self, key: impl std::fmt::Display) -> Self {
        let dot = if self.keys.is_empty() { "" } else { "." };
        Self {
            file: self.file.clone(),
            keys: format!("{}{dot}{key}", self.keys),
        }
    }
}

/// Who reads a schema's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The vendor: models, and the bodies of calls.
    Request,
    /// We.
    Answer,
    /// Parameters and headers.
    Other,
}

/// A schema, where it stands and whose it is.
#[derive(Clone, Debug)]
pub(super) struct SchemaAt<'a> {
    pub(super) schema: &'a Value,
    pub(super) place: Place,
    pub(super) side: Side,
    /// Whether it is the whole file of a model.
    pub(super) is_model: bool,
    /// Whether it has a name of its own.
    pub(super) is_component: bool,
}

impl<'a> SchemaAt<'a> {
    /// Its properties, with their places.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'a String, &'a Value, Place)> {
        let place = self.place.key("properties");
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(move |(name, schema)| (name, schema, place.key(name)))
    }

    pub(super) fn requires(&self, property: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|name| name == property))
    }

    /// The schemas directly below it.
    fn children(&self) -> Vec<(&'a Value, Place)> {
        let mut found: Vec<_> = self
            .properties()
            .map(|(_, schema, place)| (schema, place))
            .collect();
        for key in ["items", "additionalProperties", "not"] {
            let inner = self.schema.get(key).filter(|inner| inner.is_object());
            found.extend(inner.map(|inner| (inner, self.place.key(key))));
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            let inner = self
                .schema
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let place = self.place.key(key);
            found.extend(
                inner
                    .enumerate()
                    .map(|(index, inner)| (inner, place.key(index))),
            );
        }
        found
    }
}

/// Every schema of the spec, nested ones after those they stand in.
pub(super) fn schemas<'a>(spec: &'a Spec, bundle: &Value) -> Vec<SchemaAt<'a>> {
    let mut found = Vec::new();
    for model in &spec.models {
        let (schema, place) = (&model.source.value, Place::file(&model.source.file));
        let (side, is_model, is_component) = (Side::Request, true, true);
        descend(
            SchemaAt {
                schema,
                place,
                side,
                is_model,
                is_component,
            },
            &mut found,
        );
    }
    let requests = request_schemas(bundle);
    let api = Place::file(&spec.api.file);
    let components = spec
        .api
        .value
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    for (name, schema) in components.into_iter().flatten() {
        let side = if requests.contains(name) {
            Side::Request
        } else {
            Side::Answer
        };
        let place = api.key("components").key("schemas").key(name);
        let (is_model, is_component) = (false, true);
        descend(
            SchemaAt {
                schema,
                place,
                side,
                is_model,
                is_component,
            },
            &mut found,
        );
    }
    inline(&spec.api.value, &api, &mut found);
    found
}

/// The schemas both sides use.
pub(super) fn on_both_sides(bundle: &Value) -> Vec<String> {
    let responses = operations(bundle).filter_map(|(_, operation)| operation.get("responses"));
    let answers = reachable(bundle, responses);
    request_schemas(bundle)
        .intersection(&answers)
        .cloned()
        .collect()
}

fn descend<'a>(at: SchemaAt<'a>, found: &mut Vec<SchemaAt<'a>>) {
    let children = at.children();
    let side = at.side;
    found.push(at);
    for (schema, place) in children {
        let (is_model, is_component) = (false, false);
        descend(
            SchemaAt {
                schema,
                place,
                side,
                is_model,
                is_component,
            },
            found,
        );
    }
}

/// The schemas of parameters, headers and bodies, which stand under the key `schema`.
fn inline<'a>(value: &'a Value, place: &Place, found: &mut Vec<SchemaAt<'a>>) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                let place = place.key(key);
                match key.as_str() {
                    "example" | "examples" | "schemas" => {}
                    "schema" => {
                        let (side, is_model, is_component) = (Side::Other, false, false);
                        let at = SchemaAt {
                            schema: value,
                            place,
                            side,
                            is_model,
                            is_component,
                        };
                        descend(at, found);
                    }
                    _ => inline(value, &place, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inline(item, &place.key(index), found);
            }
        }
        _ => {}
    }
}
