//! The files that an input names.

use std::path::Path;

use serde_json::Value;
use wavespeed_client::{Input, Media};

use crate::check::fault::Fault;
use crate::check::file::is_path;
use crate::check::rule::Rule;

/// Where an input names a file, by URL or by path.
pub(crate) struct NamedFile<'a> {
    /// As faults call it.
    pub(crate) field: String,
    /// As JSON points to it.
    pub(crate) pointer: String,
    pub(crate) media: &'a Media,
    pub(crate) text: &'a str,
}

impl NamedFile<'_> {
    /// Whether the file itself is given, as a `data:` URL.
    pub(crate) fn is_inline(&self) -> bool {
        self.text.starts_with("data:")
    }

    /// Whether it is the path of a local file.
    pub(crate) fn is_path(&self) -> bool {
        is_path(self.text)
    }
}

/// The files that an input names.
pub(crate) fn named_files<'a>(known: &'a [Input], input: &'a Value) -> Vec<NamedFile<'a>> {
    let mut found = Vec::new();
    for known in known {
        let (Some(media), Some(value)) = (&known.media, input.get(known.name)) else {
            continue;
        };
        let mut add = |value: &'a Value, field: String, pointer: String| {
            found.extend(value.as_str().map(|text| NamedFile {
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

/// The texts that look like paths and are those of local files. Where a model takes no files, or
/// nobody knows whether it does, the path would be sent as it is, and paid for.
#[must_use]
pub fn local_files(input: &Value) -> Vec<Fault> {
    fn look(value: &Value, field: String, faults: &mut Vec<Fault>) {
        match value {
            Value::String(text) if is_local(text) => {
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

/// Whether a text is the path of a local file and looks like one: a prompt may be called as a file
/// is.
pub(super) fn is_local(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let is_ending = |ending: &str| {
        (2..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let looks = text.contains(['/', '\\']) || ending.is_some_and(is_ending);
    looks && text.len() < 4096 && is_path(text) && Path::new(text).is_file()
}
