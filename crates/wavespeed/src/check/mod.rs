//! Finding wrong input before it costs.
//!
//! The vendor drops keys it does not know without a word and bills the task with defaults, so an
//! input is held against the catalogue here, and all faults are found at once: what is required or
//! unknown, types, choices, lengths, ranges and counts; of a URL its form; of a local file that it
//! is there, and what its header says (see [`media`](crate::media)). What is behind a URL is for
//! [`check_urls`](crate::Wavespeed::check_urls), which asks its host.

pub(crate) mod file;
mod media;
pub(crate) mod url;
mod value;

pub(crate) use media::{Finding, judge};

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use wavespeed_client::{Choice, Input, Media, Model};

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
    /// What follows from it.
    pub severity: Severity,
}

/// What follows from a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is sent.
    Refusal,
    /// It is sent, and may not come out as meant.
    Warning,
    /// It would be refused, but the rule was [overridden](override_rules).
    Overridden,
}

impl Severity {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Warning => "warning",
            Self::Overridden => "overridden",
        }
    }
}

impl Fault {
    /// A fault for which nothing is sent.
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
            severity: Severity::Refusal,
        }
    }

    /// The same as a warning.
    pub(crate) fn warning(self) -> Self {
        let severity = Severity::Warning;
        Self { severity, ..self }
    }

    /// Whether nothing is sent for it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Refusal
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
    /// A choice speaks the language that another input names.
    Language,
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
    /// A text is no local file: its path would be sent instead of it.
    Local,
    /// A local file is there and can be read.
    File,
    /// A file is of a kind the model takes.
    Container,
    /// A file is as large as it may be.
    Size,
    /// A file is all there.
    Whole,
    /// A video has a video track.
    Track,
    /// A video or a sound is as long as it may be.
    Duration,
    /// Each side of a video is as long as it may be.
    Side,
    /// A video has one of the numbers of lines that are advised.
    Resolution,
    /// What is behind a URL can be had, and looked at.
    Reachable,
    /// The place for the output can be written to.
    Output,
}

impl Rule {
    /// Every rule.
    pub const ALL: &[Self] = &[
        Self::Required,
        Self::Known,
        Self::Type,
        Self::Choice,
        Self::Language,
        Self::Length,
        Self::Range,
        Self::Multiple,
        Self::Items,
        Self::Url,
        Self::Local,
        Self::File,
        Self::Container,
        Self::Size,
        Self::Whole,
        Self::Track,
        Self::Duration,
        Self::Side,
        Self::Resolution,
        Self::Reachable,
        Self::Output,
    ];

    /// Whether an input that breaks it is refused, but could be sent all the same. A file that
    /// cannot be read cannot, nor can an output that has no place.
    #[must_use]
    pub fn can_be_overridden(self) -> bool {
        let never_refused = matches!(self, Self::Language | Self::Resolution);
        !never_refused && !matches!(self, Self::File | Self::Output)
    }

    /// The name of the rule, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Known => "known",
            Self::Type => "type",
            Self::Choice => "choice",
            Self::Language => "language",
            Self::Length => "length",
            Self::Range => "range",
            Self::Multiple => "multiple",
            Self::Items => "items",
            Self::Url => "url",
            Self::Local => "local",
            Self::File => "file",
            Self::Container => "container",
            Self::Size => "size",
            Self::Whole => "whole",
            Self::Track => "track",
            Self::Duration => "duration",
            Self::Side => "side",
            Self::Resolution => "resolution",
            Self::Reachable => "reachable",
            Self::Output => "output",
        }
    }
}

/// Overrides these rules: what breaks them is no longer refused, but still told.
pub fn override_rules(faults: &mut [Fault], rules: &[Rule]) {
    let overridden = |fault: &&mut Fault| {
        fault.is_refusal() && fault.rule.can_be_overridden() && rules.contains(&fault.rule)
    };
    for fault in faults.iter_mut().filter(overridden) {
        fault.severity = Severity::Overridden;
    }
}

