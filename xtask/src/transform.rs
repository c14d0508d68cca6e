//! What is changed in the document before Rust is made of it, by name and with a reason. The bundle
//! in `spec/dist` is never changed: these say something of progenitor or of our client, nothing of
//! the wire. Each must find something to do, since a pattern that matches nothing fails in silence.

use serde_json::{Map, Value, json};

use crate::document::{is_form, model_types, request_schemas};
use crate::error::Error;
use crate::{names, prose};

/// One change.
#[derive(Debug)]
pub struct Transform {
    /// What it is called.
    pub name: &'static str,
    /// What it is there for; a clause.
    pub why: &'static str,
    /// Does it, and says at how many places.
    pub apply: fn(&mut Value) -> usize,
}

/// Where the choices of an enum stand whose values were replaced.
pub const VALUES: &str = "x-values";

/// The changes, in the order in which they are made: those that look at requests come before the
/// one that removes the submits.
pub const TRANSFORMS: &[Transform] = &[
    Transform {
        name: "drop_error_responses",
        why: "an error that is read into a type loses status, headers and body",
        apply: drop_error_responses,
    },
    Transform {
        name: "stream_answers",
        why: "an answer that is read into a type is lost over one unexpected word",
        apply: stream_answers,
    },
    Transform {
        name: "drop_envelopes",
        why: "one hand-written type reads every envelope",
        apply: drop_envelopes,
    },
    Transform {
        name: "limits_to_docs",
        why: "a type that enforces a limit hides the other faults and cannot be overridden",
        apply: limits_to_docs,
    },
    Transform {
        name: "defaults_to_docs",
        why: "a default in a type is always sent, which freezes what the server takes today",
        apply: defaults_to_docs,
    },
    Transform {
        name: "neutral_choices",
        why: "typify renames all variants when two become one, so that a new choice could",
        apply: neutral_choices,
    },
    Transform {
        name: "close_requests",
        why: "a request without inputs would become a map instead of a type with no fields",
        apply: close_requests,
    },
    Transform {
        name: "neutral_names",
        why: "typify changes the case of type names, so that two of them could become one",
        apply: neutral_names,
    },
    Transform {
        name: "drop_submit_operations",
        why: "a submit costs money, so that there is one way to send it, written by hand",
        apply: drop_submit_operations,
    },
    Transform {
        name: "drop_forms",
        why: "progenitor knows no multipart bodies, so that the client sends its form by hand",
        apply: drop_forms,
    },
    Transform {
        name: "escape_descriptions",
        why: "rustdoc reads brackets, angles and bare URLs as its own",
        apply: escape_descriptions,
    },
];

/// The document Rust is made of.
///
/// # Errors
/// [`Error::Transform`] for the first one that finds nothing to do.
pub fn apply(bundle: &Value) -> Result<Value, Error> {
    let mut document = bundle.clone();
    for transform in TRANSFORMS {
        if (transform.apply)(&mut document) == 0 {
            return Err(Error::Transform {
                name: transform.name,
                why: transform.why,
            });
        }
    }
    Ok(document)
}

fn responses_mut(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    let items = paths.filter_map(|(_, item)| item.as_object_mut());
    items.flat_map(|item| {
        item.values_mut()
            .filter_map(|value| value.get_mut("responses")?.as_object_mut())
    })
}

fn schemas_mut(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.pointer_mut("/components/schemas")?.as_object_mut()
}

/// Removes what `unwanted` says of, keeping the order of the rest.
fn remove(map: &mut Map<String, Value>, unwanted: impl Fn(&str, &Value) -> bool) -> usize {
    let before = map.len();
    map.retain(|key, value| !unwanted(key, value));
    before - map.len()
}

fn drop_error_responses(document: &mut Value) -> usize {
    let success = |status: &str| status.starts_with('2');
    responses_mut(document)
        .map(|responses| remove(responses, |status, _| !success(status)))
        .sum()
}

