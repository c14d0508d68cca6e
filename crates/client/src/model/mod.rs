//! The types of the [`CATALOGUE`](crate::CATALOGUE): models, their inputs, and the rules, names and
//! help of the inputs.
//!
//! Programs that know their model use the generated input types. Tools that get the model at run time
//! (a command line, a form, a check of raw JSON) use the catalogue.

pub(crate) mod builders;
pub(crate) mod find;
pub(crate) mod from_list;

use serde_json::{Map, Value, json};

/// A model of the vendor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// The id, such as `kwaivgi/kling-lipsync/text-to-video`. It is also the path to submit to.
    pub id: &'static str,
    /// The vendor's name of the model.
    pub name: &'static str,
    /// The vendor's word for the kinds of the input and the output, such as `text-to-video`.
    pub kind: &'static str,
    /// The vendor's description, in one paragraph.
    pub about: &'static str,
    /// The URL of the vendor's page for the model.
    pub docs: Option<&'static str>,
    /// The published duration of predictions, in seconds: of ten predictions, one ends before the
    /// first number and one after the second. `None` if nothing is published.
    pub seconds: Option<(u32, u32)>,
    /// The inputs, in the order in which the vendor shows them.
    pub inputs: &'static [Input],
}

impl Model {
    /// Returns the part of the id before the first slash.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.id
            .split_once('/')
            .map_or(self.id, |(provider, _)| provider)
    }

    /// Returns the JSON Schema of the inputs.
    #[must_use]
    pub fn schema(&self) -> Value {
        object(self.inputs)
    }

    /// Returns the input with this name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&'static Input> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

/// An input of a known model; implemented by the generated input types.
pub trait ModelInput: serde::Serialize {
    /// The id of the model that takes this input.
    const MODEL: &'static str;
}

/// Returns the JSON Schema of an object with these fields.
fn object(inputs: &[Input]) -> Value {
    let required = inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| input.name).collect();
    let properties = inputs.iter().map(|input| {
        let mut schema = input.shape.schema();
        // A schema without a type allows null already.
        if input.nullable && schema.get("type").is_some() {
            schema["type"] = json!([schema["type"], "null"]);
        }
        if !input.about.is_empty() {
            schema["description"] = input.about.into();
        }
        if let Some(default) = input.default {
            schema["default"] = default.to_json();
        }
        (input.name.to_owned(), schema)
    });
    let properties: Map<String, Value> = properties.collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// One input of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Input {
    /// The key in the request.
    pub name: &'static str,
    /// The command-line flag that sets the input, without the dashes: the name in kebab-case, or
    /// `input-NAME` if that is taken.
    pub flag: &'static str,
    /// The vendor's description, in one paragraph.
    pub about: &'static str,
    /// `true` if a request without the input is refused.
    pub required: bool,
    /// `true` if the vendor accepts the input but does not show it in its own forms.
    pub hidden: bool,
    /// `true` if the input may be null.
    pub nullable: bool,
    /// The value that the vendor uses if an optional input is not sent. The default of a required
    /// input is only a suggestion, and must be sent.
    pub default: Option<Literal>,
    /// The type of the value and its rules.
    pub shape: Shape,
    /// The requirements on the file, if the value is the URL of a file.
    pub media: Option<Media>,
    /// The name of the input that selects the language in which a choice of this input is used. A
    /// choice, such as a voice, supports the languages in which it has a name.
    pub language: Option<&'static str>,
}

impl Input {
    /// Returns the choice with this value or else with this name, in any language and letter case.
    /// Returns `None` if several choices have the name.
    #[must_use]
    pub fn choice(&self, text: &str) -> Option<&'static Choice> {
        let choices = self.shape.choices();
        let value = choices
            .iter()
            .find(|choice| choice.value.to_string() == text);
        value.or_else(|| {
            let has_name = |choice: &&Choice| {
                let mut names = choice.names.iter();
                names.any(|(_, name)| name.to_lowercase() == text.to_lowercase())
            };
            let mut named = choices.iter().filter(has_name);
            named.next().filter(|_| named.next().is_none())
        })
    }
}

