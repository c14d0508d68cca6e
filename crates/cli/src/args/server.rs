//! The arguments of commands that run until they are stopped.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use wavespeed::reqwest::Url;
use wavespeed_emulator::Scenario;

use super::values::{duration, http_url, path, port, spread};

pub(super) const LISTEN_EXAMPLE: &str =
    "Example: wave webhook listen --forward-to http://127.0.0.1:3000/hook";
pub(super) const EMULATOR_EXAMPLE: &str = "Example: wave emulator --port 8787 --job-time 10s";

/// The arguments of `wave webhook`.
#[derive(Args, Debug)]
pub(crate) struct WebhookArgs {
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

/// A command of `wave webhook`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Receive webhooks, verify them, print a line for each, and forward them
    #[command(after_help = LISTEN_EXAMPLE, after_long_help = listen_long_help())]
    Listen(ListenArgs),
}

/// The arguments of `wave webhook listen`.
#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Port on 127.0.0.1; 0 selects a free one
    #[arg(
        long,
        value_name = "N",
        value_parser = port,
        allow_hyphen_values = true,
        default_value = "8788"
    )]
    pub(crate) port: u16,
    /// Forward each webhook unchanged to this URL, and answer with the status of its answer
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub(crate) forward_to: Option<Url>,
    /// Poll the account's jobs and create the webhooks here, for a machine that the vendor cannot reach
    #[arg(long)]
    pub(crate) poll: bool,
}

fn listen_long_help() -> String {
    format!(
        "{LISTEN_EXAMPLE}\n\n\
         A tunnel or a proxy forwards the vendor's requests to this command, and a job names the \
         public URL: wave lipsync … --webhook https://HOST/. With --webhook-token, a job whose submit \
         was not answered gets its id from the webhook. The secret is requested with the API \
         key, or read from the environment variable WAVESPEED_WEBHOOK_SECRET; no API key is \
         needed then. With --json, each line is a JSON document. With --poll, the webhooks \
         contain the inputs of the jobs that the journal has. The command runs until it is \
         interrupted; --timeout does not apply."
    )
}

/// The arguments of `wave emulator`.
#[derive(Args, Debug)]
pub(crate) struct EmulatorArgs {
    /// Port on 127.0.0.1; 0 selects a free one
    #[arg(
        long,
        value_name = "N",
        value_parser = port,
        allow_hyphen_values = true,
        default_value = "0"
    )]
    pub(crate) port: u16,
    /// API key to accept
    #[arg(long, value_name = "KEY", default_value = "emulator")]
    pub(crate) api_key: String,
    /// Duration of a job
    #[arg(
        long,
        alias = "task-time",
        value_name = "TIME",
        value_parser = duration,
        allow_hyphen_values = true,
        default_value = "2s"
    )]
    pub(crate) job_time: Duration,
    /// Variation of the durations: 0 is none, 0.4 is large
    #[arg(
        long,
        alias = "task-spread",
        value_name = "SIGMA",
        value_parser = spread,
        allow_hyphen_values = true,
        default_value = "0"
    )]
    pub(crate) job_spread: f64,
    /// Faults to play, one on a line, such as `submit once lose-answer`; see --help
    #[arg(long, value_name = "FILE", value_parser = path)]
    pub(crate) scenario: Option<PathBuf>,
}

pub(super) fn emulator_long_help() -> String {
    format!("{EMULATOR_EXAMPLE}\n\nScenarios\n\n{}", Scenario::LANGUAGE)
}
