//! Flags for the inputs of a model, from the catalogue.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use wavespeed::{Choice, Input, Model, Shape};

const HEADING: &str = "Inputs of the model";
/// The prefix of the ids of these flags within clap. No other flag has it.
pub(crate) const PREFIX: &str = "input:";
/// The id of the flag for a file with inputs.
pub(super) const FILE: &str = "input";
/// The id of the flag for one input by name.
pub(super) const PAIR: &str = "pair";

/// The name of the input that `--text-file` sets.
pub(super) const TEXT: &str = "text";
/// The id of the flag for a file with a text.
pub(super) const TEXT_FILE: &str = "text-file";

/// Returns the id of the flag of an input within clap.
pub(super) fn id(input: &Input) -> String {
    format!("{PREFIX}{}", input.name)
}

/// Returns a flag for each input. No flag is required: the check of the input reports everything that
/// is missing or wrong together.
pub(super) fn flags(model: &'static Model) -> impl Iterator<Item = Arg> {
    model.inputs.iter().map(|input| {
        let action = match input.shape {
            Shape::Array { .. } => ArgAction::Append,
            _ => ArgAction::Set,
        };
        let flag = Arg::new(id(input))
            .long(input.flag)
            .value_name(value_name(input))
            .value_parser(Parser {
                choices: input.shape.choices(),
            })
            .action(action)
            // A text may begin with a hyphen, such as "-5 degrees".
            .allow_hyphen_values(true)
            // The vendor hides some inputs in its own forms. Their flags work nevertheless.
            .hide(input.hidden)
            .help_heading(HEADING)
            .help(help(input));
        // The name of the input in the request, such as `voice_id`, is accepted as well.
        match input.name.contains('_') {
            true => flag.alias(input.name),
            false => flag,
        }
    })
}

/// Returns the flag for a file with the text, if the model has an input for one.
pub(super) fn text_file(model: &'static Model) -> Option<Arg> {
    let is_text = |input: &&Input| matches!(input.shape, Shape::String { choices: [], .. });
    let input = model.input(TEXT).filter(is_text)?;
    let flag = Arg::new(TEXT_FILE)
        .long("text-file")
        .value_name("FILE|-")
        .conflicts_with(id(input))
        .help_heading(HEADING)
        .help("Text of --text, from a file or stdin; line ends at its end are removed");
    Some(flag)
}

/// Returns the required inputs for a usage line: `--video <FILE|URL> --text <TEXT> `.
pub(super) fn usage(model: &Model) -> String {
    let required = model
        .inputs
        .iter()
        .filter(|input| input.required && input.default.is_none());
    required
        .map(|input| format!("--{} <{}> ", input.flag, value_name(input)))
        .collect()
}

/// Returns the flags for inputs by name.
pub(super) fn sources() -> [Arg; 2] {
    [
        Arg::new(FILE)
            .long("input")
            .value_name("FILE|-")
            .help_heading(HEADING)
            .help("JSON object with inputs, from a file or stdin; flags take precedence"),
        Arg::new(PAIR)
            .short('i')
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help_heading(HEADING)
            .help("Input by its name in the request; may be repeated"),
    ]
}

/// Returns the name of the value of an input in help texts.
pub(crate) fn value_name(input: &Input) -> &'static str {
    let shape = match &input.shape {
        Shape::Array { items, .. } => items,
        shape => shape,
    };
    match shape {
        // A file is a text for the vendor, so this comes before the types.
        _ if input.media.is_some() => "FILE|URL",
        Shape::String { choices: [], .. } => "TEXT",
        Shape::String { .. }
        | Shape::Integer {
            choices: [_, ..], ..
        } => "CHOICE",
        Shape::Integer { .. } => "INTEGER",
        Shape::Number { .. } => "NUMBER",
        Shape::Boolean => "true|false",
        _ => "JSON",
    }
}

/// Returns the help of an input: the vendor's description and the rules.
pub(crate) fn help(input: &Input) -> String {
    let mut notes = Vec::new();
    notes.extend(limits(&input.shape));
    if matches!(input.shape, Shape::Array { .. }) {
        notes.push("may be repeated".to_owned());
    }
    match input.default {
        // A required input is sent with its default, an optional one is left to the vendor.
        Some(default) if input.required => notes.push(format!("default: {default}")),
        Some(default) => notes.push(format!("vendor's default: {default}")),
        None if input.required => notes.push("required".to_owned()),
        None => {}
    }
    let about = input.about.trim_end();
    if notes.is_empty() {
        about.to_owned()
    } else {
        format!("{about} [{}]", notes.join("; "))
    }
}

/// Returns the limits of a value in words.
fn limits(shape: &Shape) -> Option<String> {
    match shape {
        Shape::String {
            min_chars,
            max_chars,
            ..
        } => match (min_chars.filter(|min| *min > 1), max_chars) {
            (Some(min), Some(max)) => Some(format!("{min} to {max} characters")),
            (None, Some(max)) => Some(format!("at most {max} characters")),
            (Some(min), None) => Some(format!("at least {min} characters")),
            (None, None) => None,
        },
        Shape::Integer { min, max, .. } => range(*min, *max),
        Shape::Number { min, max, .. } => range(*min, *max),
        Shape::Array {
            items,
            min_items,
            max_items,
        } => {
            let count = range(min_items.filter(|min| *min > 0), *max_items);
            let count = count.map(|count| format!("{count} values"));
            let each = limits(items).map(|limits| format!("each {limits}"));
            let parts: Vec<String> = count.into_iter().chain(each).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        _ => None,
    }
}

fn range<T: ToString>(min: Option<T>, max: Option<T>) -> Option<String> {
    let text = |value: Option<T>| value.map(|value| value.to_string());
    match (text(min), text(max)) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("{min} or more")),
        (None, Some(max)) => Some(format!("{max} or less")),
        (None, None) => None,
    }
}

/// Accepts any text, and lists the choices in the help: the check of the input reports an unknown
/// choice together with the other faults.
#[derive(Clone)]
struct Parser {
    choices: &'static [Choice],
}

impl TypedValueParser for Parser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, arg, value)?;
        // A text may begin with a hyphen, but a flag instead of a value means that the value was
        // forgotten. Such a text must not be paid for.
        let flag = text
            .strip_prefix("--")
            .and_then(|flag| flag.split('=').next());
        let is_flag = |flag| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(flag))
        };
        if flag.is_some_and(is_flag) || text == "-o" {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            let name = arg.map(ToString::to_string).unwrap_or_default();
            error.insert(ContextKind::InvalidArg, ContextValue::String(name));
            error.insert(ContextKind::InvalidValue, ContextValue::String(text));
            return Err(error);
        }
        Ok(text)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = self.choices.iter().map(|choice| {
            let names: Vec<&str> = choice.names.iter().map(|(_, name)| *name).collect();
            let value = PossibleValue::new(choice.value.to_string());
            if names.is_empty() {
                value
            } else {
                value.help(names.join(", "))
            }
        });
        // With an empty list, clap would show that no value is possible.
        (!self.choices.is_empty())
            .then(|| Box::new(values) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
