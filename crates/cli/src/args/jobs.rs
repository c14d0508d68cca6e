//! The arguments of commands about submitted jobs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wavespeed::{PredictionId, Target};

use super::job_ref::{JobRef, parse_id};
use super::values::path;

/// The jobs of a command.
#[derive(Args, Debug)]
pub(crate) struct Ids {
    /// Ids of jobs, or job numbers such as j17
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<JobRef>,
}

/// The output path of a command.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Save the outputs to this path; without it, their URLs are printed. {id}, {job}, {label}, {model},
    /// {index}, {ext} and inputs such as {voice_id} are replaced, and {{ is a brace
    #[arg(short, long, value_name = "FILE|DIR/", value_parser = path)]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

impl Output {
    /// Returns the output path, if one is given.
    pub(crate) fn target(&self) -> Option<Target> {
        let path = self.output.as_ref()?;
        Some(Target::new(path).force(self.force))
    }
}

/// The arguments of `wave wait`.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    pub(crate) ids: Ids,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The arguments of `wave show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) ids: Ids,
}

/// The arguments of `wave download`.
#[derive(Args, Debug)]
pub(crate) struct DownloadArgs {
    #[command(flatten)]
    pub(crate) ids: Ids,
    /// Save the outputs to this path instead of the current folder. {id}, {job}, {label}, {model}, {index},
    /// {ext} and inputs such as {voice_id} are replaced, and {{ is a brace
    #[arg(short, long, value_name = "FILE|DIR/", value_parser = path)]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

impl DownloadArgs {
    /// Returns the output path, which is the current folder if none is given.
    pub(crate) fn target(&self) -> Target {
        match &self.output {
            Some(path) => Target::new(path),
            None => Target::new("./"),
        }
        .force(self.force)
    }
}

/// The arguments of `wave jobs`.
#[derive(Args, Debug)]
pub(crate) struct JobsArgs {
    /// List only jobs that can be resumed
    #[arg(long)]
    pub(crate) open: bool,
    #[command(subcommand)]
    pub(crate) command: Option<JobsCommand>,
}

/// A command of `wave jobs`.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Show jobs with their inputs
    #[command(after_help = "Example: wave jobs show j17")]
    Show(Jobs),
    /// Remove jobs from the journal; a running job continues at the vendor
    #[command(after_help = "Example: wave jobs forget j17")]
    Forget(Jobs),
}

/// The jobs of a command of `wave jobs`.
#[derive(Args, Debug)]
pub(crate) struct Jobs {
    /// Job numbers or ids
    #[arg(value_name = "JOB", required = true)]
    pub(crate) jobs: Vec<JobRef>,
}

/// The arguments of `wave resume`.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Job numbers or ids; without them, all open jobs
    #[arg(value_name = "ID", id = "id")]
    pub(crate) jobs: Vec<JobRef>,
    /// Resume all open jobs, as without an ID
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Record ID as the id of this job
    #[arg(
        long,
        value_name = "ID",
        value_parser = parse_id,
        requires = "id",
        conflicts_with = "all"
    )]
    pub(crate) adopt: Option<PredictionId>,
    /// Submit the job again and pay for it, after one more look that finds nothing it could be
    #[arg(long, requires = "id", conflicts_with_all = ["adopt", "all"])]
    pub(crate) resubmit: bool,
    /// With --resubmit: this job of the vendor's history is another one (repeatable)
    #[arg(long, value_name = "ID", value_parser = parse_id, requires = "resubmit")]
    pub(crate) not: Vec<PredictionId>,
}
