//! The check of a whole input.

use serde_json::{Map, Value};
use wavespeed_client::{Choice, Input, Model};

use crate::check::fault::Fault;
use crate::check::file::Files;
use crate::check::named::local_files;
use crate::check::rule::Rule;
use crate::check::value;

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
