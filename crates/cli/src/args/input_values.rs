//! The input of a model from its sources on the command line. Flags take precedence over `-i`, and
//! `-i` over the file of `--input`.

use serde_json::{Map, Number, Value};
use wavespeed::{Choice, Input, Model, Shape};

use super::inputs;
use super::model::InputArgs;
use super::text_source;
use super::values::{UNEXPANDED_HOME, has_unexpanded_home};
use crate::output::failure::Failure;

/// The input of the command line.
pub(crate) struct Given {
    pub(crate) input: Value,
    /// The replacements of names by values, such as the name of a voice by its id.
    pub(crate) notes: Vec<String>,
}

/// Reads the input of a model. A required input with a default is filled in, because the vendor
/// refuses a request without it. An optional input that is not set is not sent.
pub(crate) fn read(model: &Model, args: &InputArgs) -> Result<Given, Failure> {
    // First, as it finds out whether both files are stdin.
    let text_file = from_text_file(args)?;
    let mut object = match args.values(inputs::FILE).next() {
        Some(source) => from_file(source)?,
        None => Map::new(),
    };
    let pairs = pairs(model, args)?;
    // A pair of an unknown input is JSON, or else a text. The check finds out whether it is allowed.
    for (name, text) in &pairs {
        if model.input(name).is_none() {
            let value = serde_json::from_str(text).unwrap_or_else(|_| (*text).into());
            object.insert((*name).to_owned(), value);
        }
    }
    let mut notes = Vec::new();
    for input in model.inputs.iter().chain(dropped(model)) {
        // A flag replaces all pairs of its input, also for a list.
        let mut texts: Vec<&str> = args.values(&inputs::id(input)).collect();
        if input.name == inputs::TEXT {
            texts.extend(text_file.as_deref());
        }
        if texts.is_empty() {
            let own = pairs.iter().filter(|(name, _)| *name == input.name);
            texts = own.map(|(_, text)| *text).collect();
        }
        let is_in_file = object.contains_key(input.name);
        if let Some(value) = input_value(model, input, &texts, is_in_file, &mut notes)? {
            object.insert(input.name.to_owned(), value);
        }
    }
    let mut input = Value::Object(object);
    // Every command shows the texts as they are sent.
    wavespeed::normalize_texts(model, &mut input);
    Ok(Given { input, notes })
}

/// Returns the inputs that the catalogue has and the vendor's list does not have any more. They are
/// read as well, so that the check reports them.
fn dropped(model: &Model) -> impl Iterator<Item = &'static Input> {
    let known = wavespeed::model(model.id).map_or(&[][..], |known| known.inputs);
    known
        .iter()
        .filter(|input| model.input(input.name).is_none())
}

/// Returns the names and texts of `-i`. The name of a flag stands for the name of its input.
fn pairs<'a>(model: &Model, args: &'a InputArgs) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for pair in args.values(inputs::PAIR) {
        let missing = match pair.split_once('=') {
            Some(("", _)) => "name",
            Some(_) => "",
            None => "`=`",
        };
        let Some((name, text)) = pair.split_once('=').filter(|_| missing.is_empty()) else {
            let message = format!("-i {pair} has no {missing}: use -i NAME=VALUE");
            return Err(Failure::usage(message));
        };
        let flag = name.trim_start_matches("--");
        let input = model.input(name);
        let input = input.or_else(|| model.inputs.iter().find(|input| input.flag == flag));
        let name = input.map_or(name, |input| input.name);
        let repeats = input.is_some_and(|input| matches!(input.shape, Shape::Array { .. }));
        if !repeats && pairs.iter().any(|(earlier, _)| *earlier == name) {
            let hint = format!("give one value, or a list as JSON: -i '{name}=[…]'");
            return Err(Failure::usage(format!("-i {name} is given more than once")).hint(hint));
        }
        pairs.push((name, text));
    }
    Ok(pairs)
}

