//! What the catalogue says of a model: its inputs, their rules, their names and their help.
//!
//! These are the shapes of the generated table [`CATALOGUE`](crate::CATALOGUE). Programs use the
//! generated input types; tools that learn of a model at run time (a command line, a form, a
//! check of raw JSON) use this table.

pub(crate) mod builders;

use serde_json::{Map, Value, json};

/// A model of the vendor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// The id, such as `kwaivgi/kling-lipsync/text-to-video`. It is also the path to submit to.
    pub id: &'static str,
    /// What the vendor calls the model.
    pub name: &'static str,
    /// The vendor's word for what goes in and comes out, such as `text-to-video`.
    pub kind: &'static str,
    /// The vendor's description, one paragraph.
    pub about: &'static str,
    /// The vendor's page for the model.
    pub docs: Option<&'static str>,
    /// How long most tasks take, in seconds: of ten, one ends sooner and one later. Only what is
    /// published of it.
    pub seconds: Option<(u32, u32)>,
    /// The inputs, in the order in which the vendor shows them.
    pub inputs: &'static [Input],
}

impl Model {
    /// The part of the id before the first slash.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.id
            .split_once('/')
            .map_or(self.id, |(provider, _)| provider)
    }

    /// The JSON Schema of its inputs.
    #[must_use]
    pub fn schema(&self) -> Value {
        object(self.inputs)
    }

    /// The input of this name, if the model has one.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&'static Input> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

fn object(inputs: &[Input]) -> Value {
    let required = inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| input.name).collect();
    let properties = inputs.iter().map(|input| {
        let mut schema = input.shape.schema();
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
    /// Its key in the request.
    pub name: &'static str,
    /// The command-line flag that sets it, without the dashes: its name in kebab-case, or
    /// `input-NAME` where that is taken.
    pub flag: &'static str,
    /// The vendor's description, one paragraph.
    pub about: &'static str,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Whether the vendor accepts it without showing it in its own forms.
    pub hidden: bool,
    /// Whether it can be null.
    pub nullable: bool,
    /// What the vendor takes if an optional input is not sent. A required input may have one, too;
    /// it is then the value that is suggested and must be sent.
    pub default: Option<Literal>,
    /// Its type and the rules for its value.
    pub shape: Shape,
    /// What the file must be like, where the value is the URL of one.
    pub media: Option<Media>,
    /// The input that says in which language a choice of this one is used. A choice that has no
    /// name in that language does not speak it.
    pub language: Option<&'static str>,
}

impl Input {
    /// The choice of this value, or the only one that is called so in any language.
    #[must_use]
    pub fn choice(&self, text: &str) -> Option<&'static Choice> {
        let choices = self.shape.choices();
        let value = choices
            .iter()
            .find(|choice| choice.value.to_string() == text);
        value.or_else(|| {
            let is_called = |choice: &&Choice| {
                let mut names = choice.names.iter();
                names.any(|(_, name)| name.to_lowercase() == text.to_lowercase())
            };
            let mut called = choices.iter().filter(is_called);
            called.next().filter(|_| called.next().is_none())
        })
    }
}

/// The type of a value, and its rules.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A string.
    String {
        /// The fewest Unicode scalar values it may have.
        min_chars: Option<u32>,
        /// The most Unicode scalar values it may have.
        max_chars: Option<u32>,
        /// The only values it may have; empty if any is allowed.
        choices: &'static [Choice],
    },
    /// A number without a fraction.
    Integer {
        /// The least value.
        min: Option<i64>,
        /// The greatest value.
        max: Option<i64>,
        /// What the value must be a multiple of.
        multiple_of: Option<i64>,
        /// The only values it may have; empty if any is allowed.
        choices: &'static [Choice],
    },
    /// A number.
    Number {
        /// The least value.
        min: Option<f64>,
        /// The greatest value.
        max: Option<f64>,
        /// What the value must be a multiple of.
        multiple_of: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
    /// An array.
    Array {
        /// The type and the rules of each element.
        items: &'static Shape,
        /// The fewest elements.
        min_items: Option<u32>,
        /// The most elements.
        max_items: Option<u32>,
    },
    /// An object.
    Object {
        /// Its known keys.
        fields: &'static [Input],
    },
    /// Any JSON value: the vendor does not say.
    Any,
}

