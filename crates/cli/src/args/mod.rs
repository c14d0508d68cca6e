//! The command line. Fixed commands are derived structs; the flags for the inputs of a model come from
//! the catalogue and are added for the model that is about to run, so that a large catalogue costs
//! nothing. [`parse`] turns the words of the command line into a [`Cli`].

pub(crate) mod account;
pub(crate) mod catalogue;
pub(crate) mod error;
pub(crate) mod global;
pub(crate) mod input_values;
pub(crate) mod inputs;
pub(crate) mod job_ref;
pub(crate) mod jobs;
pub(crate) mod model;
pub(crate) mod server;
pub(crate) mod text_source;
mod values;

use std::ffi::OsString;

use clap::builder::styling::Styles;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use wavespeed::{CATALOGUE, Model};

use self::account::{BillingsArgs, DeleteArgs, HistoryArgs, UsageArgs};
use self::catalogue::{CheckArgs, ModelsArgs, SchemaArgs, StatsArgs, UploadArgs, VoicesArgs};
use self::global::Global;
use self::jobs::{DownloadArgs, JobsArgs, ResumeArgs, ShowArgs, WaitArgs};
use self::model::{PriceArgs, RunArgs, RunModelArgs};
use self::server::{EmulatorArgs, WebhookArgs};
use crate::lipsync::LIPSYNC;
use crate::output::exit;

const KEY: &str = "\
The API key is read from the environment variable WAVESPEED_API_KEY; --emulate needs none.";

/// A clip and a sentence in, a talking video out, on WaveSpeedAI
#[derive(Debug, Parser)]
#[command(
    name = "wave",
    version,
    after_help = format!("{KEY}\n\n{}", exit::HELP),
    styles = Styles::styled(),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a clip speak a sentence (Kling lip-sync)
    #[command(after_help = "Example: wave lipsync --video clip.mp4 --text \"Hello\" -o out.mp4")]
    Lipsync(RunArgs),
    /// Run a model; `wave run MODEL --help` shows its inputs
    #[command(
        after_help = "Example: wave run kwaivgi/kling-lipsync/text-to-video --video clip.mp4 \
                      --text \"Hello\""
    )]
    Run(RunModelArgs),
    /// Wait for submitted jobs
    #[command(after_help = "Example: wave wait 6488c2754f6f4dfea924382fa14d11bd -o out.mp4")]
    Wait(WaitArgs),
    /// Show the current state of jobs
    #[command(after_help = "Example: wave show 6488c2754f6f4dfea924382fa14d11bd --json")]
    Show(ShowArgs),
    /// Save the outputs of completed jobs
    #[command(after_help = "Example: wave download 6488c2754f6f4dfea924382fa14d11bd -o videos/")]
    Download(DownloadArgs),
    /// Check files and URLs against a model's limits
    #[command(after_help = "Example: wave check clip.mp4 https://example.com/clip.mp4")]
    Check(CheckArgs),
    /// Show the price of a job; missing inputs are left out
    #[command(
        after_help = "Example: wave price kwaivgi/kling-lipsync/text-to-video --text \"Hello\""
    )]
    Price(PriceArgs),
    /// Show the account's balance
    #[command(after_help = "Example: wave balance --json")]
    Balance,
    /// Upload files and print their URLs; the same bytes are sent once in 7 days
    #[command(after_help = "Example: wave upload clip.mp4")]
    Upload(UploadArgs),
    /// List the jobs of the journal, oldest first
    #[command(after_help = "Example: wave jobs --open")]
    Jobs(JobsArgs),
    /// Resume jobs of the journal: find their ids, wait, save the outputs
    #[command(after_help = "Example: wave resume j17")]
    Resume(ResumeArgs),
    /// List models of the catalogue, or all models of the vendor
    #[command(after_help = "Example: wave models lipsync --type text-to-video")]
    Models(ModelsArgs),
    /// Show the inputs of a model; with --json, as a JSON Schema
    #[command(after_help = "Example: wave schema kwaivgi/kling-v1-tts --json")]
    Schema(SchemaArgs),
    /// List the account's jobs of the last 7 days, newest first
    #[command(after_help = "Example: wave history --since 12h --status failed")]
    History(HistoryArgs),
    /// Delete ended jobs and their outputs at the vendor
    #[command(after_help = "Example: wave delete 6488c2754f6f4dfea924382fa14d11bd --yes")]
    Delete(DeleteArgs),
    /// Show the number of jobs and their cost, by model and by day
    #[command(after_help = "Example: wave usage --since 31d")]
    Usage(UsageArgs),
    /// Show observed job durations and the polling schedule they give
    #[command(after_help = "Example: wave stats kwaivgi/kling-lipsync/text-to-video")]
    Stats(StatsArgs),
    /// List charges and refunds
    #[command(after_help = "Example: wave billings --type refund --since 7d")]
    Billings(BillingsArgs),
    /// List the voices of lip-sync and their names in each language
    #[command(after_help = "Example: wave voices --language zh")]
    Voices(VoicesArgs),
    /// Receive the vendor's webhooks
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        disable_help_subcommand = true,
        after_help = server::LISTEN_EXAMPLE
    )]
    Webhook(WebhookArgs),
    /// Run the vendor's API on this machine, for tests and trials
    #[command(
        after_help = server::EMULATOR_EXAMPLE,
        after_long_help = server::emulator_long_help()
    )]
    Emulator(EmulatorArgs),
}

/// Parses the words of a command line.
pub(crate) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    // The model has to be known before the command line can be parsed: its inputs are flags.
    let mut command = command(model::named_in(words));
    let matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Returns the command line with the flags of one model, if one is named.
fn command(model: Option<&'static Model>) -> clap::Command {
    // The flags of lip-sync would be wrong for another model.
    let lipsync = model.filter(|model| model.id == LIPSYNC);
    Cli::command()
        .mut_subcommand("lipsync", |command| {
            model::with_inputs(command, "lipsync", lipsync)
        })
        .mut_subcommand("run", |command| {
            model::with_inputs(command, "run <MODEL>", model)
        })
        .mut_subcommand("price", |command| {
            model::with_inputs(command, "price <MODEL>", model)
        })
}

/// Returns the ids of the catalogue's models.
pub(crate) fn model_ids() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|model| model.id)
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        command(None).debug_assert();
        for model in CATALOGUE.iter() {
            command(Some(model)).debug_assert();
        }
    }

    #[test]
    fn every_command_has_an_example() {
        for command in command(None).get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let example = format!("Example: wave {}", command.get_name());
            assert!(help.starts_with(&example), "{}", command.get_name());
        }
    }

    /// The code generator renames the flag of an input whose name is in the list, so the list must
    /// have every flag that a model's flags are combined with.
    #[test]
    fn every_flag_beside_the_inputs_is_reserved() {
        let reserved = include_str!("../../reserved-flags.txt");
        let reserved: Vec<&str> = reserved.lines().map(str::trim).collect();
        for model in CATALOGUE.iter() {
            let mut command = command(Some(model));
            command.build();
            let run = command.find_subcommand("run").unwrap();
            let is_input = |arg: &&Arg| arg.get_id().as_str().starts_with(inputs::PREFIX);
            let missing: Vec<&str> = run
                .get_arguments()
                .filter(|arg| !is_input(arg))
                .filter_map(Arg::get_long)
                .filter(|flag| !reserved.contains(flag))
                .collect();
            assert!(
                missing.is_empty(),
                "{missing:?}: add these to reserved-flags.txt"
            );
        }
    }
}
