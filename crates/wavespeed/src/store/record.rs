//! The records that a store keeps of jobs, and the rules by which they change.
//!
//! The rules are pure functions of a record, so that every store follows the same ones: a store
//! reads a record, lets [`JobRecord::apply`] change it, and writes it back.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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

/// What became of a submit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// Accepted under this id.
    Accepted(PredictionId),
    /// Not accepted; nothing is billed.
    Rejected,
    /// Outcome unknown: the submit may have been accepted.
    Unknown,
    /// About to be sent again, as if intended anew.
    Resent {
        /// The time at which the caller believes the submit was last intended. If the store has
        /// another one, another process has already sent the submit again.
        before: SystemTime,
        /// The time of the new intent.
        at: SystemTime,
    },
    /// Outcome unknown until the vendor's history showed a prediction that can be no other job's.
    Adopted(PredictionId),
}

/// A change of a job's record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// The outcome of the submit.
    Resolved {
        /// The outcome.
        resolution: &'a Resolution,
        /// Another job of the account that has the id of the resolution, if there is one.
        holder: Option<JobNumber>,
    },
    /// The prediction was seen in this terminal status.
    Ended(&'a Status),
    /// Every output was saved to these files.
    Saved(&'a [Downloaded]),
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

    /// Applies a change. This is the one place where it is decided what a job becomes.
    ///
    /// A record never loses an id, except to another answer to the submit itself; and it never goes
    /// back to an earlier stage because a slower process reports late.
    ///
    /// # Errors
    /// Returns an error, and leaves the record as it is, if
    /// - the job is to be sent again or to adopt an id, but another id is already known for it;
    /// - the job is to be sent again, but another process has done so;
    /// - the job is to adopt an id that another job has.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<(), StoreError> {
        match *change {
            Change::Resolved { resolution, holder } => self.resolve(resolution, holder)?,
            Change::Ended(status) => {
                self.status = Some(status.clone());
                self.stage = self.stage.after_end();
            }
            Change::Saved(files) => {
                self.stage = Stage::Saved;
                self.files = files.iter().map(|file| file.path.clone()).collect();
            }
        }
        Ok(())
    }

    fn resolve(
        &mut self,
        resolution: &Resolution,
        holder: Option<JobNumber>,
    ) -> Result<(), StoreError> {
        if let (Resolution::Adopted(id), Some(holder)) = (resolution, holder) {
            return Err(StoreError::taken(id, holder));
        }
        let (stage, id) = match (resolution, &self.id) {
            // The same id once more: what is known beyond it stays.
            (Resolution::Accepted(id) | Resolution::Adopted(id), Some(known)) if id == known => {
                return Ok(());
            }
            (Resolution::Adopted(_) | Resolution::Resent { .. }, Some(known)) => {
                let message = format!("{} already has the id {known}", self.number);
                return Err(StoreError::new(message));
            }
            // The submit is known to have been accepted, so this outcome is out of date.
            (Resolution::Rejected | Resolution::Unknown, Some(_)) => return Ok(()),
            (Resolution::Resent { before, at }, None) => {
                // Stores keep milliseconds, so finer differences mean nothing.
                if milliseconds(*before) != milliseconds(self.at) {
                    let message = format!("{} was sent again by another process", self.number);
                    return Err(StoreError::new(message));
                }
                self.at = *at;
                (Stage::Intended, None)
            }
            (Resolution::Accepted(id) | Resolution::Adopted(id), _) => (Stage::Submitted, Some(id)),
            (Resolution::Rejected, None) => (Stage::Rejected, None),
            (Resolution::Unknown, None) => (Stage::Unknown, None),
        };
        self.stage = stage;
        self.id = id.cloned();
        self.adopted = matches!(resolution, Resolution::Adopted(_));
        Ok(())
    }
}

fn milliseconds(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
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

/// The time that a job took, from its submit to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobDuration {
    /// The id of the job.
    pub id: PredictionId,
    /// The id of the model.
    pub model: String,
    /// The time it took.
    pub duration: Duration,
    /// The time at which its end was seen. Observations are ordered by this time and not by the end
    /// itself: of many jobs that began together, the last to end are the longest, so an order by
    /// their ends would make the model look slower than it is.
    pub at: SystemTime,
}

impl JobDuration {
    /// Creates the observation that a job of a model took `duration`, made at the time `at`.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AT: SystemTime = SystemTime::UNIX_EPOCH;

