//! The check of a JSON value against the shape that the catalogue gives it.

use serde_json::{Map, Value};
use wavespeed_client::text::shorten;
use wavespeed_client::{Choice, Input, Literal, Shape};

use crate::check::fault::{Fault, to_faults};
use crate::check::file::{Files, check_reference};
use crate::check::rule::Rule;
use crate::check::suggest::nearest;
use crate::check::text::{is_blank, nfc};

/// The number of choices up to which a message lists all of them.
const LISTED_CHOICES: usize = 12;

/// The characters that are counted, for messages.
const COUNTED: &str = "Unicode code points in NFC";

/// Returns the type of a value in words.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        // Serialization turns NaN and infinities into null.
        Value::Null => "null (or not a number, such as NaN)",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Returns a value as JSON for a message.
fn shown(value: &Value) -> String {
    shorten(&value.to_string(), 60)
}

/// Checks an object: missing and unknown names, and each value by its shape. `path` is the field of
/// the object itself, and empty for the whole input.
pub(super) fn check_object(
    known: &[Input],
    given: &Map<String, Value>,
    path: &str,
    files: Files,
    faults: &mut Vec<Fault>,
) {
    let field = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    for input in known {
        match given.get(input.name) {
            Some(Value::Null) if input.nullable => {}
            Some(value) => {
                let mut checker = ValueChecker {
                    field: field(input.name),
                    input,
                    files,
                    faults,
                };
                checker.check(&input.shape, value);
            }
            None if input.required => {
                let mut message = "is required".to_owned();
                // The vendor does not apply the default of a required input; it only suggests it.
                if let Some(default) = input.default {
                    message += &format!("; the vendor suggests {}", shown(&default.to_json()));
                }
                faults.push(Fault::new(
                    field(input.name),
                    Rule::Required,
                    Value::Null,
                    message,
                ));
            }
            None => {}
        }
    }
    for (name, value) in given {
        if known.iter().any(|input| input.name == name) {
            continue;
        }
        let names = known.iter().map(|input| input.name);
        let hint = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        let message =
            format!("is not an input of this model, and would be dropped silently; {hint}");
        faults.push(Fault::new(field(name), Rule::Known, value.clone(), message));
    }
}

/// A checker of one value and the values in it, which appends their faults.
struct ValueChecker<'a> {
    /// The field of the value that is being checked.
    field: String,
    input: &'a Input,
    files: Files,
    faults: &'a mut Vec<Fault>,
}

