//! Flags for the inputs of a model, from the catalogue, and the JSON they make.

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};
use wavespeed::{Choice, Input, Model, Shape};

use crate::output::failure::Failure;

const HEADING: &str = "Inputs of the model";
/// What the ids of their flags begin with.
pub(crate) const INPUT: &str = "input:";

/// The name of the flag of an input within clap: no flag of the command line itself begins so.
fn id(input: &Input) -> String {
    format!("{INPUT}{}", input.name)
}

/// A flag for each input that the vendor shows. None is required here: the check names everything
/// that is missing or wrong at once.
pub(crate) fn flags(model: &'static Model) -> impl Iterator<Item = Arg> {
    model.inputs.iter().map(|input| {
        let array = matches!(input.shape, Shape::Array { .. });
        Arg::new(id(input))
            .long(input.flag)
            .value_name(value_name(input))
            .value_parser(Parser {
                choices: input.shape.choices(),
            })
            .action(if array {
                ArgAction::Append
            } else {
                ArgAction::Set
            })
            .allow_hyphen_values(true)
            .hide(input.hidden)
            .help_heading(HEADING)
            .help(help(input))
    })
}

/// `--video <FILE|URL> --text <TEXT>`: what a command line has to have.
pub(crate) fn usage(model: &Model) -> String {
    let needed = model
        .inputs
        .iter()
        .filter(|input| input.required && input.default.is_none());
    needed
        .map(|input| format!("--{} <{}> ", input.flag, value_name(input)))
        .collect()
}

/// Where inputs come from beside their flags.
pub(crate) fn sources() -> [Arg; 2] {
    [
        Arg::new("input")
            .long("input")
            .value_name("FILE|-")
            .help_heading(HEADING)
            .help("A JSON object with inputs, from a file or stdin; flags go before it"),
        Arg::new("pair")
            .short('i')
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help_heading(HEADING)
            .help("An input by its name in the request; may be repeated"),
    ]
}

/// The input that the command line makes, and what it took a value for.
pub(crate) struct Given {
    pub(crate) input: Value,
    pub(crate) notes: Vec<String>,
}

/// Reads all sources, of which flags come first, then `-i`, then `--input`. A required input with a
/// default is filled in, because the vendor refuses a request without it; an optional one that is
/// not set is not sent.
pub(crate) fn read(model: &Model, matches: &ArgMatches) -> Result<Given, Failure> {
    let mut object = match matches.get_one::<String>("input") {
        Some(source) => match parse(source)? {
            Value::Object(object) => object,
            other => {
                let message =
                    format!("the input in {source} is {other}, but must be a JSON object");
                return Err(Failure::usage(message));
            }
        },
        None => Map::new(),
    };
    let mut notes = Vec::new();
    let pairs = matches.get_many::<String>("pair").into_iter().flatten();
    let pairs: Vec<(&str, &str)> = pairs
        .map(|pair| {
            let split = pair.split_once('=').filter(|(name, _)| !name.is_empty());
            split.ok_or_else(|| Failure::usage(format!("-i takes NAME=VALUE, not {pair:?}")))
        })
        .collect::<Result<_, _>>()?;
    for (at, (name, text)) in pairs.iter().enumerate() {
        let known = model.input(name);
        let repeats = known.is_some_and(|input| matches!(input.shape, Shape::Array { .. }));
        if !repeats && pairs[..at].iter().any(|(earlier, _)| earlier == name) {
            let hint = format!("give one value, or a list as JSON: -i '{name}=[…]'");
            return Err(Failure::usage(format!("-i {name} is given more than once")).hint(hint));
        }
        if known.is_some() {
            continue;
        }
        let value = serde_json::from_str(text).unwrap_or_else(|_| (*text).into());
        object.insert((*name).to_owned(), value);
    }
    // The flags are those of the catalogue. What the vendor has dropped since then is given all the
    // same, for the check to find.
    let known = wavespeed::model(model.id).map_or(&[][..], |known| known.inputs);
    let dropped = known
        .iter()
        .filter(|input| model.input(input.name).is_none());
    let dropped: Vec<&Input> = dropped.collect();
    for input in model.inputs.iter().chain(dropped.iter().copied()) {
        let own = matches
            .try_get_many::<String>(&id(input))
            .unwrap_or_default();
        let flags = own.into_iter().flatten();
        let mut texts: Vec<&str> = flags.map(String::as_str).collect();
        if texts.is_empty() {
            let own = pairs.iter().filter(|(name, _)| *name == input.name);
            texts = own.map(|(_, text)| *text).collect();
        }
        let value = match (&input.shape, &texts[..]) {
            (_, []) if object.contains_key(input.name) => continue,
            (_, []) => match input
                .default
                .filter(|_| input.required && model.input(input.name).is_some())
            {
                Some(default) => default.to_json(),
                None => continue,
            },
            (Shape::Array { .. }, [list]) if is_list(list) => {
                serde_json::from_str(list).unwrap_or_default()
            }
            (Shape::Array { items, .. }, texts) => texts
                .iter()
                .map(|text| value(input, items, text, &mut notes))
                .collect(),
            (shape, [.., text]) => value(input, shape, text, &mut notes),
        };
        object.insert(input.name.to_owned(), value);
    }
    let input = Value::Object(object);
    Ok(Given { input, notes })
}