/// The type of a value and its rules.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A string.
    String {
        /// The smallest number of Unicode scalar values.
        min_chars: Option<u32>,
        /// The largest number of Unicode scalar values.
        max_chars: Option<u32>,
        /// The allowed values; empty if all are allowed.
        choices: &'static [Choice],
    },
    /// A whole number.
    Integer {
        /// The least value.
        min: Option<i64>,
        /// The greatest value.
        max: Option<i64>,
        /// The number of which the value must be a multiple.
        multiple_of: Option<i64>,
        /// The allowed values; empty if all are allowed.
        choices: &'static [Choice],
    },
    /// A number.
    Number {
        /// The least value.
        min: Option<f64>,
        /// The greatest value.
        max: Option<f64>,
        /// The number of which the value must be a multiple.
        multiple_of: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
    /// An array.
    Array {
        /// The type and the rules of each element.
        items: &'static Shape,
        /// The smallest number of elements.
        min_items: Option<u32>,
        /// The largest number of elements.
        max_items: Option<u32>,
    },
    /// An object.
    Object {
        /// The known fields of the object.
        fields: &'static [Input],
    },
    /// Any JSON value, because the vendor does not specify the type.
    Any,
}

impl Shape {
    /// Returns the JSON Schema of values of this shape.
    #[must_use]
    pub fn schema(&self) -> Value {
        if let Self::Object { fields } = self {
            return object(fields);
        }
        let keywords = self.keywords().into_iter();
        let present = keywords.filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let mut schema: Map<String, Value> = present.collect();
        let choices = match self {
            // The choices of an array are those of its elements, which have them in their schema.
            Self::Array { .. } => &[],
            shape => shape.choices(),
        };
        if !choices.is_empty() {
            let choices = choices.iter().map(|choice| choice.value.to_json());
            schema.insert("enum".to_owned(), choices.collect());
        }
        schema.into()
    }

    /// Returns the keywords of the JSON Schema other than `enum` and those of objects, each with its
    /// value if there is such a rule.
    fn keywords(&self) -> Vec<(&'static str, Option<Value>)> {
        match self {
            Self::String {
                min_chars,
                max_chars,
                ..
            } => vec![
                ("type", Some("string".into())),
                ("minLength", min_chars.map(Value::from)),
                ("maxLength", max_chars.map(Value::from)),
            ],
            Self::Integer {
                min,
                max,
                multiple_of,
                ..
            } => vec![
                ("type", Some("integer".into())),
                ("minimum", min.map(Value::from)),
                ("maximum", max.map(Value::from)),
                ("multipleOf", multiple_of.map(Value::from)),
            ],
            Self::Number {
                min,
                max,
                multiple_of,
            } => vec![
                ("type", Some("number".into())),
                ("minimum", min.map(Value::from)),
                ("maximum", max.map(Value::from)),
                ("multipleOf", multiple_of.map(Value::from)),
            ],
            Self::Boolean => vec![("type", Some("boolean".into()))],
            Self::Array {
                items,
                min_items,
                max_items,
            } => vec![
                ("type", Some("array".into())),
                ("items", Some(items.schema())),
                ("minItems", min_items.map(Value::from)),
                ("maxItems", max_items.map(Value::from)),
            ],
            Self::Object { .. } | Self::Any => Vec::new(),
        }
    }

    /// Returns the allowed values, of the elements if this is an array; empty if all are allowed.
    #[must_use]
    pub fn choices(&self) -> &'static [Choice] {
        match self {
            Self::String { choices, .. } | Self::Integer { choices, .. } => choices,
            Self::Array { items, .. } => items.choices(),
            _ => &[],
        }
    }
}

/// One of the allowed values of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The value as it is sent.
    pub value: Literal,
    /// The names of the choice, by language: `("en", "Peppy")`.
    pub names: &'static [(&'static str, &'static str)],
}

/// A value from the spec.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// A string.
    String(&'static str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array or an object, as JSON text.
    Json(&'static str),
}

impl Literal {
    /// Returns the value as JSON.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        match self {
            Self::String(text) => text.into(),
            Self::Integer(number) => number.into(),
            Self::Number(number) => number.into(),
            Self::Boolean(truth) => truth.into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String(text) | Self::Json(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
        }
    }
}

/// The requirements on the file behind a URL.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// The kind of the file.
    pub kind: MediaKind,
    /// The allowed containers, by file extension; empty if the vendor does not list any.
    pub containers: &'static [&'static str],
    /// The size in bytes.
    pub bytes: Bounds,
    /// The length in seconds.
    pub seconds: Bounds,
    /// The width and the height in pixels, each.
    pub side_px: Bounds,
    /// The width divided by the height.
    pub aspect: Bounds,
    /// `true` if the file itself can be sent, as a `data:` URL.
    pub inline: bool,
    /// The recommended numbers of lines, as in 720p; empty if there is no recommendation.
    pub advised_lines: &'static [u32],
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaKind {
    /// A video.
    Video,
    /// A sound file.
    Audio,
    /// An image.
    Image,
}

/// Bounds of a measure. Values outside `min` and `max` are refused; values above `advised_max` are
/// advised against.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// The greatest recommended value.
    pub advised_max: Option<f64>,
}