impl ValueChecker<'_> {
    fn fault(&mut self, rule: Rule, value: &Value, message: String) {
        self.faults
            .push(Fault::new(&*self.field, rule, value.clone(), message));
    }

    /// Checks a value against a shape.
    fn check(&mut self, shape: &Shape, value: &Value) {
        match (shape, value) {
            (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) => {}
            (
                Shape::String {
                    min_chars,
                    max_chars,
                    choices,
                },
                Value::String(text),
            ) => {
                if choices.is_empty() {
                    self.check_length(text, *min_chars, *max_chars, value);
                    self.check_file(text);
                } else {
                    self.check_choice(choices, value);
                }
            }
            (
                Shape::Integer {
                    min,
                    max,
                    multiple_of,
                    choices,
                },
                Value::Number(number),
            ) => {
                // JSON has no integer type: 2.0 is the same number as 2.
                let whole = number.as_f64().filter(|number| number.fract() == 0.0);
                let Some(whole) = whole else {
                    let message = format!("is {number}, but must be a whole number");
                    return self.fault(Rule::Type, value, message);
                };
                if choices.is_empty() {
                    let [min, max, step] =
                        [min, max, multiple_of].map(|limit| limit.map(|limit| limit as f64));
                    self.check_range(whole, min, max, value);
                    self.check_multiple(whole, step, value);
                } else {
                    self.check_choice(choices, value);
                }
            }
            (
                Shape::Number {
                    min,
                    max,
                    multiple_of,
                },
                Value::Number(number),
            ) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                self.check_range(number, *min, *max, value);
                self.check_multiple(number, *multiple_of, value);
            }
            (
                Shape::Array {
                    items,
                    min_items,
                    max_items,
                },
                Value::Array(values),
            ) => {
                self.check_count(values.len(), *min_items, *max_items, value);
                self.check_elements(items, values);
            }
            (Shape::Object { fields }, Value::Object(given)) => {
                check_object(fields, given, &self.field, self.files, self.faults);
            }
            (shape, value) => {
                let (found, expected) = (shown_or_null(value), expected_type(shape));
                let message = format!("is {found}, but must be {expected}");
                self.fault(Rule::Type, value, message);
            }
        }
    }

    fn check_elements(&mut self, shape: &Shape, values: &[Value]) {
        let field = self.field.clone();
        for (at, value) in values.iter().enumerate() {
            self.field = format!("{field}[{at}]");
            self.check(shape, value);
        }
        self.field = field;
    }

    fn check_length(&mut self, text: &str, min: Option<u32>, max: Option<u32>, value: &Value) {
        // The text is sent in NFC, so that form is counted.
        let text = nfc(text);
        let chars = text.chars().count();
        let (min, max) = (
            min.unwrap_or(0) as usize,
            max.map_or(usize::MAX, |max| max as usize),
        );
        // The vendor accepts some required texts empty. One of invisible characters is a mistake: it
        // would be paid for like a text. Paths and URLs are checked as such.
        let is_needed = min > 0 || (self.input.required && self.input.media.is_none());
        let message = if chars == 0 && min > 0 {
            "is empty".into()
        } else if chars > 0 && is_needed && is_blank(&text) {
            "has only white space or invisible characters, which is an empty text".into()
        } else if chars < min {
            format!("has {chars} characters ({COUNTED}), at least {min} are needed")
        } else if chars > max {
            let over = chars - max;
            format!(
                "has {chars} characters ({COUNTED}), at most {max} are allowed; shorten it by {over}"
            )
        } else {
            return;
        };
        self.fault(Rule::Length, value, message);
    }

    fn check_choice(&mut self, choices: &[Choice], value: &Value) {
        let is_value = |choice: &&Choice| match (choice.value, value) {
            // As numbers: 2.0 is the choice 2, but not the same JSON value.
            (Literal::Integer(number), Value::Number(given)) => {
                given.as_f64() == Some(number as f64)
            }
            (literal, given) => literal.to_json() == *given,
        };
        if choices.iter().any(|choice| is_value(&choice)) {
            return;
        }
        let hint = choice_hint(choices, value);
        self.fault(
            Rule::Choice,
            value,
            format!("is {}, which is not a choice; {hint}", shown(value)),
        );
    }

    fn check_range(&mut self, number: f64, min: Option<f64>, max: Option<f64>, value: &Value) {
        let hint = match (min, max) {
            (Some(min), Some(max)) => format!("use {min} to {max}"),
            (Some(min), None) => format!("use {min} or more"),
            (None, Some(max)) => format!("use {max} or less"),
            (None, None) => "use a number".to_owned(),
        };
        // A number that does not fit into an f64 arrives as NaN, which no comparison would find.
        let problem = if number.is_nan() || min.is_some_and(|min| number < min) {
            "too small"
        } else if max.is_some_and(|max| number > max) {
            "too large"
        } else {
            return;
        };
        self.fault(
            Rule::Range,
            value,
            format!("is {number}, which is {problem}; {hint}"),
        );
    }

    fn check_multiple(&mut self, number: f64, step: Option<f64>, value: &Value) {
        let Some(step) = step else { return };
        let times = number / step;
        // Steps such as 0.1 have no exact binary value, so a quotient within the rounding error of
        // a whole number counts as whole. The error grows with the quotient.
        if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
            let near = times.round() * step;
            self.fault(
                Rule::Multiple,
                value,
                format!("is {number}, which is not a multiple of {step}; the nearest is {near}"),
            );
        }
    }

    fn check_count(&mut self, count: usize, min: Option<u32>, max: Option<u32>, value: &Value) {
        if let Some(min) = min.filter(|min| count < *min as usize) {
            self.fault(
                Rule::Items,
                value,
                format!("has {count} elements, at least {min} are needed"),
            );
        }
        if let Some(max) = max.filter(|max| count > *max as usize) {
            self.fault(
                Rule::Items,
                value,
                format!("has {count} elements, at most {max} are allowed"),
            );
        }
    }

    /// Checks a text as a URL or path, if the input takes files.
    fn check_file(&mut self, text: &str) {
        let Some(media) = &self.input.media else {
            return;
        };
        let findings = check_reference(text, media, self.files);
        self.faults.extend(to_faults(&self.field, text, findings));
    }
}

/// Returns a hint for a value that is not a choice: the nearest choice, or a list.
fn choice_hint(choices: &[Choice], value: &Value) -> String {
    let given = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    // People know voices by their names, so the names of a choice lead to it as well as its value.
    let words: Vec<(String, &Choice)> = choices
        .iter()
        .flat_map(|choice| {
            let names = choice.names.iter().map(|(_, name)| (*name).to_owned());
            names
                .chain([choice.value.to_string()])
                .map(move |word| (word, choice))
        })
        .collect();
    let near = nearest(&given, words.iter().map(|(word, _)| word.as_str()));
    let near = near.and_then(|near| words.iter().find(|(word, _)| word == near));
    match near {
        Some((word, choice)) if *word == choice.value.to_string() => {
            format!("did you mean {word:?}?")
        }
        Some((word, choice)) => format!("did you mean \"{}\" ({word})?", choice.value),
        None if choices.len() <= LISTED_CHOICES => {
            let all: Vec<String> = choices
                .iter()
                .map(|choice| choice.value.to_string())
                .collect();
            format!("use one of {}", all.join(", "))
        }
        None => format!(
            "use one of its {} choices, such as {}",
            choices.len(),
            choices[0].value
        ),
    }
}

/// Returns a value for a message, and null in words.
fn shown_or_null(value: &Value) -> String {
    match value {
        Value::Null => type_name(value).to_owned(),
        _ => shown(value),
    }
}

/// Returns the type that a shape requires, in words.
fn expected_type(shape: &Shape) -> &'static str {
    match shape {
        Shape::String { .. } => "a string",
        Shape::Integer { .. } => "a whole number",
        Shape::Number { .. } => "a number",
        Shape::Boolean => "true or false",
        Shape::Array { .. } => "an array",
        Shape::Object { .. } => "an object",
        _ => "another type",
    }
}
