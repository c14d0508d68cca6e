//! The table of the models: every input with its rules, its names and its help, in the types of
//! `crates/client/src/model.rs`. It is written from the bundle as it is, before any transform.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use crate::spec::{Model, Spec, resolve};
use crate::{names, prose};

/// The table as Rust, not yet formatted by rustfmt.
#[must_use]
pub fn catalogue(spec: &Spec) -> String {
    let writer = Writer {
        api: &spec.api.value,
        reserved: &spec.reserved_flags,
    };
    let models = spec.models.iter().map(|model| writer.model(model));
    let tokens = quote! {
        use crate::model::{Choice, Input, Limits, Literal, Media, MediaKind, Model, Shape};

        /// Every model of the spec, sorted by id.
        pub static CATALOGUE: &[Model] = &[#(#models),*];
    };
    // The tokens are made here, from constants and literals: they are Rust.
    syn::parse2(tokens)
        .map(|file| prettyplease::unparse(&file))
        .expect("the table is Rust")
}

struct Writer<'a> {
    api: &'a Value,
    reserved: &'a [String],
}

impl Writer<'_> {
    fn model(&self, model: &Model) -> TokenStream {
        let (id, file) = (model.id.as_str(), &model.source.value);
        let text = |pointer: &str| file.pointer(pointer).and_then(Value::as_str);
        let name = text("/x-model/name").unwrap_or_default();
        let kind = text("/x-model/type").unwrap_or_default();
        let about = about(file);
        let docs = option(text("/externalDocs/url").map(|url| quote!(#url)));
        let inputs = self.inputs(file, self.reserved);
        quote! {
            Model { id: #id, name: #name, kind: #kind, about: #about, docs: #docs, inputs: #inputs }
        }
    }

    /// The properties of an object. Only those of the model itself are flags that can be taken.
    fn inputs(&self, schema: &Value, reserved: &[String]) -> TokenStream {
        let required = schema["required"].as_array();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let inputs = properties.map(|(name, property)| {
            let property = resolve(self.api, property);
            let flag = names::flag(name, reserved);
            let about = about(property);
            let required =
                required.is_some_and(|names| names.iter().any(|required| required == name));
            let hidden = property["x-hidden"] == true;
            let default = property
                .get("default")
                .map(|value| literal(value, property));
            let default = option(default);
            let shape = self.shape(property);
            let media = option(
                property
                    .get("x-media")
                    .and_then(Value::as_object)
                    .map(media),
            );
            let language = option(
                property["x-choice-language"]
                    .as_str()
                    .map(|name| quote!(#name)),
            );
            quote! {
                Input {
                    name: #name, flag: #flag, about: #about, required: #required, hidden: #hidden,
                    default: #default, shape: #shape, media: #media, language: #language
                }
            }
        });
        quote!(&[#(#inputs),*])
    }

    fn shape(&self, schema: &Value) -> TokenStream {
        let schema = resolve(self.api, schema);
        let whole = |key: &str| option(schema[key].as_i64().map(|n| number(&n.into())));
        let bound = |key: &str| option(schema[key].as_f64().map(float));
        match schema["type"].as_str() {
            Some("string") => {
                let (min, max, choices) = (whole("minLength"), whole("maxLength"), choices(schema));
                quote!(Shape::String { min_chars: #min, max_chars: #max, choices: #choices })
            }
            Some("integer") => {
                let (min, max) = (whole("minimum"), whole("maximum"));
                let (multiple_of, choices) = (whole("multipleOf"), choices(schema));
                quote! {
                    Shape::Integer {
                        min: #min, max: #max, multiple_of: #multiple_of, choices: #choices
                    }
                }
            }
            Some("number") => {
                let (min, max, step) = (bound("minimum"), bound("maximum"), bound("multipleOf"));
                quote!(Shape::Number { min: #min, max: #max, multiple_of: #step })
            }
            Some("boolean") => quote!(Shape::Boolean),
            Some("array") => {
                let items = self.shape(&schema["items"]);
                let (min, max) = (whole("minItems"), whole("maxItems"));
                quote!(Shape::Array { items: &#items, min_items: #min, max_items: #max })
            }
            Some("object") if schema["properties"].is_object() => {
                let fields = self.inputs(schema, &[]);
                quote!(Shape::Object { fields: #fields })
            }
            _ => quote!(Shape::Any),
        }
    }
}

fn about(schema: &Value) -> String {
    prose::one_line(schema["description"].as_str().unwrap_or_default())
}

fn choices(schema: &Value) -> TokenStream {
    let values = schema["enum"].as_array().into_iter().flatten();
    let choices = values.map(|value| {
        let key = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let names = schema["x-choice-names"][&key]
            .as_object()
            .into_iter()
            .flatten();
        let names = names.filter_map(|(language, name)| {
            let name = name.as_str()?;
            Some(quote!((#language, #name)))
        });
        let value = literal(value, schema);
        quote!(Choice { value: #value, names: &[#(#names),*] })
    });
    quote!(&[#(#choices),*])
}

fn literal(value: &Value, schema: &Value) -> TokenStream {
    match value {
        Value::String(text) => quote!(Literal::String(#text)),
        Value::Bool(truth) => quote!(Literal::Boolean(#truth)),
        Value::Number(n) if schema["type"] != "number" && n.is_i64() => {
            let number = number(n);
            quote!(Literal::Integer(#number))
        }
        Value::Number(n) => {
            let float = float(n.as_f64().unwrap_or_default());
            quote!(Literal::Number(#float))
        }
        other => {
            let json = other.to_string();
            quote!(Literal::Json(#json))
        }
    }
}

fn media(media: &Map<String, Value>) -> TokenStream {
    let kind = match media.get("kind").and_then(Value::as_str) {
        Some("video") => format_ident!("Video"),
        Some("audio") => format_ident!("Audio"),
        _ => format_ident!("Image"),
    };
    let list = |key: &str| {
        media
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let containers = list("containers");
    let containers = containers.iter().filter_map(Value::as_str);
    let lines = list("advised_lines");
    let lines = lines.iter().filter_map(Value::as_number).map(number);
    let measures = ["bytes", "seconds", "side_px"].map(|key| (format_ident!("{key}"), key));
    let measures = measures.map(|(name, key)| {
        let limits = limits(media.get(key).unwrap_or(&Value::Null));
        quote!(#name: #limits)
    });
    quote! {
        Media {
            kind: MediaKind::#kind, containers: &[#(#containers),*], #(#measures,)*
            advised_lines: &[#(#lines),*]
        }
    }
}

fn limits(limits: &Value) -> TokenStream {
    let bound = |key: &str| option(limits[key].as_f64().map(float));
    let (min, max, advised_max) = (bound("min"), bound("max"), bound("advised_max"));
    quote!(Limits { min: #min, max: #max, advised_max: #advised_max })
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote!(None), |value| quote!(Some(#value)))
}

fn number(number: &serde_json::Number) -> TokenStream {
    let number = Literal::i64_unsuffixed(number.as_i64().unwrap_or_default());
    quote!(#number)
}

fn float(number: f64) -> TokenStream {
    let number = Literal::f64_unsuffixed(number);
    quote!(#number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(property: Value) -> String {
        let schema = json!({ "required": ["in"], "properties": { "in": property } });
        let api = json!({ "components": { "schemas": { "Word": { "type": "string" } } } });
        let writer = Writer {
            api: &api,
            reserved: &["in".to_owned()],
        };
        writer
            .inputs(&schema, writer.reserved)
            .to_string()
            .replace(' ', "")
    }

    #[test]
    fn an_input_has_its_rules_and_its_names() {
        let input = written(json!({
            "type": "string", "description": "A\n word.", "default": "x", "maxLength": 9,
            "enum": ["x"], "x-choice-names": { "x": { "en": "Ex" } }, "x-hidden": true,
            "x-choice-language": "tongue",
        }));
        for part in [
            r#"name:"in",flag:"input-in",about:"Aword.",required:true,hidden:true"#,
            r#"default:Some(Literal::String("x"))"#,
            r#"min_chars:None,max_chars:Some(9)"#,
            r#"Choice{value:Literal::String("x"),names:&[("en","Ex")]}"#,
            r#"media:None,language:Some("tongue")"#,
        ] {
            assert!(input.contains(part), "{part} in {input}");
        }
    }

    #[test]
    fn a_default_is_of_the_type_of_the_input() {
        for (property, default) in [
            (json!({ "type": "number", "default": 1 }), "Number(1.0)"),
            (json!({ "type": "integer", "default": 1 }), "Integer(1)"),
            (
                json!({ "type": "boolean", "default": false }),
                "Boolean(false)",
            ),
            (
                json!({ "type": "array", "items": {}, "default": [1] }),
                "Json(\"[1]\")",
            ),
        ] {
            let input = written(property);
            assert!(
                input.contains(&format!("default:Some(Literal::{default})")),
                "{input}"
            );
        }
    }

    #[test]
    fn references_are_followed_and_unknown_types_are_any() {
        let input = written(json!({ "$ref": "#/components/schemas/Word" }));
        assert!(input.contains("Shape::String"), "{input}");
        assert!(written(json!({})).contains("shape:Shape::Any"));
        assert!(written(json!({ "type": "object" })).contains("shape:Shape::Any"));
    }
}
