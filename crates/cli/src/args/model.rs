//! The arguments of commands that take the inputs of a model.

use std::collections::HashSet;
use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use wavespeed::{Model, ModelId, Rule};

use super::catalogue::Live;
use super::global::Global;
use super::inputs;
use super::jobs::Output;
use super::values::{amount, rule};
use crate::lipsync::LIPSYNC;

/// The arguments of `wave lipsync`, and of `wave run` beside the model.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Submit an input that breaks this rule; may be repeated
    #[arg(long, value_name = "RULE", value_parser = rule(), ignore_case = true)]
    pub(crate) force_input: Vec<Rule>,
    /// Check the input, show the request and its price, and submit nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Public URL to which the vendor reports the end of the job; see wave webhook listen
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Add a random token to the URL of the webhook, by which wave webhook listen finds the job if the answer
    /// to its submit is lost
    #[arg(long, requires = "webhook")]
    pub(crate) webhook_token: bool,
    /// Idempotency key: the same command with the same key is paid for once, however often it runs
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Submit the job of the key once more if it failed, was cancelled, timed out or was deleted; this is
    /// billed again
    #[arg(long, requires = "key")]
    pub(crate) retry_failed: bool,
    /// Submit even if an equal submit of another account in the journal is lost; it may then be paid for twice
    #[arg(long)]
    pub(crate) ignore_other_accounts: bool,
    /// Submit only if the vendor's price is not above this
    #[arg(long, value_name = "USD", value_parser = amount, allow_hyphen_values = true)]
    pub(crate) max_price: Option<f64>,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

/// The arguments of `wave run`.
#[derive(Args, Debug)]
pub(crate) struct RunModelArgs {
    /// Id of the model, see `wave models`; other models of the vendor can be run, too
    #[arg(value_name = "MODEL")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The arguments of `wave price`.
#[derive(Args, Debug)]
pub(crate) struct PriceArgs {
    /// Id of the model, see `wave models`
    #[arg(value_name = "MODEL")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
}

/// The inputs of a model, whose flags [`with_inputs`] adds.
#[derive(Clone, Debug)]
pub(crate) struct InputArgs(ArgMatches);

impl FromArgMatches for InputArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0 = matches.clone();
        Ok(())
    }
}

impl Args for InputArgs {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl InputArgs {
    /// Returns the values of an argument.
    pub(super) fn values(&self, id: &str) -> impl Iterator<Item = &str> {
        let values = self.0.try_get_many::<String>(id).unwrap_or_default();
        values.into_iter().flatten().map(String::as_str)
    }

    /// Returns the first word that is not understood because the model is not in the catalogue.
    pub(crate) fn rest(&self) -> Option<&str> {
        self.values(REST).next()
    }
}

/// The argument that collects the words after an unknown model, for a better error than that of clap.
const REST: &str = "rest";

/// Adds the flags for the inputs of a model, or only those for inputs by name without a model. `words`
/// are the words of the command in its usage line.
pub(super) fn with_inputs(command: Command, words: &str, model: Option<&'static Model>) -> Command {
    let rest = Arg::new(REST)
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .hide(true);
    // Without a model, each further word is collected, and the error names the model instead.
    let Some(model) = model else {
        return command.args(inputs::sources()).arg(rest);
    };
    // Such a model was named, but the catalogue does not have it.
    if model.name.is_empty() {
        let about = format!(
            "{}\nThis model is not in the catalogue: give its inputs with -i or --input.",
            model.id
        );
        return command.long_about(about).args(inputs::sources()).arg(rest);
    }
    let page = model.docs.map_or(String::new(), |page| format!("\n{page}"));
    let about = format!("{} ({})\n{}{page}", model.name, model.id, model.about);
    command
        .long_about(about)
        .override_usage(format!("wave {words} {}[OPTIONS]", inputs::usage(model)))
        .args(inputs::flags(model))
        .args(inputs::text_file(model))
        .args(inputs::sources())
}

/// Returns the model that a command line names: that of `lipsync`, or for `run` and `price` the first
/// word that is the id of a model and not the value of a flag.
pub(super) fn named_in(words: &[OsString]) -> Option<&'static Model> {
    let words: Vec<&str> = words
        .iter()
        .skip(1)
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let at = words
        .iter()
        // The command line is parsed by clap later. This search only has to find the model.
        .position(|word| matches!(*word, "lipsync" | "run" | "price"))?;
    if words[at] == "lipsync" {
        return wavespeed::model(LIPSYNC);
    }
    let switches = switches();
    // A word is the value of the flag before it, unless that flag takes none or has its own after `=`.
    let mut before = "run";
    let positional = words[at + 1..].iter().filter(|word| {
        let flag = before.strip_prefix("--").filter(|flag| !flag.contains('='));
        let is_value =
            flag.is_some_and(|flag| !switches.contains(flag)) || matches!(before, "-o" | "-i");
        before = word;
        !is_value && !word.starts_with('-')
    });
    let positional: Vec<&&str> = positional.collect();
    // A model of the catalogue is preferred to an unknown id: a value may look like an id.
    let known = positional.iter().find_map(|word| wavespeed::model(word));
    known.or_else(|| {
        let id = positional
            .iter()
            .find_map(|word| word.parse::<ModelId>().ok())?;
        Some(Model::unknown(id.as_str()))
    })
}

/// Returns the flags of `wave run` that take no value.
fn switches() -> HashSet<String> {
    let command = RunArgs::augment_args(Global::augment_args(Command::new("run")));
    let switches = command
        .get_arguments()
        .filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    switches
        .filter_map(|arg| arg.get_long().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_is_found_among_values_of_flags() {
        let found = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            named_in(&words).map(|model| model.id)
        };
        assert_eq!(found("wave lipsync --text hi"), Some(LIPSYNC));
        for line in [
            "wave --json run MODEL --text hi",
            "wave run --text hi MODEL",
            "wave run --json MODEL",
            "wave run --dry-run MODEL",
        ] {
            assert_eq!(found(&line.replace("MODEL", LIPSYNC)), Some(LIPSYNC));
        }
        assert_eq!(found(&format!("wave run --text {LIPSYNC}")), None);
        assert_eq!(found(&format!("wave show {LIPSYNC}")), None);
        assert_eq!(found("wave run"), None);
    }
}
