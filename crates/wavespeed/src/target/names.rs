//! The names of output files: the values of a template, and the check that each name can be made.

use serde_json::{Map, Value};
use url::Url;
use wavespeed_client::{Input, Model};

use crate::store::number::JobNumber;
use crate::target::template::{MAX_VALUE_BYTES, names, safe_name, unknown};
use crate::target::{MAX_ID_BYTES, Target, file_name};

/// The length of a file name in bytes on all common file systems.
const MAX_NAME_BYTES: usize = 255;

/// The length of a path in bytes: `PATH_MAX` without the zero byte at its end.
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") {
    4_095
} else {
    1_023
};

/// The names in a template besides those of inputs.
const FACTS: [&str; 6] = ["id", "job", "label", "model", "index", "ext"];

/// The extension of a file whose URL has none.
const NO_EXTENSION: &str = "bin";

/// The facts of an output that its path depends on.
#[derive(Clone, Debug)]
pub(crate) struct OutputFacts<'a> {
    /// The id of the prediction.
    pub(crate) id: &'a str,
    pub(crate) job: Option<JobNumber>,
    pub(crate) label: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) input: Value,
    /// The number of the output, counted from 1.
    pub(crate) number: usize,
    /// The extension of the URL.
    pub(crate) extension: Option<&'a str>,
}

impl OutputFacts<'_> {
    /// Returns the value of a name in a template, reduced to a safe name, or `None` for an unknown name.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let text = match name {
            "id" => return Some(file_name(self.id).into_owned()),
            "job" => self.job.map(|job| job.to_string()),
            "label" => self.label.map(str::to_owned),
            "model" => self.model.map(str::to_owned),
            "index" => Some(self.number.to_string()),
            "ext" => Some(self.extension.unwrap_or(NO_EXTENSION).to_owned()),
            _ => match (self.input.get(name), self.model) {
                (Some(value), _) => Some(text(value)),
                // An input that was left out, as far as the inputs of the model are known.
                (None, Some(model)) if may_have_input(model, name) => None,
                (None, _) => return None,
            },
        };
        Some(safe_name(&text.unwrap_or_default()))
    }
}

/// Returns `true` unless the catalogue knows the inputs of a model and has none of this name.
fn may_have_input(model: &str, name: &str) -> bool {
    let model = wavespeed_client::model(model);
    model.is_none_or(|model| find_input(model, name).is_some())
}

fn find_input<'a>(model: &'a Model, name: &str) -> Option<&'a Input> {
    model.inputs.iter().find(|input| input.name == name)
}

/// Returns the text of an input: of a URL, which may contain a signature, only the name of its file.
fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text,
        other => return other.to_string(),
    };
    let url = Url::parse(text).ok().filter(|url| url.has_host());
    let file = url.and_then(|url| Some(url.path_segments()?.next_back()?.to_owned()));
    file.unwrap_or_else(|| text.to_owned())
}

impl Target {
    /// Returns a message if the path of an output cannot be made: a name in its template is wrong or not
    /// known, or it is too long with the longest id, number and extension. Without an input, the names of
    /// inputs are not checked.
    pub(crate) fn check_names(&self, submit: Option<(&Model, &Value)>) -> Option<String> {
        let longest = "x".repeat(MAX_ID_BYTES);
        let value = &longest[..MAX_VALUE_BYTES];
        let mut input = Value::Object(Map::new());
        let names = match names(&self.path) {
            Ok(names) => names,
            Err(message) => return Some(message),
        };
        for name in names.into_iter().filter(|name| !FACTS.contains(name)) {
            input[name] = match submit {
                None => Value::Null,
                Some((model, given)) => match (find_input(model, name), given.get(name)) {
                    // A file has another name once it is uploaded.
                    (Some(known), _) if known.media.is_some() => value.into(),
                    (_, Some(given)) => given.clone(),
                    (Some(_), None) => Value::Null,
                    (None, None) => return Some(unknown(name)),
                },
            };
        }
        let facts = OutputFacts {
            id: &longest,
            job: Some(JobNumber::new(u64::from(u32::MAX))),
            label: Some(value),
            model: submit.map(|(model, _)| model.id),
            input,
            // No model has more outputs than two digits can count.
            number: 99,
            extension: Some("longest8"),
        };
        match self.path(&facts) {
            Ok(path) => too_long(&path),
            Err(message) => Some(message),
        }
    }
}

/// Returns a message if a path or one of its names is too long.
fn too_long(path: &std::path::Path) -> Option<String> {
    for component in path {
        let bytes = component.len();
        if bytes > MAX_NAME_BYTES {
            return Some(format!(
                "{component:?} has {bytes} bytes, with the longest id, number and extension; a name has at \
                 most {MAX_NAME_BYTES}"
            ));
        }
    }
    // Another process saves by the absolute path.
    let bytes = std::path::absolute(path).map_or(0, |path| path.as_os_str().len());
    (bytes > MAX_PATH_BYTES).then(|| {
        format!(
            "the path has {bytes} bytes, with the longest id, number and extension; a path has at most \
             {MAX_PATH_BYTES}"
        )
    })
}