/// All faults of one input, warnings among them; as an error at least one that is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// These faults as an error, or back if none of them is refused.
    ///
    /// # Errors
    /// If any is.
    pub fn refused(faults: Vec<Fault>) -> Result<Vec<Fault>, Self> {
        if faults.iter().any(Fault::is_refusal) {
            Err(Self(faults))
        } else {
            Ok(faults)
        }
    }

    /// The faults, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Faults> for Vec<Fault> {
    fn from(faults: Faults) -> Self {
        faults.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.0.iter().filter(|fault| fault.is_refusal());
        for (at, fault) in refused.enumerate() {
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
    faults.extend(
        model
            .inputs
            .iter()
            .filter_map(|input| language(model, input, given)),
    );
    if files != Files::Url {
        let is_new = |fault: &Fault| !faults.iter().any(|other| other.field == fault.field);
        let takes_files = |fault: &Fault| {
            let name = fault.field.split(['.', '[']).next().unwrap_or_default();
            model.input(name).is_some_and(|input| input.media.is_some())
        };
        let local = local_files(input).into_iter();
        let local: Vec<Fault> = local
            .filter(|fault| is_new(fault) && !takes_files(fault))
            .collect();
        faults.extend(local);
    }
    faults
}

/// The texts that look like paths and are those of local files. Where a model takes no files, or
/// nobody knows whether it does, the path would be sent as it is, and paid for.
#[must_use]
pub fn local_files(input: &Value) -> Vec<Fault> {
    fn look(value: &Value, field: String, faults: &mut Vec<Fault>) {
        match value {
            Value::String(text) if file::is_local(text) => {
                let message = format!(
                    "is {text:?}, a local file, which would be sent as a text; upload it, and give its URL"
                );
                faults.push(Fault::new(field, Rule::Local, value.clone(), message));
            }
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    look(value, format!("{field}[{at}]"), faults);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if field.is_empty() { "" } else { "." };
                    look(value, format!("{field}{dot}{name}"), faults);
                }
            }
            _ => {}
        }
    }
    let mut faults = Vec::new();
    look(input, String::new(), &mut faults);
    faults
}

/// Whether the choice of an input speaks the language that another one names, or takes by default.
fn language(model: &Model, input: &Input, given: &Map<String, Value>) -> Option<Fault> {
    let by = model.input(input.language?)?;
    let chosen = |input: &Input| {
        let value = given.get(input.name).cloned();
        value.or_else(|| Some(input.default?.to_json()))
    };
    let (value, language) = (chosen(input)?, chosen(by)?);
    let is_it = |choice: &&Choice| choice.value.to_json() == value;
    let choice = input.shape.choices().iter().find(is_it)?;
    let language = language.as_str()?;
    if choice.names.is_empty() || choice.names.iter().any(|(spoken, _)| *spoken == language) {
        return None;
    }
    let spoken: Vec<&str> = choice.names.iter().map(|(spoken, _)| *spoken).collect();
    let message = format!(
        "is {}, which speaks {}, but {} is {language}; choose another",
        choice.value,
        spoken.join(" and "),
        by.name,
    );
    Some(Fault::new(input.name, Rule::Language, value, message).warning())
}

/// Where an input names a file, by URL or by path.
pub(crate) struct Named<'a> {
    /// As faults call it.
    pub(crate) field: String,
    /// As JSON points to it.
    pub(crate) pointer: String,
    pub(crate) media: &'a Media,
    pub(crate) text: &'a str,
}

impl Named<'_> {
    /// Whether the file itself is given, as a `data:` URL.
    pub(crate) fn is_inline(&self) -> bool {
        self.text.starts_with("data:")
    }

    /// Whether it is the path of a local file.
    pub(crate) fn is_path(&self) -> bool {
        file::is_path(self.text)
    }
}

/// The files that an input names.
pub(crate) fn files<'a>(known: &'a [Input], input: &'a Value) -> Vec<Named<'a>> {
    let mut found = Vec::new();
    for known in known {
        let (Some(media), Some(value)) = (&known.media, input.get(known.name)) else {
            continue;
        };
        let mut add = |value: &'a Value, field: String, pointer: String| {
            found.extend(value.as_str().map(|text| Named {
                field,
                pointer,
                media,
                text,
            }));
        };
        let name = known.name;
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    add(item, format!("{name}[{at}]"), format!("/{name}/{at}"));
                }
            }
            value => add(value, name.to_owned(), format!("/{name}")),
        }
    }
    found
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
