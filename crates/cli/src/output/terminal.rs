//! Lines on stderr: errors, hints, warnings and notes. Text from outside is cleaned before it is
//! written, so that it cannot control the terminal.

use std::io::{Write as _, stdin};

use anstyle::{AnsiColor, Style};
use wavespeed::{Fault, Model, Rule, Severity};

use super::candidates;
use super::failure::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Returns `true` if a character can move the cursor of a terminal, change its colours, or reorder
/// the text.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces the harmful characters of a text, also line ends.
pub(crate) fn clean(text: &str) -> String {
    let shown = |c| if is_harmful(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// Writes a line. A closed stderr does not stop the command.
pub(super) fn line(text: &str) {
    _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints information.
pub(crate) fn note(text: &str) {
    line(&clean(text));
}

/// Asks a question, and returns `true` if a line is typed that says yes. Blocks the thread.
pub(crate) fn ask(question: &str) -> bool {
    let mut stderr = anstream::stderr();
    _ = write!(stderr, "{question}");
    _ = stderr.flush();
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    let answer = answer.trim().to_lowercase();
    read.is_ok() && matches!(&*answer, "y" | "yes")
}

/// Prints a warning.
pub(crate) fn warning(text: &str) {
    line(&format!("{WARNING}warning:{WARNING:#} {}", clean(text)));
}

/// Prints how to fix an error.
pub(crate) fn hint(text: &str) {
    line(&format!("{HINT}hint:{HINT:#} {}", clean(text)));
}

fn error(text: &str) {
    line(&format!("{ERROR}error:{ERROR:#} {text}"));
}

/// Prints a failure. Several faults follow on a line each; a single one is the error itself.
pub(crate) fn failure(failure: &Failure, model: Option<&Model>) {
    let (refused, others): (Vec<&Fault>, _) =
        failure.faults.iter().partition(|fault| fault.is_refusal());
    // A single fault is the error itself, so that one mistake is one sentence.
    match refused[..] {
        [fault] => error(&described(fault, model)),
        _ => error(&clean(&failure.message)),
    }
    if refused.len() > 1 {
        for fault in &refused {
            line(&format!("  {}", described(fault, model)));
        }
    }
    if let Some(found) = &failure.candidates {
        for row in candidates::lines(found) {
            line(&format!("  {}", clean(&row)));
        }
    }
    if let Some(also) = &failure.also {
        error(&clean(also));
    }
    for fault in others {
        if !follows(fault, &refused, model) {
            input_warning(fault, model);
        }
    }
}

/// Returns `true` for a warning that only follows from a refusal: a voice does not speak a language that
/// is not a choice.
fn follows(warning: &Fault, refused: &[&Fault], model: Option<&Model>) -> bool {
    let input = model.and_then(|model| model.input(&warning.field));
    let language = input.and_then(|input| input.language);
    warning.rule == Rule::Language && refused.iter().any(|fault| Some(&*fault.field) == language)
}

/// Warns of a fault of an input that is sent despite it.
pub(crate) fn input_warning(fault: &Fault, model: Option<&Model>) {
    let end = match fault.severity {
        Severity::Overridden => " (overridden)",
        _ => "",
    };
    let text = described(fault, model);
    line(&format!("{WARNING}warning:{WARNING:#} {text}{end}"));
}

/// Prints a fault of a file of `wave check`.
pub(crate) fn file_fault(file: &str, fault: &Fault) {
    let (style, word) = match fault.is_refusal() {
        true => (ERROR, "error:"),
        false => (WARNING, "warning:"),
    };
    let (file, message) = (clean(file), clean(&fault.message));
    line(&format!("{style}{word}{style:#} {file}: {message}"));
}

fn described(fault: &Fault, model: Option<&Model>) -> String {
    let (flag, message) = (flag(fault, model), clean(&fault.message));
    // A message such as "is required" continues a sentence about the input.
    match ["is ", "has "].iter().any(|verb| message.starts_with(verb)) {
        true => format!("{flag} {message}"),
        false => format!("{flag}: {message}"),
    }
}

/// Returns the flag that sets the input of a fault.
fn flag(fault: &Fault, model: Option<&Model>) -> String {
    // The field of a fault within a list is `images[1]`, and the flag is that of the list.
    let name = fault.field.split(['[', '.']).next().unwrap_or_default();
    // Only the models of the catalogue have flags.
    if model.is_some_and(|model| wavespeed::model(model.id).is_none()) {
        return format!("-i {}", clean(&fault.field));
    }
    match model.and_then(|model| model.input(name)) {
        Some(input) => format!("--{}{}", input.flag, &fault.field[name.len()..]),
        None => format!("--{}", clean(&fault.field)),
    }
}