/// Whether a text is a whole list in JSON.
fn is_list(text: &str) -> bool {
    text.starts_with('[') && serde_json::from_str::<Vec<Value>>(text).is_ok()
}

/// The JSON in a file, or in stdin by the name `-`.
fn parse(source: &str) -> Result<Value, Failure> {
    let text = match source {
        "-" => std::io::read_to_string(std::io::stdin()),
        path => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| Failure::usage(format!("{source} cannot be read: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("the input in {source} is not JSON: {error}")))
}

/// A text as the type of its input, or the choice that is called so. One that is not of the type stays a string, for the check to
/// find.
fn value(input: &Input, shape: &Shape, text: &str, notes: &mut Vec<String>) -> Value {
    if let Some(choice) = input.choice(text) {
        if choice.value.to_string() != text {
            notes.push(format!("--{}: {text} is {}", input.flag, choice.value));
        }
        return choice.value.to_json();
    }
    let parsed = match shape {
        Shape::String { .. } => None,
        Shape::Number { .. } => text
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number),
        Shape::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Shape::Boolean => text.parse::<bool>().ok().map(Value::from),
        _ => serde_json::from_str(text).ok(),
    };
    parsed.unwrap_or_else(|| text.into())
}

pub(crate) fn value_name(input: &Input) -> &'static str {
    let shape = match &input.shape {
        Shape::Array { items, .. } => items,
        shape => shape,
    };
    match shape {
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

pub(crate) fn help(input: &Input) -> String {
    let mut notes = Vec::new();
    notes.extend(limits(&input.shape));
    if matches!(input.shape, Shape::Array { .. }) {
        notes.push("may be repeated".to_owned());
    }
    match input.default {
        Some(default) if input.required => notes.push(format!("default: {default}")),
        Some(default) => notes.push(format!("if not sent, the vendor takes {default}")),
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

fn limits(shape: &Shape) -> Option<String> {
    let range = |min: Option<String>, max: Option<String>| match (min, max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("{min} or more")),
        (None, Some(max)) => Some(format!("{max} or less")),
        (None, None) => None,
    };
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
        Shape::Integer { min, max, .. } => range(
            min.map(|min| min.to_string()),
            max.map(|max| max.to_string()),
        ),
        Shape::Number { min, max, .. } => range(
            min.map(|min| min.to_string()),
            max.map(|max| max.to_string()),
        ),
        Shape::Array {
            items,
            min_items,
            max_items,
        } => {
            let count = range(
                min_items.filter(|min| *min > 0).map(|min| min.to_string()),
                max_items.map(|max| max.to_string()),
            );
            let each = limits(items).map(|limits| format!("each {limits}"));
            let parts: Vec<String> = count
                .map(|count| format!("{count} values"))
                .into_iter()
                .chain(each)
                .collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        _ => None,
    }
}

/// Takes any text, but tells help and completion which values there are: a wrong one is found by
/// the check, together with everything else.
#[derive(Clone)]
struct Parser {
    choices: &'static [Choice],
}

impl TypedValueParser for Parser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, arg, value)?;
        // A text may begin with a hyphen, but a flag where a value should be is a value forgotten,
        // and must not be paid for as one.
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
        (!self.choices.is_empty())
            .then(|| Box::new(values) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
