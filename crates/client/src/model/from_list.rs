//! Models converted at run time from the vendor's list (`GET /models`), for models that the catalogue
//! does not have or has in an older form. The conversion is lenient: a part of a schema that is not understood
//! is no rule, so that it cannot make a valid input invalid.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::model::builders::{INPUT, MEDIA};
use crate::model::find::model;
use crate::model::{Choice, Input, Literal, Media, MediaKind, Model, Shape};

/// The models read so far, by the text of their entries. A model is leaked to get the `'static`
/// lifetime of the models of the catalogue; the map ensures that this happens once for each text,
/// however often a list is read.
static LEAKED_MODELS: LazyLock<Mutex<HashMap<String, &'static Model>>> =
    LazyLock::new(Mutex::default);

/// Returns the schema of a model's inputs from an entry of the vendor's list (`GET /models`).
#[must_use]
pub fn request_schema(entry: &Value) -> Option<&Value> {
    let calls = entry.pointer("/api_schema/api_schemas")?.as_array()?;
    let run = calls.iter().find(|call| call["type"] == "model_run")?;
    run.get("request_schema")
        .filter(|schema| schema["properties"].is_object())
}

impl Model {
    /// Converts an entry of the vendor's list (`GET /models`) to a model, or returns `None` if the
    /// entry has no id or no inputs. The list does not say which files an input takes: that is taken
    /// from the catalogue if it has the input, and otherwise guessed from the name of the input.
    ///
    /// The model stays in memory until the process ends, once for each distinct entry.
    #[must_use]
    pub fn from_list(entry: &Value) -> Option<&'static Self> {
        let id = entry["model_id"].as_str().filter(|id| !id.is_empty())?;
        let schema = request_schema(entry)?;
        // Only the parts of the entry that the model is made of: the others may change without
        // changing the model.
        let parts = [&entry["name"], &entry["type"], &entry["description"]];
        let text = format!("{id} {parts:?} {schema}");
        let mut models = LEAKED_MODELS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get(&text) {
            return Some(model);
        }
        // The catalogue has facts that the list does not have.
        let known = model(id);
        let text_of = |key: &str| entry[key].as_str().unwrap_or_default().trim();
        // A name that repeats the id says nothing.
        let name = Some(text_of("name")).filter(|name| *name != id && !name.is_empty());
        let model: &'static Self = Box::leak(Box::new(Self {
            id: leak(id),
            name: known.map_or_else(|| leak(name.unwrap_or(id)), |known| known.name),
            kind: leak(text_of("type")),
            about: leak(&one_line(text_of("description"))),
            docs: known.and_then(|known| known.docs),
            seconds: known.and_then(|known| known.seconds),
            inputs: inputs(schema, known.map_or(&[], |known| known.inputs), true),
        }));
        models.insert(text, model);
        Some(model)
    }

    /// Returns a model of which only the id is known. Like the models of a list, it stays in memory
    /// until the process ends.
    #[must_use]
    pub fn unknown(id: &str) -> &'static Self {
        let mut models = LEAKED_MODELS.lock().unwrap_or_else(PoisonError::into_inner);
        // No entry of a list has an id alone as its text, so the keys cannot collide.
        models.entry(id.to_owned()).or_insert_with(|| {
            Box::leak(Box::new(Self {
                id: leak(id),
                name: "",
                kind: "",
                about: "",
                docs: None,
                seconds: None,
                inputs: &[],
            }))
        })
    }
}

