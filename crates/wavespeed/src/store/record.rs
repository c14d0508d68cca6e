//! The records that a store keeps of jobs.

use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use strum::{EnumString, IntoStaticStr};
use wavespeed_client::{ModelId, PredictionId, Status};

use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::target::Target;

/// The owner of jobs: a base URL and an API key. Jobs of different accounts are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Account {
    /// The base URL of the API.
    pub base_url: String,
    /// The fingerprint of the API key: the first 12 hex digits of its SHA-256, which tell API keys
    /// apart without revealing any of them.
    pub key: String,
}

impl Account {
    /// Creates the account at a base URL whose API key has this fingerprint.
    #[must_use]
    pub fn new(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            key: key.into(),
        }
    }
}

/// A submit that is about to be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Intent<'a> {
    /// The account that pays.
    pub account: &'a Account,
    /// The model.
    pub model: &'a ModelId,
    /// The input, as it is sent.
    pub input: &'a Value,
    /// The place where the outputs are to be saved, if they are.
    pub target: Option<&'a Target>,
    /// The URL to which the vendor reports the end of the job, if any.
    pub webhook: Option<&'a str>,
    /// The time of the intent.
    pub at: SystemTime,
}

impl<'a> Intent<'a> {
    /// Creates an intent without target and webhook.
    #[must_use]
    pub fn new(account: &'a Account, model: &'a ModelId, input: &'a Value, at: SystemTime) -> Self {
        Self {
            account,
            model,
            input,
            target: None,
            webhook: None,
            at,
        }
    }
}

/// A choice of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobFilter<'a> {
    /// Every job.
    All,
    /// The jobs that are not finished; see [`JobRecord::is_open`].
    Open,
    /// The job of this number.
    Number(JobNumber),
    /// The jobs with this id.
    Id(&'a PredictionId),
}

/// The stage of a job.
#[derive(Clone, Copy, Debug, EnumString, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = StoreError,
    parse_err_fn = unknown_stage
)]
#[non_exhaustive]
pub enum Stage {
    /// The submit was about to be sent, and nothing else is known: it may have been billed.
    Intended,
    /// The submit was sent, and its outcome is unknown: it may have been billed.
    Unknown,
    /// The submit was not accepted; nothing is billed.
    Rejected,
    /// The prediction was created.
    Submitted,
    /// The prediction has a terminal status.
    Ended,
    /// The outputs were saved.
    Saved,
}

impl Stage {
    /// Returns the name of the stage, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the stage that follows this one when the prediction was seen to have ended. Another
    /// process may have saved the outputs before this one saw the end.
    ///
    /// [`JobRecord::apply`] follows this rule. A store may apply it alone, to record the end of a job
    /// without reading the rest of its record.
    #[must_use]
    pub fn after_end(self) -> Self {
        match self {
            Self::Saved => Self::Saved,
            _ => Self::Ended,
        }
    }
}

fn unknown_stage(word: &str) -> StoreError {
    StoreError::new(format!("{word:?} is not the stage of a job"))
}

/// The record of a job in a [`Store`](crate::Store).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// The number of the job.
    pub number: JobNumber,
    /// The model.
    pub model: ModelId,
    /// The input, as it was sent.
    pub input: Value,
    /// The place where the outputs are to be saved, if they are.
    pub target: Option<Target>,
    /// The URL to which the vendor reports the end of the job, if any.
    pub webhook: Option<String>,
    /// The time of the last intent.
    pub at: SystemTime,
    /// The stage.
    pub stage: Stage,
    /// The vendor's id, once it is known.
    pub id: Option<PredictionId>,
    /// `true` if the id was found in the vendor's history rather than in the answer to the submit.
    pub adopted: bool,
    /// The last known status.
    pub status: Option<Status>,
    /// The files to which the outputs were saved.
    pub files: Vec<PathBuf>,
}

impl JobRecord {
    /// Creates the record of a job that is about to be sent.
    #[must_use]
    pub fn new(number: JobNumber, intent: &Intent<'_>) -> Self {
        Self {
            number,
            model: intent.model.clone(),
            input: intent.input.clone(),
            target: intent.target.cloned(),
            webhook: intent.webhook.map(str::to_owned),
            at: intent.at,
            stage: Stage::Intended,
            id: None,
            adopted: false,
            status: None,
            files: Vec::new(),
        }
    }

    /// Returns `true` if there is something left to do for this job: to learn the outcome of the
    /// submit, to wait for its end, or to save outputs that are to be saved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Intended | Stage::Unknown | Stage::Submitted => true,
            // Outputs without a target were never to be saved, and only completed jobs have outputs.
            Stage::Ended => self.target.is_some() && self.status == Some(Status::Completed),
            Stage::Rejected | Stage::Saved => false,
        }
    }
}

/// An output that was saved to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The number of the output, counted from 1.
    pub number: usize,
    /// The path of the file.
    pub path: PathBuf,
    /// The URL the output came from.
    pub url: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the content, in lowercase hex.
    pub sha256: String,
}
