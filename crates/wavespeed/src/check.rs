//! Finding wrong input before it costs.
//!
//! The vendor drops keys it does not know without a word and bills the task with defaults, so an
//! input is held against the catalogue here, and all faults are found at once: what is required or
//! unknown, types, choices, lengths, ranges and counts; of a URL its form; of a local file that it
//! is there, its container and its size. Lengths and sides of a video are not looked at.

mod file;
mod value;

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use wavespeed_client::{Input, Model};

/// Something about an input that the vendor would refuse, or would take for something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The input, such as `voice_id`, or `images[2]` in an array.
    pub field: String,
    /// The rule it breaks.
    pub rule: Rule,
    /// The value; null if there is none.
    pub value: Value,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Fault {
    /// A fault of a field.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        rule: Rule,
        value: Value,
        message: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            rule,
            value,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The rules a [`Fault`] can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// It has to be there.
    Required,
    /// The model has an input of this name.
    Known,
    /// It is of this type.
    Type,
    /// It is one of the choices.
    Choice,
    /// A text is as long as it may be.
    Length,
    /// A number is in its range.
    Range,
    /// A number is a multiple of another.
    Multiple,
    /// An array has as many elements as it may have.
    Items,
    /// It is an http or https URL.
    Url,
    /// A local file is there and can be read.
    File,
    /// A file is of a kind the model takes.
    Container,
    /// A file is as large as it may be.
    Size,
    /// The place for the output can be written to.
    Output,
}

impl Rule {
    /// The name of the rule, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Known => "known",
            Self::Type => "type",
            Self::Choice => "choice",
            Self::Length => "length",
            Self::Range => "range",
            Self::Multiple => "multiple",
            Self::Items => "items",
            Self::Url => "url",
            Self::File => "file",
            Self::Container => "container",
            Self::Size => "size",
            Self::Output => "output",
        }
    }
}

/// All faults of one input; never empty as an error.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// These faults as an error, or `Ok` if there are none.
    ///
    /// # Errors
    /// If there are any.
    pub fn none_of(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self(faults))
        }
    }

    /// The faults, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// What a value may be where a model takes the URL of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Files {
    /// An http or https URL.
    #[default]
    Url,
    /// Also the path of a local file, to be uploaded; it is looked at.
    UrlOrPath,
    /// Also the path of a local file; only whether it is there and has content is looked at.
    UrlOrPathUnchecked,
}

/// Every fault of `input` by the rules of `model`. Local files are read as far as it takes to
/// know what they are; nothing is sent.
#[must_use]
pub fn check(model: &Model, input: &Value, files: Files) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Value::Object(given) = input else {
        let message = format!(
            "is {}, but the inputs of a model are an object",
            value::kind(input)
        );
        return vec![Fault::new("input", Rule::Type, input.clone(), message)];
    };
    value::object(model.inputs, given, "", files, &mut faults);
    faults
}

/// The inputs of a model whose values are URLs of files, with the paths of local files among them.
pub(crate) fn local_files<'a>(
    model: &'a Model,
    input: &'a Value,
) -> impl Iterator<Item = (&'a Input, Vec<&'a str>)> {
    model
        .inputs
        .iter()
        .filter(|known| known.media.is_some())
        .filter_map(|known| {
            let paths: Vec<&str> = match input.get(known.name)? {
                Value::String(text) => vec![text],
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
                _ => return None,
            };
            let paths: Vec<&str> = paths
                .into_iter()
                .filter(|text| file::is_path(text))
                .collect();
            (!paths.is_empty()).then_some((known, paths))
        })
}

/// The known name that is nearest to one that is not known, if any is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let name = plain(name);
    let near = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, &plain(known)), known));
    near.filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