/// Converts the properties of an object, in the order in which the vendor shows them. `known` are the
/// same inputs in the catalogue; `top` is `true` for the inputs of a model itself.
fn inputs(schema: &Value, known: &'static [Input], top: bool) -> &'static [Input] {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let ordered = schema["x-order-properties"].as_array();
    let ordered = ordered.into_iter().flatten().filter_map(Value::as_str);
    // The order may be incomplete, or name properties that do not exist.
    let mut names: Vec<&str> = Vec::new();
    for name in ordered.chain(properties.keys().map(String::as_str)) {
        if properties.contains_key(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let inputs = names.into_iter().map(|name| {
        let property = &properties[name];
        let known = known.iter().find(|input| input.name == name);
        let shape = shape(property, known.map(|known| &known.shape));
        // A field of a nested object may be called `image` without being a file.
        let guessed = media_kind(name, property).filter(|_| top && takes_urls(&shape));
        let guessed = guessed.map(|kind| Media {
            kind,
            // Unknown, so a `data:` URL is not refused.
            inline: true,
            ..MEDIA
        });
        let media = known.and_then(|known| known.media).or(guessed);
        Input {
            name: leak(name),
            flag: leak(&name.replace('_', "-")),
            about: leak(&one_line(
                property["description"].as_str().unwrap_or_default(),
            )),
            required: is_required(name),
            hidden: property["x-hidden"] == true,
            nullable: property["nullable"] == true,
            default: literal(&property["default"]),
            shape,
            media,
            language: known.and_then(|known| known.language),
            ..INPUT
        }
    });
    Box::leak(inputs.collect::<Box<[Input]>>())
}

/// Converts a schema to the shape of its values, or to [`Shape::Any`] if a part of it that restricts
/// the type is not understood.
fn shape(schema: &Value, known: Option<&'static Shape>) -> Shape {
    // These keywords combine or replace schemas, so a reading of the others alone would be wrong.
    let unsupported = ["anyOf", "oneOf", "allOf", "$ref", "not", "const"];
    if unsupported.iter().any(|key| schema.get(key).is_some()) {
        return Shape::Any;
    }
    let allowed = schema["enum"].as_array();
    match schema["type"].as_str() {
        Some("string") => match choices(allowed, known, Value::is_string) {
            None => Shape::Any,
            Some(choices) => Shape::String {
                min_chars: count(schema, "minLength"),
                max_chars: count(schema, "maxLength"),
                choices,
            },
        },
        Some("integer") => match choices(allowed, known, Value::is_i64) {
            None => Shape::Any,
            Some(choices) => Shape::Integer {
                min: integer(schema, "minimum"),
                max: integer(schema, "maximum"),
                multiple_of: integer(schema, "multipleOf").filter(|step| *step > 0),
                choices,
            },
        },
        Some("number") if allowed.is_none() => Shape::Number {
            min: schema["minimum"].as_f64(),
            max: schema["maximum"].as_f64(),
            multiple_of: schema["multipleOf"].as_f64().filter(|step| *step > 0.0),
        },
        Some("boolean") => Shape::Boolean,
        Some("array") => {
            let known = match known {
                Some(Shape::Array { items, .. }) => Some(*items),
                _ => None,
            };
            Shape::Array {
                items: Box::leak(Box::new(shape(&schema["items"], known))),
                min_items: count(schema, "minItems"),
                max_items: count(schema, "maxItems"),
            }
        }
        Some("object") if has_only_listed_fields(schema) => Shape::Object {
            // The catalogue has no facts about the fields of nested objects.
            fields: inputs(schema, &[], false),
        },
        _ => Shape::Any,
    }
}

/// Returns the value of a keyword if it is a whole number.
fn integer(schema: &Value, key: &str) -> Option<i64> {
    let number = schema[key].as_f64().filter(|number| number.fract() == 0.0);
    // A larger number is not exact as an `f64`, and as a limit it has no effect in practice.
    #[allow(clippy::cast_possible_truncation)]
    number
        .filter(|number| number.abs() < 9e15)
        .map(|number| number as i64)
}

/// Returns the value of a keyword if it is a number of characters or elements.
fn count(schema: &Value, key: &str) -> Option<u32> {
    integer(schema, key).and_then(|number| u32::try_from(number).ok())
}

/// Returns `true` if the schema of an object lists all fields that the object may have. If
/// `additionalProperties` is missing, an unlisted field is taken for a typing error, as it is at the
/// top level.
fn has_only_listed_fields(schema: &Value) -> bool {
    let others = &schema["additionalProperties"];
    schema["properties"].is_object() && matches!(others, Value::Null | Value::Bool(false))
}

/// Converts the allowed values to choices, with their names from the catalogue. Returns `None` if a
/// value is not of the type that `is_type` accepts.
fn choices(
    allowed: Option<&Vec<Value>>,
    known: Option<&'static Shape>,
    is_type: fn(&Value) -> bool,
) -> Option<&'static [Choice]> {
    let allowed = allowed.into_iter().flatten();
    // `null` stands for no choice.
    let allowed = allowed.filter(|value| !value.is_null());
    let choices = allowed.map(|value| {
        let value = literal(value).filter(|_| is_type(value))?;
        let known = known.map_or(&[][..], Shape::choices);
        let known = known.iter().find(|choice| choice.value == value);
        let names = known.map_or(&[][..], |choice| choice.names);
        Some(Choice { value, names })
    });
    let choices: Option<Box<[Choice]>> = choices.collect();
    choices.map(|choices| &*Box::leak(choices))
}

/// Guesses the kind of file that an input takes, from what the vendor's form accepts or from the name
/// of the input: `image`, `first_image`, `image_url` and `images` are images.
fn media_kind(name: &str, schema: &Value) -> Option<MediaKind> {
    let kinds = [
        ("image", MediaKind::Image),
        ("video", MediaKind::Video),
        ("audio", MediaKind::Audio),
    ];
    let accepted = schema["x-accept"].as_str().unwrap_or_default();
    // The plain word of names such as `image_url` and `images`.
    let stem = name
        .trim_end_matches("_url")
        .trim_end_matches("_urls")
        .trim_end_matches('s');
    let is_match = |(word, _): &&(&str, MediaKind)| {
        accepted.starts_with(word) || stem == *word || stem.ends_with(&format!("_{word}"))
    };
    kinds.iter().find(is_match).map(|(_, kind)| *kind)
}

/// Returns `true` for a string without choices, and for an array of such strings.
fn takes_urls(shape: &Shape) -> bool {
    match shape {
        Shape::Array { items, .. } => takes_urls(items),
        shape => matches!(shape, Shape::String { choices: [], .. }),
    }
}

fn literal(value: &Value) -> Option<Literal> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => Literal::Boolean(*truth),
        Value::String(text) => Literal::String(leak(text)),
        // A whole number stays one, since 5 and 5.0 are shown and sent differently.
        Value::Number(number) => match number.as_i64() {
            Some(number) => Literal::Integer(number),
            None => Literal::Number(number.as_f64()?),
        },
        other => Literal::Json(leak(&other.to_string())),
    })
}