/// progenitor takes any media type but JSON as `ByteStream`.
fn stream_answers(document: &mut Value) -> usize {
    let mut hits = 0;
    for response in responses_mut(document).flat_map(|responses| responses.values_mut()) {
        *response = json!({ "description": "The answer, unread.", "content": { "*/*": {} } });
        hits += 1;
    }
    hits
}

fn drop_envelopes(document: &mut Value) -> usize {
    schemas_mut(document).map_or(0, |schemas| {
        remove(schemas, |name, _| name.ends_with("Answer"))
    })
}

/// Also of parameters, which would else become types with a regular expression inside.
fn limits_to_docs(document: &mut Value) -> usize {
    let mut hits = for_request_properties(document, |property, _| {
        let sentence = prose::limits(property);
        remove_limits(property);
        append(property, &sentence)
    });
    for_parameters(document, &mut |parameter| {
        let Some(schema) = parameter.get_mut("schema") else {
            return;
        };
        let sentence = prose::limits(schema);
        remove_limits(schema);
        hits += append(parameter, &sentence);
        // It stands in a list of arguments, where a paragraph of its own would end the list.
        if let Some(Value::String(text)) = parameter.get_mut("description") {
            *text = prose::one_line(text);
        }
    });
    hits
}

fn for_parameters(document: &mut Value, change: &mut impl FnMut(&mut Value)) {
    let shared = document
        .pointer_mut("/components/parameters")
        .and_then(Value::as_object_mut);
    shared
        .into_iter()
        .flatten()
        .for_each(|(_, parameter)| change(parameter));
    let paths = document
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    for (_, item) in paths {
        let values = item
            .as_object_mut()
            .into_iter()
            .flat_map(|item| item.values_mut());
        let own = values.filter_map(|value| value.get_mut("parameters")?.as_array_mut());
        own.flatten().for_each(&mut *change);
    }
}

fn remove_limits(schema: &mut Value) {
    let string = schema["type"] == "string";
    let Some(keys) = schema.as_object_mut() else {
        return;
    };
    // An enum of integers is a limit, too: typify has no type for it.
    let integer_choices = keys.get("type").is_some_and(|kind| kind == "integer");
    remove(keys, |key, _| match key {
        "format" => string,
        "enum" => integer_choices,
        _ => prose::LIMITS.contains(&key),
    });
    if let Some(items) = keys.get_mut("items") {
        remove_limits(items);
    }
}

fn defaults_to_docs(document: &mut Value) -> usize {
    for_request_properties(document, |property, required| {
        no_default_of_elements(property);
        let default = property
            .as_object_mut()
            .and_then(|keys| keys.shift_remove("default"));
        default.map_or(0, |value| {
            append(property, &prose::default(&value, required))
        })
    })
}

/// An element that is not there has no default.
fn no_default_of_elements(schema: &mut Value) {
    for key in ["items", "additionalProperties"] {
        if let Some(element) = schema.get_mut(key).filter(|element| element.is_object()) {
            element
                .as_object_mut()
                .map(|keys| keys.shift_remove("default"));
            no_default_of_elements(element);
        }
    }
}

/// Adds a sentence to a description. What explains the value follows in a paragraph of its own.
fn append(property: &mut Value, sentence: &str) -> usize {
    let Some(keys) = property.as_object_mut().filter(|_| !sentence.is_empty()) else {
        return 0;
    };
    let text = keys
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim_end();
    let (own, added) = text.split_once(prose::BREAK).unwrap_or((text, ""));
    let added = format!("{added} {sentence}");
    let text = format!("{own}{}{}", prose::BREAK, added.trim());
    keys.insert("description".into(), text.into());
    1
}

/// Calls `change` for each property of each request, and says how often it changed something.
fn for_request_properties(
    document: &mut Value,
    change: impl Fn(&mut Value, bool) -> usize + Copy,
) -> usize {
    let requests = request_schemas(document);
    let schemas = schemas_mut(document).into_iter().flatten();
    let wanted = schemas.filter(|(name, _)| requests.contains(*name));
    wanted
        .map(|(_, schema)| for_properties(schema, change))
        .sum()
}