    fn id(text: &str) -> PredictionId {
        text.parse().unwrap()
    }

    fn record(stage: Stage, known: Option<&str>) -> JobRecord {
        let (account, model) = (Account::new("https://a.b", ""), "a/b".parse().unwrap());
        let input = json!({});
        let intent = Intent::new(&account, &model, &input, AT);
        let mut record = JobRecord::new(JobNumber::new(1), &intent);
        (record.stage, record.id) = (stage, known.map(id));
        record
    }

    /// Resolves a record, and returns its stage and id afterwards, or `None` for an error.
    fn resolved(
        mut record: JobRecord,
        resolution: &Resolution,
        holder: Option<JobNumber>,
    ) -> Option<(Stage, Option<PredictionId>)> {
        let before = record.clone();
        let change = Change::Resolved { resolution, holder };
        match record.apply(&change) {
            Ok(()) => Some((record.stage, record.id)),
            Err(_) => {
                assert_eq!(record, before, "an error leaves the record as it is");
                None
            }
        }
    }

    #[test]
    fn a_job_without_an_id_takes_every_resolution() {
        let (one, resent) = (id("pred_1"), Resolution::Resent { before: AT, at: AT });
        for stage in [Stage::Intended, Stage::Unknown, Stage::Rejected] {
            for (resolution, expected) in [
                (
                    Resolution::Accepted(one.clone()),
                    (Stage::Submitted, Some(&one)),
                ),
                (
                    Resolution::Adopted(one.clone()),
                    (Stage::Submitted, Some(&one)),
                ),
                (Resolution::Rejected, (Stage::Rejected, None)),
                (Resolution::Unknown, (Stage::Unknown, None)),
                (resent.clone(), (Stage::Intended, None)),
            ] {
                let expected = (expected.0, expected.1.cloned());
                assert_eq!(
                    resolved(record(stage, None), &resolution, None),
                    Some(expected),
                    "{stage:?} {resolution:?}"
                );
            }
        }
    }

    #[test]
    fn a_known_id_is_lost_only_to_another_answer() {
        let (one, two) = (id("pred_1"), id("pred_2"));
        let resent = Resolution::Resent { before: AT, at: AT };
        for stage in [Stage::Submitted, Stage::Ended, Stage::Saved] {
            let kept = Some((stage, Some(one.clone())));
            for (resolution, expected) in [
                (Resolution::Accepted(one.clone()), kept.clone()),
                (Resolution::Adopted(one.clone()), kept.clone()),
                (Resolution::Rejected, kept.clone()),
                (Resolution::Unknown, kept.clone()),
                (Resolution::Adopted(two.clone()), None),
                (resent.clone(), None),
                (
                    Resolution::Accepted(two.clone()),
                    Some((Stage::Submitted, Some(two.clone()))),
                ),
            ] {
                let found = resolved(record(stage, Some("pred_1")), &resolution, None);
                assert_eq!(found, expected, "{stage:?} {resolution:?}");
            }
        }
    }

    #[test]
    fn an_id_of_another_job_cannot_be_adopted() {
        let (one, other) = (id("pred_1"), Some(JobNumber::new(7)));
        let adopted = Resolution::Adopted(one.clone());
        assert_eq!(
            resolved(record(Stage::Unknown, None), &adopted, other),
            None
        );
        let accepted = Resolution::Accepted(one);
        assert!(resolved(record(Stage::Unknown, None), &accepted, other).is_some());
    }

    #[test]
    fn a_job_that_was_resent_by_another_process_is_not_resent() {
        let second = Duration::from_secs(1);
        for (before, is_refused) in [
            (AT, false),
            (AT + Duration::from_nanos(1), false),
            (AT + second, true),
        ] {
            let at = AT + second;
            let resent = Resolution::Resent { before, at };
            let found = resolved(record(Stage::Unknown, None), &resent, None);
            assert_eq!(found.is_none(), is_refused, "{before:?}");
        }
    }

    #[test]
    fn a_late_end_does_not_undo_the_saving() {
        let mut saved = record(Stage::Submitted, Some("pred_1"));
        saved.apply(&Change::Saved(&[])).unwrap();
        saved.apply(&Change::Ended(&Status::Completed)).unwrap();
        assert_eq!(
            (saved.stage, saved.status),
            (Stage::Saved, Some(Status::Completed))
        );
    }
}
