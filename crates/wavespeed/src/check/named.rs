//! The files that an input names, by URL or by path.
//!
//! [`named_files`] finds them where the catalogue expects files; [`local_files`] finds paths
//! anywhere in an input.

use serde_json::Value;
use wavespeed_client::{Input, Media};

use crate::check::fault::Fault;
use crate::check::file::{is_path, local_path};
use crate::check::rule::Rule;

/// A file that an input names.
pub(crate) struct NamedFile<'a> {
    /// The field, as faults name it: `images[2]`.
    pub(crate) field: String,
    /// The JSON pointer of the field: `/images/2`.
    pub(crate) pointer: String,
    /// The limits of the model for the file.
    pub(crate) media: &'a Media,
    /// The URL or path.
    pub(crate) text: &'a str,
}

impl NamedFile<'_> {
    /// Returns `true` if the file itself is given, as a `data:` URL.
    pub(crate) fn is_inline(&self) -> bool {
        self.text.starts_with("data:")
    }

    /// Returns `true` if the file is given as a path.
    pub(crate) fn is_path(&self) -> bool {
        is_path(self.text)
    }
}

/// Returns the files that an input names in the inputs that the catalogue marks as files: strings,
/// and arrays of strings.
pub(crate) fn named_files<'a>(inputs: &'a [Input], input: &'a Value) -> Vec<NamedFile<'a>> {
    let mut found = Vec::new();
    for known in inputs {
        let (Some(media), Some(value)) = (&known.media, input.get(known.name)) else {
            continue;
        };
        // A value that is not a string is a fault of its type, reported elsewhere.
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

/// Returns a fault for each text that looks like a path and is the path of a local file. Use this
/// where a model takes no files, or where that is not known: the path would be sent as a text, and
/// the job billed.
///
/// ```
/// use wavespeed::{local_files, serde_json::json};
///
/// assert!(local_files(&json!({ "prompt": "a boat at dawn" })).is_empty());
/// ```
#[must_use]
pub fn local_files(input: &Value) -> Vec<Fault> {
    fn visit(value: &Value, field: String, faults: &mut Vec<Fault>) {
        match value {
            Value::String(text) if is_local(text) => {
                let message = format!(
                    "is {text:?}, a local file, whose path would be sent as a text; upload it and give its URL"
                );
                faults.push(Fault::new(field, Rule::Local, value.clone(), message));
            }
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    visit(value, format!("{field}[{at}]"), faults);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if field.is_empty() { "" } else { "." };
                    visit(value, format!("{field}{dot}{name}"), faults);
                }
            }
            _ => {}
        }
    }
    let mut faults = Vec::new();
    visit(input, String::new(), &mut faults);
    faults
}

/// Returns `true` if a text looks like a path and a local file exists there.
pub(super) fn is_local(text: &str) -> bool {
    // A prompt such as `cat` may happen to be the name of a file, so a separator or an extension
    // is required as well.
    let extension = text.rsplit_once('.').map(|(_, extension)| extension);
    let is_extension = |extension: &str| {
        (2..=5).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let looks_like_path = text.contains(['/', '\\']) || extension.is_some_and(is_extension);
    // 4096 is the longest path on Linux. Long prompts are not worth a call of the file system.
    looks_like_path && text.len() < 4096 && local_path(text).is_some_and(|path| path.is_file())
}
