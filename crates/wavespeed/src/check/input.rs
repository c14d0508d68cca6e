//! The check of a whole input against its model.
//!
//! Each value is checked by its shape (`value`). What concerns several inputs or the input as a
//! whole is checked here: the language of a voice, and local files in inputs that take none.

use serde_json::{Map, Value};
use wavespeed_client::{Choice, Input, Model};

use crate::check::fault::Fault;
use crate::check::file::Files;
use crate::check::named::local_files;
use crate::check::rule::Rule;
use crate::check::value::{check_object, type_name};

/// Returns every fault of `input` by the rules of `model`. Of local files only the header is read,
/// and nothing is sent.
///
/// ```
/// use wavespeed::{Files, Rule, check, model, serde_json::json};
///
/// let model = model("kwaivgi/kling-lipsync/text-to-video").ok_or("no such model")?;
/// let input = json!({ "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "Anna" });
/// let faults = check(model, &input, Files::UrlOrPath);
/// assert_eq!((faults[0].field.as_str(), faults[0].rule), ("voice_id", Rule::Choice));
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn check(model: &Model, input: &Value, files: Files) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Value::Object(given) = input else {
        let message = format!(
            "is {}, but the inputs of a model are an object",
            type_name(input)
        );
        return vec![Fault::new("input", Rule::Type, input.clone(), message)];
    };
    check_object(model.inputs, given, "", files, &mut faults);
    faults.extend(
        model
            .inputs
            .iter()
            .filter_map(|input| check_language(model, input, given)),
    );
    // With `Files::Url` the caller does not deal with local files, and texts are taken as they are.
    if files != Files::Url {
        // One fault per field is enough: a field that is unknown or has the wrong type has one.
        let is_new = |fault: &Fault| !faults.iter().any(|other| other.field == fault.field);
        // Inputs that take files were checked as files above.
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

/// Returns a warning if the choice of an input does not speak the language that another input names
/// or has by default.
fn check_language(model: &Model, input: &Input, given: &Map<String, Value>) -> Option<Fault> {
    let language_input = model.input(input.language?)?;
    // The vendor uses the default of an input that is missing, so that counts like a given value.
    let given_or_default = |input: &Input| {
        let value = given.get(input.name).cloned();
        value.or_else(|| Some(input.default?.to_json()))
    };
    let (value, language) = (given_or_default(input)?, given_or_default(language_input)?);
    let is_chosen = |choice: &&Choice| choice.value.to_json() == value;
    let choice = input.shape.choices().iter().find(is_chosen)?;
    let language = language.as_str()?;
    // The names of a choice are listed by language. Without any its languages are unknown.
    if choice.names.is_empty() || choice.names.iter().any(|(spoken, _)| *spoken == language) {
        return None;
    }
    let spoken: Vec<&str> = choice.names.iter().map(|(spoken, _)| *spoken).collect();
    let message = format!(
        "is {}, which speaks {}, but {} is {language}; choose another",
        choice.value,
        spoken.join(" and "),
        language_input.name,
    );
    Some(Fault::new(input.name, Rule::Language, value, message).warning())
}