impl Shape {
    /// The JSON Schema of a value of this shape.
    #[must_use]
    pub fn schema(&self) -> Value {
        let rules: &[(&str, Option<Value>)] = match self {
            Self::String {
                min_chars,
                max_chars,
                ..
            } => &[
                ("type", Some("string".into())),
                ("minLength", min_chars.map(Value::from)),
                ("maxLength", max_chars.map(Value::from)),
            ],
            Self::Integer {
                min,
                max,
                multiple_of,
                ..
            } => &[
                ("type", Some("integer".into())),
                ("minimum", min.map(Value::from)),
                ("maximum", max.map(Value::from)),
                ("multipleOf", multiple_of.map(Value::from)),
            ],
            Self::Number {
                min,
                max,
                multiple_of,
            } => &[
                ("type", Some("number".into())),
                ("minimum", min.map(Value::from)),
                ("maximum", max.map(Value::from)),
                ("multipleOf", multiple_of.map(Value::from)),
            ],
            Self::Boolean => &[("type", Some("boolean".into()))],
            Self::Array {
                items,
                min_items,
                max_items,
            } => &[
                ("type", Some("array".into())),
                ("items", Some(items.schema())),
                ("minItems", min_items.map(Value::from)),
                ("maxItems", max_items.map(Value::from)),
            ],
            Self::Object { fields } => return object(fields),
            Self::Any => &[],
        };
        let said = rules
            .iter()
            .filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
        let mut schema: Map<String, Value> = said.collect();
        let own = match self {
            Self::Array { .. } => &[],
            shape => shape.choices(),
        };
        if !own.is_empty() {
            let choices = own.iter().map(|choice| choice.value.to_json());
            schema.insert("enum".to_owned(), choices.collect());
        }
        schema.into()
    }

    /// The values this shape is limited to; empty if it is not.
    #[must_use]
    pub fn choices(&self) -> &'static [Choice] {
        match self {
            Self::String { choices, .. } | Self::Integer { choices, .. } => choices,
            Self::Array { items, .. } => items.choices(),
            _ => &[],
        }
    }
}

/// One of the values an input is limited to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The value as it is sent.
    pub value: Literal,
    /// What it is called, by language: `("en", "Peppy")`.
    pub names: &'static [(&'static str, &'static str)],
}

/// A value from the spec.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// A string.
    String(&'static str),
    /// A number without a fraction.
    Integer(i64),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array or an object, as JSON text.
    Json(&'static str),
}

impl Literal {
    /// The value as JSON.
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

/// What the file behind a URL must be like.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// What kind of file it is.
    pub kind: MediaKind,
    /// The containers it may have, by file extension; empty if the vendor does not say.
    pub containers: &'static [&'static str],
    /// Its size in bytes.
    pub bytes: Bounds,
    /// Its length in seconds.
    pub seconds: Bounds,
    /// Its width and its height in pixels, each.
    pub side_px: Bounds,
    /// Its width by its height.
    pub aspect: Bounds,
    /// Whether the file itself can be sent, as a `data:` URL.
    pub inline: bool,
    /// The numbers of lines that are advised, as in 720p; empty if any is fine.
    pub advised_lines: &'static [u32],
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaKind {
    /// A video.
    Video,
    /// A sound.
    Audio,
    /// A picture.
    Image,
}

/// Bounds of a measure. Outside `min` and `max` it is refused; above `advised_max` it is advised
/// against.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// The greatest value that is advised.
    pub advised_max: Option<f64>,
}