fn for_properties(schema: &mut Value, change: impl Fn(&mut Value, bool) -> usize + Copy) -> usize {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut hits = 0;
    // Indexing would insert what is not there.
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        hits += change(property, required.iter().any(|required| required == name));
        hits += for_properties(property, change);
    }
    schema
        .get_mut("items")
        .map_or(hits, |items| hits + for_properties(items, change))
}

fn neutral_names(document: &mut Value) -> usize {
    let renames = model_types(document);
    let Some(schemas) = schemas_mut(document) else {
        return 0;
    };
    for (index, name) in renames.iter().enumerate() {
        if let Some(schema) = schemas.shift_remove(name) {
            schemas.insert(names::placeholder(index), schema);
        }
    }
    renames.len()
}

/// The values stay beside those that stand in for them, for the pass that names the variants.
fn neutral_choices(document: &mut Value) -> usize {
    let requests = request_schemas(document);
    let schemas = schemas_mut(document).into_iter().flatten();
    let sent = schemas.filter(|(name, _)| requests.contains(*name));
    sent.map(|(_, schema)| neutral_values(schema)).sum()
}

fn neutral_values(schema: &mut Value) -> usize {
    let Some(keys) = schema.as_object_mut() else {
        return 0;
    };
    let mut hits = 0;
    if let Some(values) = keys.get("enum").and_then(Value::as_array).cloned() {
        let stand_ins: Value = (0..values.len()).map(names::choice_placeholder).collect();
        keys.insert("enum".into(), stand_ins);
        keys.insert(VALUES.into(), values.into());
        hits += 1;
    }
    let nested = keys
        .iter_mut()
        .filter(|(key, _)| ["items", "additionalProperties"].contains(&key.as_str()));
    hits += nested
        .map(|(_, schema)| neutral_values(schema))
        .sum::<usize>();
    let properties = keys.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.into_iter().flatten();
    hits + properties
        .map(|(_, schema)| neutral_values(schema))
        .sum::<usize>()
}

fn close_requests(document: &mut Value) -> usize {
    let requests = request_schemas(document);
    let schemas = schemas_mut(document).into_iter().flatten();
    let sent =
        schemas.filter(|(name, schema)| requests.contains(*name) && schema["type"] == "object");
    let mut hits = 0;
    for (_, schema) in sent {
        schema["additionalProperties"] = false.into();
        hits += 1;
    }
    hits
}

fn drop_submit_operations(document: &mut Value) -> usize {
    drop_paths(document, |item| item.pointer("/post/x-model").is_some())
}

fn drop_forms(document: &mut Value) -> usize {
    drop_paths(document, |item| is_form(&item["post"]))
}

fn drop_paths(document: &mut Value, unwanted: impl Fn(&Value) -> bool) -> usize {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    paths.map_or(0, |paths| remove(paths, |_, item| unwanted(item)))
}

