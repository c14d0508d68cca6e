//! The table of the models: every input with its rules, its names and its help, in the types of
//! `crates/client/src/model/mod.rs`. It is written from the bundle as it is, before any transform.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use crate::spec::{Model, Spec, resolve};
use crate::{names, prose};

/// The table of a provider's models as Rust, not yet formatted by rustfmt.
#[must_use]
pub fn catalogue(spec: &Spec, provider: &str) -> String {
    let writer = Writer {
        api: &spec.api.value,
        reserved: &spec.reserved_flags,
    };
    let models = spec
        .models
        .iter()
        .filter(|model| model.provider() == provider);
    let models = models.map(|model| writer.model(model));
    rust(quote! {
        use crate::model::builders::*;

        pub(super) const MODELS: &[Model] = &[#(#models),*];
    })
}

/// The tables of all providers in one.
#[must_use]
pub fn parts(providers: &[&str]) -> String {
    let modules = providers.iter().map(|provider| {
        let module = format_ident!("{}", names::snake(provider));
        quote!(#[cfg(feature = #provider)] mod #module;)
    });
    // By the ids of their models: `a-b/x` comes before `a/x`.
    let mut sorted = providers.to_vec();
    sorted.sort_by_key(|provider| format!("{provider}/"));
    let parts = sorted.iter().map(|provider| {
        let module = format_ident!("{}", names::snake(provider));
        quote!(#[cfg(feature = #provider)] #module::MODELS)
    });
    rust(quote! {
        use std::sync::LazyLock;

        use crate::model::Model;

        #(#modules)*

        const TABLES: &[&[Model]] = &[#(#parts),*];

        /// Every model of the providers whose features are on, sorted by id.
        pub static CATALOGUE: LazyLock<Box<[Model]>> = LazyLock::new(|| TABLES.concat().into());
    })
}

/// The modules of the providers' input types.
#[must_use]
pub fn modules(providers: &[&str]) -> String {
    let modules = providers.iter().map(|provider| {
        let module = format_ident!("{}", names::snake(provider));
        let about = format!(" The models of {provider}; with the feature `{provider}`.");
        quote!(#[doc = #about] #[cfg(feature = #provider)] pub mod #module;)
    });
    rust(quote!(#(#modules)*))
}

/// The tokens are made here, from constants and literals: they are Rust.
fn rust(tokens: TokenStream) -> String {
    let file = syn::parse2(tokens).expect("the table is Rust");
    prettyplease::unparse(&file)
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
        let seconds = |at: &str| file.pointer(at).and_then(Value::as_u64);
        let seconds = seconds("/x-model/seconds/0").zip(seconds("/x-model/seconds/1"));
        let seconds = option(seconds.map(|(from, to)| {
            let (from, to) = (Literal::u64_unsuffixed(from), Literal::u64_unsuffixed(to));
            quote!((#from, #to))
        }));
        let inputs = self.inputs(file, self.reserved);
        quote! {
            Model {
                id: #id, name: #name, kind: #kind, about: #about, docs: #docs, seconds: #seconds,
                inputs: #inputs
            }
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
            let media = property
                .get("x-media")
                .and_then(Value::as_object)
                .map(media);
            let shape = self.shape(property);
            let fields = [
                default.map(|value| quote!(default: Some(#value))),
                (shape.to_string() != quote!(Shape::Any).to_string())
                    .then(|| quote!(shape: #shape)),
                media.map(|media| quote!(media: Some(#media))),
                property["x-choice-language"]
                    .as_str()
                    .map(|name| quote!(language: Some(#name))),
            ];
            let flags = [
                (!about.is_empty(), quote!(about: #about)),
                (required, quote!(required: true)),
                (hidden, quote!(hidden: true)),
                (property["nullable"] == true, quote!(nullable: true)),
            ];
            let flags = flags
                .into_iter()
                .filter(|(said, _)| *said)
                .map(|(_, field)| field);
            let fields = flags.chain(fields.into_iter().flatten());
            quote!(Input { name: #name, flag: #flag, #(#fields,)* ..INPUT })
        });
        quote!(&[#(#inputs),*])
    }

    fn shape(&self, schema: &Value) -> TokenStream {
        let schema = resolve(self.api, schema);
        let whole = |key: &str| option(schema[key].as_i64().map(|n| number(&n.into())));
        let bound = |key: &str| option(schema[key].as_f64().map(float));
        match schema["type"].as_str() {
            Some("string") => {
                let limited = ["minLength", "maxLength"]
                    .iter()
                    .any(|key| schema.get(key).is_some());
                let (min, max, choices) = (whole("minLength"), whole("maxLength"), choices(schema));
                match (limited, schema.get("enum")) {
                    (false, None) => quote!(STRING),
                    (false, Some(_)) => quote!(choice(#choices)),
                    (true, _) => {
                        quote!(Shape::String { min_chars: #min, max_chars: #max, choices: #choices })
                    }
                }
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
        let mut names = names.peekable();
        match value {
            Value::String(text) if names.peek().is_none() => quote!(text(#text)),
            Value::String(text) => quote!(named(#text, &[#(#names),*])),
            value => {
                let value = literal(value, schema);
                quote!(Choice { value: #value, names: &[] })
            }
        }
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
    let measures = ["bytes", "seconds", "side_px", "aspect"]
        .into_iter()
        .filter_map(|key| {
            let (name, limits) = (format_ident!("{key}"), limits(media.get(key)?));
            Some(quote!(#name: #limits))
        });
    let lists = [
        (
            media.get("inline") == Some(&true.into()),
            quote!(inline: true),
        ),
        (
            media.contains_key("containers"),
            quote!(containers: &[#(#containers),*]),
        ),
        (
            media.contains_key("advised_lines"),
            quote!(advised_lines: &[#(#lines),*]),
        ),
    ];
    let lists = lists
        .into_iter()
        .filter(|(said, _)| *said)
        .map(|(_, field)| field);
    let fields = measures.chain(lists);
    quote!(Media { kind: MediaKind::#kind, #(#fields,)* ..MEDIA })
}

fn limits(limits: &Value) -> TokenStream {
    let bounds = ["min", "max", "advised_max"].into_iter().filter_map(|key| {
        let (name, bound) = (format_ident!("{key}"), float(limits[key].as_f64()?));
        Some(quote!(#name: Some(#bound)))
    });
    quote!(Bounds { #(#bounds,)* ..UNBOUNDED })
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
            r#"choices:&[named("x",&[("en","Ex")])]"#,
            r#"language:Some("tongue"),..INPUT"#,
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
        assert!(input.contains("shape:STRING"), "{input}");
        assert!(!written(json!({})).contains("shape"));
        assert!(!written(json!({ "type": "object" })).contains("shape"));
    }
}
