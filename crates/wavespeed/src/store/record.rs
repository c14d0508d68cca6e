//! The records that a store keeps of jobs, and the rules by which they change.

use std::hash::Hash;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use strum::{EnumString, IntoStaticStr};
use wavespeed_client::{ModelId, PredictionId, Status};

use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::target::Target;

/// Whose jobs they are. Jobs of different accounts or hosts are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Account {
    /// The base URL of the API.
    pub base_url: String,
    /// The first 12 hex digits of the SHA-256 of the key, which tell keys apart and show nothing.
    pub key: String,
}

impl Account {
    /// An account at this base URL, with the key of this fingerprint.
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
    /// Who submits.
    pub account: &'a Account,
    /// To which model.
    pub model: &'a ModelId,
    /// The input, as it is sent.
    pub input: &'a Value,
    /// Where the outputs are to be saved, if they are.
    pub target: Option<&'a Target>,
    /// Where the vendor is to report its end, if anywhere.
    pub webhook: Option<&'a str>,
    /// When.
    pub at: SystemTime,
}

impl<'a> Intent<'a> {
    /// A submit at this time, without a target.
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

/// What became of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution<'a> {
    /// It was accepted under this id.
    Accepted(&'a PredictionId),
    /// It was not accepted; nothing is billed.
    Rejected,
    /// It may have been accepted.
    Unknown,
    /// Nothing came of it, and it is about to be sent again: as if intended anew.
    Resent {
        /// When it was to be sent before. If that is not what the store has, somebody else has sent
        /// it again already.
        before: SystemTime,
        /// When it is sent now.
        at: SystemTime,
    },
    /// It may have been accepted, and the vendor's history has a task that can be nothing else.
    Adopted(&'a PredictionId),
}

/// Which jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobFilter<'a> {
    /// All.
    All,
    /// Those that are not finished: see [`JobRecord::is_open`].
    Open,
    /// The one of this number.
    Number(JobNumber),
    /// The one of this id.
    Id(&'a PredictionId),
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, EnumString, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "lowercase", parse_err_ty = StoreError, parse_err_fn = unknown_stage)]
#[non_exhaustive]
pub enum Stage {
    /// The submit was about to be sent, and no more is known: it may have been billed.
    Intended,
    /// The submit was sent, and what came of it is not known: it may have been billed.
    Unknown,
    /// Nothing was accepted, nothing is billed.
    Rejected,
    /// The task was created.
    Submitted,
    /// The task has ended.
    Ended,
    /// Its outputs were saved.
    Saved,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_stage(word: &str) -> StoreError {
    StoreError::new(format!("{word:?} is not the stage of a job"))
}

/// What a [`Store`](crate::Store) knows of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its number.
    pub number: JobNumber,
    /// The model it was submitted to.
    pub model: ModelId,
    /// The input, as it was sent.
    pub input: Value,
    /// Where its outputs are to be saved.
    pub target: Option<Target>,
    /// Where the vendor is to report its end, if anywhere.
    pub webhook: Option<String>,
    /// When it was about to be sent.
    pub at: SystemTime,
    /// How far it has come.
    pub stage: Stage,
    /// The vendor's id, once it is known.
    pub id: Option<PredictionId>,
    /// Whether the id was found in the vendor's history rather than in the answer to the submit.
    pub adopted: bool,
    /// The last status that is known.
    pub status: Option<Status>,
    /// The files its outputs were saved to.
    pub files: Vec<PathBuf>,
}

impl JobRecord {
    /// A job that is about to be sent.
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

    /// Whether there is something left to do: to find out what came of the submit, to wait for the
    /// end, or to save outputs that were to be saved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Intended | Stage::Unknown | Stage::Submitted => true,
            Stage::Ended => self.target.is_some() && self.status == Some(Status::Completed),
            Stage::Rejected | Stage::Saved => false,
        }
    }

    /// Takes over what became of the submit. Nothing takes away an id but another answer to the
    /// submit itself, and what is known of its task stays: other processes may be further.
    ///
    /// # Errors
    /// If it is to be sent again or another task adopted, but by now its task is known, or somebody
    /// else has sent it again.
    pub fn settle(&mut self, outcome: &Resolution<'_>) -> Result<(), StoreError> {
        let (stage, id) = match (*outcome, &self.id) {
            (Resolution::Accepted(id) | Resolution::Adopted(id), Some(known)) if id == known => {
                return Ok(());
            }
            (Resolution::Adopted(_) | Resolution::Resent { .. }, Some(known)) => {
                let message = format!("{} is known to be {known}", self.number);
                return Err(StoreError::new(message));
            }
            (Resolution::Rejected | Resolution::Unknown, Some(_)) => return Ok(()),
            (Resolution::Resent { before, at }, None) => {
                // A store may keep no more than milliseconds.
                if milliseconds(before) != milliseconds(self.at) {
                    let message = format!("{} was sent again by another process", self.number);
                    return Err(StoreError::new(message));
                }
                self.at = at;
                (Stage::Intended, None)
            }
            (Resolution::Accepted(id) | Resolution::Adopted(id), _) => (Stage::Submitted, Some(id)),
            (Resolution::Rejected, None) => (Stage::Rejected, None),
            (Resolution::Unknown, None) => (Stage::Unknown, None),
        };
        self.stage = stage;
        self.id = id.cloned();
        self.adopted = matches!(outcome, Resolution::Adopted(_));
        Ok(())
    }
}

fn milliseconds(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

/// An output that was written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The number of the output, counted from 1.
    pub number: usize,
    /// Where it is.
    pub path: PathBuf,
    /// Where it is from.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of its content, in lowercase hex.
    pub sha256: String,
}

/// How long a task took, from its submit to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobDuration {
    /// The id of the task.
    pub id: PredictionId,
    /// The id of the model.
    pub model: String,
    /// How long it took.
    pub duration: Duration,
    /// When it was seen to have ended. Of many that began together, those that ended last are the
    /// longest, so the time of their end would not do.
    pub at: SystemTime,
}

impl JobDuration {
    /// A task of a model that took so long, and was seen to have ended at this time.
    #[must_use]
    pub fn new(
        id: PredictionId,
        model: impl Into<String>,
        duration: Duration,
        at: SystemTime,
    ) -> Self {
        Self {
            id,
            model: model.into(),
            duration,
            at,
        }
    }
}