fn escape_descriptions(value: &mut Value) -> usize {
    let mut hits = 0;
    match value {
        Value::Object(keys) => {
            for (key, value) in keys.iter_mut() {
                match value {
                    Value::String(text) if key == "description" => {
                        *text = prose::rustdoc(text);
                        hits += 1;
                    }
                    value => hits += escape_descriptions(value),
                }
            }
        }
        Value::Array(items) => hits = items.iter_mut().map(escape_descriptions).sum(),
        _ => {}
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document in which each transform has something to do.
    fn document() -> Value {
        let json = |name: &str| {
            let reference = format!("#/components/schemas/{name}");
            json!({ "application/json": { "schema": { "$ref": reference } } })
        };
        json!({
            "paths": {
                "/things": { "post": {
                    "operationId": "make_thing",
                    "requestBody": { "content": json("NewThing") },
                    "responses": {
                        "200": { "description": "", "content": json("ThingAnswer") },
                        "404": { "description": "" }, "5XX": { "description": "" },
                    },
                } },
                "/files": { "post": {
                    "operationId": "send_file",
                    "requestBody": { "content": { "multipart/form-data": {} } },
                    "responses": { "200": { "description": "" } },
                } },
                "/a/v1-6": { "post": {
                    "operationId": "submit_a_v1_6", "x-model": { "id": "a/v1-6" },
                    "requestBody": { "content": json("AV1_6") },
                    "responses": { "200": { "description": "", "content": json("ThingAnswer") } },
                } },
            },
            "components": { "schemas": {
                "NewThing": { "type": "object", "properties": {
                    "name": { "type": "string", "description": "Its [name].", "maxLength": 9 },
                } },
                "ThingAnswer": { "type": "object" },
                "Thing": { "type": "object", "properties": {
                    "size": { "type": "integer", "minimum": 1, "default": 1 },
                } },
                "AV1_6": { "type": "object", "required": ["mode"], "properties": {
                    "mode": { "type": "string", "default": "x", "enum": ["x"] },
                    "steps": { "type": "integer", "enum": [5, 10], "default": 5 },
                    "list": { "type": "array", "items": { "$ref": "#/components/schemas/Item" } },
                } },
                "Item": { "type": "object", "properties": {
                    "at": { "type": "number", "minimum": 0 },
                } },
            } },
        })
    }

    fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
        &document["components"]["schemas"][name]
    }

    #[test]
    fn all_of_them_together() {
        let done = apply(&document()).unwrap();
        let call = &done["paths"]["/things"]["post"]["responses"];
        let answer = json!({ "description": "The answer, unread.", "content": { "*/*": {} } });
        assert_eq!(
            call,
            &json!({ "200": answer }),
            "only a success is left, and unread"
        );
        assert_eq!(
            done["paths"].as_object().unwrap().len(),
            1,
            "submits and forms are gone"
        );
        assert_eq!(
            schema(&done, "ThingAnswer"),
            &Value::Null,
            "envelopes are gone"
        );

        let properties = &schema(&done, "Modelaaaa")["properties"];
        let mode = json!({
            "type": "string", "enum": ["Choiceaaaa"], "x-values": ["x"],
            "description": "Suggested: `x`.",
        });
        assert_eq!(properties["mode"], mode);
        let steps = json!({ "type": "integer", "description": "One of `5`, `10`. Default: `5`." });
        assert_eq!(properties["steps"], steps);
        let at = json!({ "type": "number", "description": "At least 0." });
        assert_eq!(
            schema(&done, "Item")["properties"]["at"],
            at,
            "schemas that requests refer to"
        );
        let name = "Its \\[name\\].\n\nAt most 9 characters.";
        assert_eq!(
            schema(&done, "NewThing")["properties"]["name"]["description"],
            name
        );
        let size = json!({ "type": "integer", "minimum": 1, "default": 1 });
        assert_eq!(
            schema(&done, "Thing")["properties"]["size"],
            size,
            "answers are left alone"
        );
    }

    #[test]
    fn one_that_finds_nothing_is_an_error() {
        let mut without = document();
        without["components"]["schemas"]["ThingAnswer"] = Value::Null;
        remove(schemas_mut(&mut without).unwrap(), |_, schema| {
            schema.is_null()
        });
        assert_eq!(
            apply(&without).unwrap_err().to_string(),
            "transform drop_envelopes changed nothing; one hand-written type reads every envelope, \
             so mend the transform or remove it"
        );
    }

    #[test]
    fn each_hits_what_it_is_for() {
        for transform in TRANSFORMS {
            let hits = (transform.apply)(&mut document());
            assert!(hits > 0, "{}", transform.name);
            assert_eq!((transform.apply)(&mut json!({})), 0, "{}", transform.name);
        }
    }
}
