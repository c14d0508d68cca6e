//! Models of the vendor's own list, read at run time: for those that the catalogue does not have,
//! or has as they once were. A list is read patiently: what is not understood is no rule.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::model::builders::{INPUT, MEDIA, STRING};
use crate::model::{Choice, Input, Literal, Media, MediaKind, Model, Shape};

/// The models that were read, by what was read. A model is kept as long as the process is, as those
/// of the catalogue are; so that it is kept once however often its list is read.
static READ: LazyLock<Mutex<HashMap<String, &'static Model>>> = LazyLock::new(Mutex::default);

/// The schema of a model's inputs in an entry of the vendor's list (`GET /models`).
#[must_use]
pub fn request_schema(entry: &Value) -> Option<&Value> {
    let calls = entry.pointer("/api_schema/api_schemas")?.as_array()?;
    let run = calls.iter().find(|call| call["type"] == "model_run")?;
    run.get("request_schema")
        .filter(|schema| schema["properties"].is_object())
}

impl Model {
    /// The model of an entry of the vendor's list (`GET /models`), in the terms of the catalogue;
    /// nothing if the entry has no id or no inputs. What files an input takes is not in the list: it
    /// is taken from the catalogue where that has the input, else from what the input is called.
    ///
    /// The model stays in memory until the process ends, once for each text of an entry.
    #[must_use]
    pub fn from_list(entry: &Value) -> Option<&'static Self> {
        let id = entry["model_id"].as_str().filter(|id| !id.is_empty())?;
        let schema = request_schema(entry)?;
        let own = [&entry["name"], &entry["type"], &entry["description"]];
        let text = format!("{id} {own:?} {schema}");
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = read.get(&text) {
            return Some(model);
        }
        let known = crate::model(id);
        let words = |key: &str| entry[key].as_str().unwrap_or_default().trim();
        let name = Some(words("name")).filter(|name| *name != id && !name.is_empty());
        let model: &'static Self = Box::leak(Box::new(Self {
            id: keep(id),
            name: known.map_or_else(|| keep(name.unwrap_or(id)), |known| known.name),
            kind: keep(words("type")),
            about: keep(&one_line(words("description"))),
            docs: known.and_then(|known| known.docs),
            seconds: known.and_then(|known| known.seconds),
            inputs: inputs(schema, known.map_or(&[], |known| known.inputs), true),
        }));
        read.insert(text, model);
        Some(model)
    }

    /// A model of which nothing is known but its id.
    #[must_use]
    pub fn unknown(id: &str) -> &'static Self {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.entry(id.to_owned()).or_insert_with(|| {
            Box::leak(Box::new(Self {
                id: keep(id),
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

/// The properties of an object, in the order in which the vendor shows them.
fn inputs(schema: &Value, known: &'static [Input], top: bool) -> &'static [Input] {
    let none = Map::new();
    let all = schema["properties"].as_object().unwrap_or(&none);
    let shown = schema["x-order-properties"]
        .as_array()
        .into_iter()
        .flatten();
    let shown = shown.filter_map(Value::as_str);
    let mut names: Vec<&str> = Vec::new();
    for name in shown.chain(all.keys().map(String::as_str)) {
        if all.contains_key(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let inputs = names.into_iter().map(|name| {
        let property = &all[name];
        let known = known.iter().find(|input| input.name == name);
        let shape = shape(property, known.map(|known| &known.shape));
        let guessed = kind(name, property).filter(|_| top && takes_urls(&shape));
        let guessed = guessed.map(|kind| Media {
            kind,
            inline: true,
            ..MEDIA
        });
        let media = known.and_then(|known| known.media).or(guessed);
        Input {
            name: keep(name),
            flag: keep(&name.replace('_', "-")),
            about: keep(&one_line(
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

/// What a schema says of a value, as far as that is understood.
fn shape(schema: &Value, known: Option<&'static Shape>) -> Shape {
    let odd = ["anyOf", "oneOf", "allOf", "$ref", "not", "const"];
    if odd.iter().any(|key| schema.get(key).is_some()) {
        return Shape::Any;
    }
    let whole = |key: &str| {
        let number = schema[key].as_f64().filter(|number| number.fract() == 0.0);
        // Beyond 2^53 it is no limit that anybody meets.
        #[allow(clippy::cast_possible_truncation)]
        number
            .filter(|number| number.abs() < 9e15)
            .map(|number| number as i64)
    };
    let count = |key: &str| whole(key).and_then(|number| u32::try_from(number).ok());
    let given = schema["enum"].as_array();
    match schema["type"].as_str() {
        Some("string") => match choices(given, known, Value::is_string) {
            None => Shape::Any,
            Some(choices) => Shape::String {
                min_chars: count("minLength"),
                max_chars: count("maxLength"),
                choices,
            },
        },
        Some("integer") => match choices(given, known, Value::is_i64) {
            None => Shape::Any,
            Some(choices) => Shape::Integer {
                min: whole("minimum"),
                max: whole("maximum"),
                multiple_of: whole("multipleOf").filter(|step| *step > 0),
                choices,
            },
        },
        Some("number") if given.is_none() => Shape::Number {
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
                min_items: count("minItems"),
                max_items: count("maxItems"),
            }
        }
        // Where nothing is said, a field that the schema does not have is a slip, as at the top.
        Some("object")
            if schema["properties"].is_object()
                && matches!(
                    schema["additionalProperties"],
                    Value::Null | Value::Bool(false)
                ) =>
        {
            Shape::Object {
                fields: inputs(schema, &[], false),
            }
        }
        _ => Shape::Any,
    }
}

/// The choices, with the names that the catalogue knows; nothing if one is of another type.
fn choices(
    given: Option<&Vec<Value>>,
    known: Option<&'static Shape>,
    is: fn(&Value) -> bool,
) -> Option<&'static [Choice]> {
    let given = given.into_iter().flatten().filter(|value| !value.is_null());
    let choices = given.map(|value| {
        let value = literal(value).filter(|_| is(value))?;
        let known = known.map_or(&[][..], Shape::choices);
        let known = known.iter().find(|choice| choice.value == value);
        let names = known.map_or(&[][..], |choice| choice.names);
        Some(Choice { value, names })
    });
    let choices: Option<Box<[Choice]>> = choices.collect();
    choices.map(|choices| &*Box::leak(choices))
}

/// What kind of file an input takes, by what the vendor's form accepts or by its name.
fn kind(name: &str, schema: &Value) -> Option<MediaKind> {
    let kinds = [
        ("image", MediaKind::Image),
        ("video", MediaKind::Video),
        ("audio", MediaKind::Audio),
    ];
    let accepted = schema["x-accept"].as_str().unwrap_or_default();
    let stem = name
        .trim_end_matches("_url")
        .trim_end_matches("_urls")
        .trim_end_matches('s');
    let is = |(word, _): &&(&str, MediaKind)| {
        accepted.starts_with(word) || stem == *word || stem.ends_with(&format!("_{word}"))
    };
    kinds.iter().find(is).map(|(_, kind)| *kind)
}

fn takes_urls(shape: &Shape) -> bool {
    match shape {
        Shape::Array { items, .. } => takes_urls(items),
        shape => matches!(shape, Shape::String { choices: [], .. }) || *shape == STRING,
    }
}

fn literal(value: &Value) -> Option<Literal> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => Literal::Boolean(*truth),
        Value::String(text) => Literal::String(keep(text)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Literal::Integer(number),
            None => Literal::Number(number.as_f64()?),
        },
        other => Literal::Json(keep(&other.to_string())),
    })
}

fn keep(text: &str) -> &'static str {
    match text {
        "" => "",
        text => Box::leak(text.to_owned().into_boxed_str()),
    }
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
    fn an_entry_becomes_a_model_once() {
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
    fn every_model_of_the_catalogue_is_found_by_its_id() {
        assert!(!crate::CATALOGUE.is_empty());
        for known in crate::CATALOGUE.iter() {
            assert_eq!(crate::model(known.id), Some(known));
        }
        assert_eq!(crate::model("kwaivgi/nothing"), None);
    }

    #[cfg(feature = "kwaivgi")]
    #[test]
    fn what_the_catalogue_knows_of_files_and_names_stays() {
        let id = "kwaivgi/kling-lipsync/text-to-video";
        let inputs = json!({
            "video": { "type": "string" },
            "voice_id": { "type": "string", "enum": ["genshin_klee2", "new"] },
        });
        let (live, known) = (
            Model::from_list(&entry(id, &inputs)).unwrap(),
            crate::model(id).unwrap(),
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
    fn an_entry_without_inputs_is_none() {
        for entry in [
            json!(7),
            json!({ "model_id": "a/b" }),
            entry("", &json!({})),
        ] {
            assert_eq!(Model::from_list(&entry), None, "{entry}");
        }
    }
}
