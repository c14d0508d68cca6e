//! The flags of every command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use wavespeed::AdoptPolicy;

use super::values::{adopt_policy, duration, interval, path, polls};

/// The flags of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Use an emulator in this process: no API key, no cost; its jobs end with the process
    #[arg(long, global = true)]
    pub(crate) emulate: bool,
    /// Base URL of the API [env: WAVESPEED_BASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Permit sending the API key over plain http to another machine
    #[arg(long, global = true)]
    pub(crate) allow_plain_http: bool,
    /// Print one JSON document, also after an error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only ids and errors to stderr
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Deadline of everything after the local checks, such as 90s or 20m; 0 means none
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = duration,
        allow_hyphen_values = true,
        default_value = "1h"
    )]
    timeout: Duration,
    /// Shortest time between two polls of a job
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = interval,
        allow_hyphen_values = true,
        default_value = "1s"
    )]
    pub(crate) poll_interval: Duration,
    /// Mean time between two polls of a job; a shorter one costs more polls and notices the end earlier
    /// [default: 5s for videos, 2s for the rest]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = interval,
        allow_hyphen_values = true
    )]
    pub(crate) mean_gap: Option<Duration>,
    /// Most polls in a minute, of all jobs of this command together
    #[arg(
        long,
        global = true,
        value_name = "N",
        value_parser = polls,
        allow_hyphen_values = true,
        default_value = "6000"
    )]
    pub(crate) polls_per_minute: u32,
    /// Time to search the vendor's history for a job whose submit was not answered
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = duration,
        allow_hyphen_values = true,
        default_value = "60s"
    )]
    pub(crate) settle_time: Duration,
    /// Path of the journal, which records every submit [env: WAVESPEED_JOURNAL]
    #[arg(long, global = true, value_name = "PATH", value_parser = path)]
    pub(crate) journal: Option<PathBuf>,
    /// Record nothing: a job whose submit is not answered cannot be found again
    #[arg(long, global = true, conflicts_with = "journal")]
    pub(crate) no_journal: bool,
    /// Do not adopt a job from the vendor's history automatically
    #[arg(long, global = true)]
    pub(crate) no_adopt: bool,
    /// Evidence to adopt a job from the vendor's history: its input (certain); or that it is the only
    /// candidate and nothing else submits with the account (sole); or that it is the only one (single)
    #[arg(
        long,
        global = true,
        value_name = "POLICY",
        value_parser = adopt_policy(),
        ignore_case = true,
        default_value = "sole",
        conflicts_with = "no_adopt"
    )]
    pub(crate) adopt_policy: AdoptPolicy,
    /// Exit with 0 instead of 8 if an id was inferred from the vendor's history
    #[arg(long, global = true)]
    pub(crate) accept_inferred: bool,
    /// Print the id and exit after the submit
    #[arg(long, global = true)]
    pub(crate) no_wait: bool,
    /// Do not check the content of files and URLs
    #[arg(long, global = true)]
    pub(crate) no_media_check: bool,
}

impl Global {
    /// Returns the time until the deadline, or `None` without one.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        Some(self.timeout).filter(|timeout| !timeout.is_zero())
    }
}
