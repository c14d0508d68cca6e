//! A JSON value against the shape the catalogue gives it.

use serde_json::{Map, Value};
use wavespeed_client::text::shorten;
use wavespeed_client::{Choice, Input, Literal, Shape};

use crate::check::fault::Fault;
use crate::check::file::{Files, check};
use crate::check::rule::Rule;
use crate::check::suggest::nearest;

/// The words for the type of a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null (or not a number, such as NaN)",
        Value::Bool(_) => "a truth value",
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

pub(super) fn object(
    known: &[Input],
    given: &Map<String, Value>,
    path: &str,
    files: Files,
    faults: &mut Vec<Fault>,
) {
    let at = |name: &str| {
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
                let mut place = Place {
                    field: at(input.name),
                    input,
                    files,
                    faults,
                };
                place.value(&input.shape, value);
            }
            None if input.required => {
                let mut message = "is required".to_owned();
                if let Some(default) = input.default {
                    message += &format!("; the vendor suggests {}", shown(&default.to_json()));
                }
                faults.push(Fault::new(
                    at(input.name),
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
        let mend = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        let message =
            format!("is not an input of this model, and would be dropped silently; {mend}");
        faults.push(Fault::new(at(name), Rule::Known, value.clone(), message));
    }
}

/// Where a value stands.
struct Place<'a> {
    field: String,
    input: &'a Input,
    files: Files,
    faults: &'a mut Vec<Fault>,
}

impl Place<'_> {
    fn fault(&mut self, rule: Rule, value: &Value, message: String) {
        self.faults
            .push(Fault::new(&*self.field, rule, value.clone(), message));
    }

    fn value(&mut self, shape: &Shape, value: &Value) {
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
                    self.length(text, *min_chars, *max_chars, value);
                    self.media(text);
                } else {
                    self.choice(choices, value);
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
                // A fraction of zero is the same number to JSON.
                let whole = number.as_f64().filter(|number| number.fract() == 0.0);
                match whole {
                    None => self.fault(
                        Rule::Type,
                        value,
                        format!("is {number}, but must be a whole number"),
                    ),
                    Some(_) if !choices.is_empty() => self.choice(choices, value),
                    Some(whole) => {
                        let float = |limit: &Option<i64>| limit.map(|limit| limit as f64);
                        self.range(whole, float(min), float(max), value);
                        self.multiple(whole, float(multiple_of), value);
                    }
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
                self.range(number, *min, *max, value);
                self.multiple(number, *multiple_of, value);
            }
            (
                Shape::Array {
                    items,
                    min_items,
                    max_items,
                },
                Value::Array(values),
            ) => {
                self.items(values.len(), *min_items, *max_items, value);
                let field = self.field.clone();
                for (at, value) in values.iter().enumerate() {
                    self.field = format!("{field}[{at}]");
                    self.value(items, value);
                }
                self.field = field;
            }
            (Shape::Object { fields }, Value::Object(given)) => {
                object(fields, given, &self.field, self.files, self.faults);
            }
            (shape, value) => {
                let wanted = wanted(shape);
                self.fault(
                    Rule::Type,
                    value,
                    format!("is {}, but must be {wanted}", shown_kind(value)),
                );
            }
        }
    }

    fn length(&mut self, text: &str, min: Option<u32>, max: Option<u32>, value: &Value) {
        let chars = text.chars().count();
        let (least, most) = (
            min.unwrap_or(0) as usize,
            max.map_or(usize::MAX, |max| max as usize),
        );
        if chars == 0 && least > 0 {
            self.fault(Rule::Length, value, "is empty".into());
        } else if chars < least {
            self.fault(
                Rule::Length,
                value,
                format!("has {chars} characters, at least {least} are needed"),
            );
        } else if chars > most {
            let over = chars - most;
            self.fault(
                Rule::Length,
                value,
                format!("has {chars} characters, at most {most} are allowed; shorten it by {over}"),
            );
        }
    }

    fn choice(&mut self, choices: &[Choice], value: &Value) {
        let is_value = |choice: &&Choice| match (choice.value, value) {
            (Literal::Integer(number), Value::Number(given)) => {
                given.as_f64() == Some(number as f64)
            }
            (literal, given) => literal.to_json() == *given,
        };
        if choices.iter().any(|choice| is_value(&choice)) {
            return;
        }
        let given = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // What a choice is called leads to it as well as its value does.
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
        let mend = match near {
            Some((word, choice)) if *word == choice.value.to_string() => {
                format!("did you mean {word:?}?")
            }
            Some((word, choice)) => format!("did you mean \"{}\" ({word})?", choice.value),
            None if choices.len() <= 12 => {
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
        };
        self.fault(
            Rule::Choice,
            value,
            format!("is {}, which is not a choice; {mend}", shown(value)),
        );
    }

    fn range(&mut self, number: f64, min: Option<f64>, max: Option<f64>, value: &Value) {
        let rule = match (min, max) {
            (Some(min), Some(max)) => format!("use {min} to {max}"),
            (Some(min), None) => format!("use {min} or more"),
            (None, Some(max)) => format!("use {max} or less"),
            (None, None) => "use a number".to_owned(),
        };
        if number.is_nan() || min.is_some_and(|min| number < min) {
            self.fault(
                Rule::Range,
                value,
                format!("is {number}, which is too small; {rule}"),
            );
        } else if max.is_some_and(|max| number > max) {
            self.fault(
                Rule::Range,
                value,
                format!("is {number}, which is too large; {rule}"),
            );
        }
    }

    fn multiple(&mut self, number: f64, of: Option<f64>, value: &Value) {
        let Some(of) = of else { return };
        let times = number / of;
        // Steps such as 0.1 have no exact value, so a quotient is whole if nothing is closer.
        if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
            let near = times.round() * of;
            self.fault(
                Rule::Multiple,
                value,
                format!("is {number}, which is not a multiple of {of}; the nearest is {near}"),
            );
        }
    }

    fn items(&mut self, count: usize, min: Option<u32>, max: Option<u32>, value: &Value) {
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

    /// The value of an input that is the URL of a file. An empty one is a fault of its length.
    fn media(&mut self, text: &str) {
        let Some(media) = &self.input.media else {
            return;
        };
        for (rule, severity, message) in check(text, media, self.files) {
            let fault = Fault::new(&*self.field, rule, text.into(), message);
            self.faults.push(Fault { severity, ..fault });
        }
    }
}

fn shown_kind(value: &Value) -> String {
    match value {
        Value::Null => kind(value).to_owned(),
        _ => shown(value),
    }
}

fn wanted(shape: &Shape) -> &'static str {
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
