//! Errors of the command line. clap finds them; this module words them, so that they look like all
//! other errors, and a tip never names a flag that weakens a protection.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::job_ref::JobRef;
use super::model;
use crate::output::failure::Failure;

/// The flags that weaken a protection. They are never proposed for a misspelt flag.
const PROTECTIONS: [&str; 9] = [
    "--allow-plain-http",
    "--force",
    "--force-input",
    "--no-adopt",
    "--ignore-other-accounts",
    "--no-journal",
    "--no-media-check",
    "--resubmit",
    "--yes",
];

/// Returns `true` if the error is a request for help or for the version.
pub(crate) fn is_answer(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}

/// Returns `true` if clap shows help instead of an error, as for `wave` without a command.
pub(crate) fn is_help(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// Converts an error of clap.
pub(crate) fn failure(error: &clap::Error, words: &[OsString]) -> Failure {
    // The usage line of clap is missing in many of its errors, so the command comes from the words.
    let (_, command) = command_in(words);
    let (message, hint) = match error.kind() {
        ErrorKind::UnknownArgument => unknown_argument(error, words),
        ErrorKind::InvalidSubcommand => unknown_command(error, &command),
        ErrorKind::InvalidValue => invalid_value(error),
        ErrorKind::ValueValidation => {
            let (flag, value) = (flag(error), text(error, ContextKind::InvalidValue));
            // The parsers of this crate return the rule as their error.
            let rule = error.source().map(ToString::to_string);
            let rule = rule.unwrap_or_default();
            (format!("{flag} {value}: {rule}"), None)
        }
        ErrorKind::MissingRequiredArgument => (
            format!("{command} needs {}", list(error, ContextKind::InvalidArg)),
            None,
        ),
        ErrorKind::ArgumentConflict => {
            let (flag, other) = (flag(error), list(error, ContextKind::PriorArg));
            match flag == other {
                true => (format!("{flag} is given twice"), None),
                false => (format!("{flag} and {other} exclude each other"), None),
            }
        }
        ErrorKind::TooManyValues => (format!("{} takes no value", flag(error)), None),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("a command is missing".to_owned(), None)
        }
        _ => (first_paragraph(error), None),
    };
    let help = format!("see: {command} --help");
    let hint = match hint {
        Some(question) if question.ends_with('?') => format!("{question} {help}"),
        Some(hint) => format!("{hint}; {help}"),
        None => help,
    };
    Failure::usage(message).hint(hint)
}

type Wording = (String, Option<String>);

fn unknown_argument(error: &clap::Error, words: &[OsString]) -> Wording {
    let word = text(error, ContextKind::InvalidArg);
    if let Some((flag, next)) = forgotten_value(&word, words) {
        return (format!("{flag} has no value: {next} follows"), None);
    }
    if !word.starts_with('-') {
        return (format!("unexpected argument {word}"), usage(error));
    }
    let similar = text(error, ContextKind::SuggestedArg);
    let similar = canonical(without_value(&similar), words);
    let is_proposed = !similar.is_empty() && !PROTECTIONS.contains(&&*similar);
    let tip = is_proposed.then(|| format!("did you mean {similar}?"));
    (format!("there is no flag {word}"), tip)
}

/// Returns a flag by its own name, if clap proposes an alias such as `--voice_id`.
fn canonical(flag: &str, words: &[OsString]) -> String {
    let (command, _) = command_in(words);
    let name = flag.trim_start_matches("--");
    let has_alias = |arg: &&clap::Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        aliases.contains(&name)
    };
    let arg = command.get_arguments().find(has_alias);
    let own = arg.and_then(|arg| arg.get_long());
    own.map_or_else(|| flag.to_owned(), |own| format!("--{own}"))
}

/// Returns the usage line, which shows how a value that was given without a flag is meant.
fn usage(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            let usage = usage.to_string();
            Some(usage.replacen("Usage:", "usage:", 1).trim().to_owned())
        }
        _ => None,
    }
}