/// Leaks a copy of a string, to get the lifetime of the strings of the catalogue.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(id: &str, inputs: &Value) -> Value {
        let schema = json!({
            "properties": inputs, "required": ["b"], "x-order-properties": ["b", "ghost"],
        });
        let calls = json!([{ "type": "other" }, { "type": "model_run", "request_schema": schema }]);
        json!({ "model_id": id, "name": id, "type": "odd", "api_schema": { "api_schemas": calls } })
    }

    #[test]
    fn entry_is_converted_to_a_model_once() {
        let entry = entry(
            "acme/x",
            &json!({
                "a": { "type": "integer", "minimum": 1.0, "maximum": 5, "enum": [1, null, 2] },
                "b": { "type": "string", "maxLength": 9, "description": "So\n so." },
                "first_image": { "type": "string" },
                "c": { "type": "number", "enum": [0.5] },
                "d": { "anyOf": [{ "type": "string" }] },
                "e": { "type": "array", "items": { "type": "boolean" }, "minItems": 1 },
            }),
        );
        let model = Model::from_list(&entry).unwrap();
        assert!(std::ptr::eq(model, Model::from_list(&entry).unwrap()));
        assert_eq!(
            (model.id, model.name, model.kind),
            ("acme/x", "acme/x", "odd")
        );
        let names: Vec<&str> = model.inputs.iter().map(|input| input.name).collect();
        assert_eq!(names[0], "b");
        assert_eq!(names.len(), 6);
        let input = |name| model.input(name).unwrap();
        assert!(input("b").required && !input("a").required);
        assert_eq!(input("b").about, "So so.");
        assert_eq!(input("a").shape.choices().len(), 2);
        assert_eq!(
            (input("c").shape, input("d").shape),
            (Shape::Any, Shape::Any)
        );
        assert_eq!(input("first_image").media.unwrap().kind, MediaKind::Image);
        assert!(matches!(
            input("e").shape,
            Shape::Array {
                min_items: Some(1),
                ..
            }
        ));
    }

    #[cfg(feature = "kwaivgi")]
    #[test]
    fn files_and_names_are_taken_from_the_catalogue() {
        let id = "kwaivgi/kling-lipsync/text-to-video";
        let inputs = json!({
            "video": { "type": "string" },
            "voice_id": { "type": "string", "enum": ["genshin_klee2", "new"] },
        });
        let (live, known) = (
            Model::from_list(&entry(id, &inputs)).unwrap(),
            model(id).unwrap(),
        );
        assert_eq!(
            live.input("video").unwrap().media,
            known.input("video").unwrap().media
        );
        let voice = live.input("voice_id").unwrap();
        assert_eq!(
            voice.choice("Peppy").unwrap().value,
            Literal::String("genshin_klee2")
        );
        assert!(voice.choice("new").is_some() && voice.choice("AOT").is_none());
    }

    #[test]
    fn entry_without_inputs_is_rejected() {
        for entry in [
            json!(7),
            json!({ "model_id": "a/b" }),
            entry("", &json!({})),
        ] {
            assert_eq!(Model::from_list(&entry), None, "{entry}");
        }
    }
}