/// Returns the value of an input from its texts, or `None` if it is not set here.
fn input_value(
    model: &Model,
    input: &Input,
    texts: &[&str],
    is_in_file: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Value>, Failure> {
    if input.media.is_some()
        && let Some(text) = texts.iter().find(|text| has_unexpanded_home(text))
    {
        let message = format!("--{} {text}: {UNEXPANDED_HOME}", input.flag);
        return Err(Failure::usage(message));
    }
    Ok(match (&input.shape, texts) {
        // The file has the lowest precedence, so its value stays only without a flag and a pair.
        (_, []) if is_in_file => None,
        (_, []) => {
            // An input that the vendor dropped has no default any more.
            let is_needed = input.required && model.input(input.name).is_some();
            let default = input.default.filter(|_| is_needed);
            default.map(|default| default.to_json())
        }
        // One text may be the whole list, and several texts are one element each.
        (Shape::Array { .. }, [list]) if is_list(list) => {
            Some(serde_json::from_str(list).unwrap_or_default())
        }
        (Shape::Array { items, .. }, texts) => {
            let values = texts.iter().map(|text| value(input, items, text, notes));
            Some(values.collect())
        }
        (shape, [.., text]) => Some(value(input, shape, text, notes)),
    })
}

/// Returns `true` if a text is a list in JSON.
fn is_list(text: &str) -> bool {
    text.starts_with('[') && serde_json::from_str::<Vec<Value>>(text).is_ok()
}

/// Reads a JSON object from a file, or from stdin for `-`.
fn from_file(source: &str) -> Result<Map<String, Value>, Failure> {
    let failed = |rule: String| Failure::usage(format!("--input {source} {rule}"));
    let text = text_source::read(source).map_err(failed)?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| failed(format!("is not JSON: {error}")))?;
    match value {
        Value::Object(object) => Ok(object),
        other => Err(failed(format!("is {other}: a JSON object is needed"))),
    }
}

/// Reads the text of `--text-file`, without the line ends at its end, which editors add.
fn from_text_file(args: &InputArgs) -> Result<Option<String>, Failure> {
    let Some(source) = args.values(inputs::TEXT_FILE).next() else {
        return Ok(None);
    };
    let failed = |rule: String| Failure::usage(format!("--text-file {source} {rule}"));
    if source == "-" && args.values(inputs::FILE).any(|file| file == "-") {
        let message = "--text-file - and --input - both read stdin; give one of them a file";
        return Err(Failure::usage(message));
    }
    let text = text_source::read(source).map_err(failed)?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Converts a text to a choice or to the type of the input. A text that is not of the type stays a
/// text, which the check reports.
fn value(input: &Input, shape: &Shape, text: &str, notes: &mut Vec<String>) -> Value {
    if let Some(choice) = choice(input, text) {
        if choice.value.to_string() != text {
            notes.push(format!("--{}: {text} is {}", input.flag, choice.value));
        }
        return choice.value.to_json();
    }
    let parsed = match shape {
        Shape::String { .. } => None,
        Shape::Number { .. } => {
            // JSON has neither NaN nor infinity, so these stay texts.
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map(Value::Number)
        }
        Shape::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Shape::Boolean => text.to_lowercase().parse::<bool>().ok().map(Value::from),
        _ => serde_json::from_str(text).ok(),
    };
    // The check names the type and the value, together with all other faults.
    parsed.unwrap_or_else(|| text.into())
}

/// Returns the choice with this value or name, in any letter case.
fn choice(input: &Input, text: &str) -> Option<&'static Choice> {
    input.choice(text).or_else(|| {
        let is_same = |choice: &&Choice| choice.value.to_string().eq_ignore_ascii_case(text);
        let mut same = input.shape.choices().iter().filter(is_same);
        // Two values that differ only in case need the exact one.
        same.next().filter(|_| same.next().is_none())
    })
}