/// Returns the flag without a value, and the flag after it, in `--text --video URL`. clap reads
/// `--video` as the text, and the URL as an unexpected argument.
fn forgotten_value(word: &str, words: &[OsString]) -> Option<(String, String)> {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    // The unexpected word is the second one after the flag whose value is missing.
    let at = words.iter().position(|other| *other == word)?;
    let (flag, next) = (words.get(at.checked_sub(2)?)?, words[at - 1]);
    let is_flag = |word: &str| word.starts_with("--") && !word.contains('=');
    let is_forgotten = is_flag(flag) && is_flag(next) && !word.starts_with('-');
    is_forgotten.then(|| ((*flag).to_owned(), next.to_owned()))
}

fn unknown_command(error: &clap::Error, parent: &str) -> Wording {
    let word = text(error, ContextKind::InvalidSubcommand);
    if parent == "wave jobs" && is_job(&word) {
        let message = "wave jobs lists all jobs and takes no id".to_owned();
        return (
            message,
            Some(format!("show one job with: wave jobs show {word}")),
        );
    }
    let similar = list(error, ContextKind::SuggestedSubcommand);
    let hint = (!similar.is_empty()).then(|| format!("did you mean {similar}?"));
    (format!("there is no command {parent} {word}"), hint)
}

/// Returns `true` for a job number, or an id of the length that the vendor uses. A shorter id could be a
/// misspelt command.
fn is_job(word: &str) -> bool {
    match word.parse() {
        Ok(JobRef::Number(_)) => true,
        Ok(JobRef::Id(id)) => id.as_str().len() >= 32,
        Err(_) => false,
    }
}

fn invalid_value(error: &clap::Error) -> Wording {
    let (flag, value) = (flag(error), text(error, ContextKind::InvalidValue));
    if value.is_empty() {
        return (format!("{flag} needs a value"), None);
    }
    let choices = list(error, ContextKind::ValidValue);
    // The parser of an input refuses nothing but a flag instead of a value.
    if choices.is_empty() {
        return (format!("{flag} has no value: {value} follows"), None);
    }
    let similar = text(error, ContextKind::SuggestedValue);
    let hint = (!similar.is_empty()).then(|| format!("did you mean {similar}?"));
    (format!("{flag} {value}: use one of {choices}"), hint)
}

/// Returns the argument of an error without the name of its value: `--port` of `--port <N>`.
fn flag(error: &clap::Error) -> String {
    without_value(&text(error, ContextKind::InvalidArg)).to_owned()
}

/// Returns a flag without the name of its value, or the name of a positional argument: `ID` of
/// `<ID>...` and of `[ID]...`.
fn without_value(argument: &str) -> &str {
    let word = argument.split(' ').next().unwrap_or_default();
    let word = word.trim_end_matches("...");
    word.trim_matches(['<', '>', '[', ']'])
}

/// Returns a part of the error as text.
fn text(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    }
}

/// Returns the parts of the error as a list in words.
fn list(error: &clap::Error, kind: ContextKind) -> String {
    let texts = match error.get(kind) {
        Some(ContextValue::String(text)) => std::slice::from_ref(text),
        Some(ContextValue::Strings(texts)) => texts,
        _ => &[],
    };
    let texts = texts.iter().map(|text| without_value(text));
    texts.collect::<Vec<_>>().join(", ")
}

/// Returns the command of a command line, and its words: `wave jobs show`, or `wave run MODEL`.
fn command_in(words: &[OsString]) -> (clap::Command, String) {
    // The flags of a model are part of the command only if the model is named.
    let model = model::named_in(words);
    let (mut command, mut names) = (super::command(model), vec!["wave"]);
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(subcommand) = command.find_subcommand(word).cloned() {
            names.push(word);
            command = subcommand;
        }
    }
    // Only with the model does `--help` show the inputs.
    let takes_model = matches!(names[..], [_, "run" | "price"]);
    names.extend(model.map(|model| model.id).filter(|_| takes_model));
    (command, names.join(" "))
}

/// Returns the first paragraph of the text of clap, on one line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim);
    let message = lines.collect::<Vec<_>>().join(" ");
    message.trim_start_matches("error: ").to_owned()
}
