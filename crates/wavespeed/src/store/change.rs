//! The rules by which the record of a job changes.
//!
//! They are pure functions of a record, so that every store follows the same ones: a store reads a
//! record, lets [`JobRecord::apply`] change it, and writes it back.

use std::time::SystemTime;

use wavespeed_client::{Prediction, PredictionId};

use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::number::JobNumber;
use crate::store::record::{Downloaded, JobRecord, Stage};

/// The outcome of a submit, as a store records it.
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
    /// Accepted under this id, which was found in the vendor's history.
    Adopted(PredictionId),
}

/// The outcome of a submit, with what its answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// The outcome.
    pub resolution: Resolution,
    /// The body of the answer, without the API key; `None` if there was no answer.
    pub answer: Option<String>,
    /// The seconds by which the vendor's clock is ahead of this machine's, if the answer said so.
    pub clock_offset: Option<i64>,
}

impl Settlement {
    /// Creates a settlement with what an answer said.
    #[must_use]
    pub fn new(resolution: Resolution, answer: Option<String>, clock_offset: Option<i64>) -> Self {
        Self {
            resolution,
            answer,
            clock_offset,
        }
    }
}

impl From<Resolution> for Settlement {
    fn from(resolution: Resolution) -> Self {
        Self::new(resolution, None, None)
    }
}

/// The owner of an id among the jobs at a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdOwner {
    /// The job of this number, now or in an earlier attempt.
    Job(JobNumber),
    /// A job that was forgotten.
    Forgotten,
}

/// A change of a job's record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// The outcome of the submit.
    Resolved {
        /// The outcome.
        settlement: &'a Settlement,
        /// The owner of the id of the resolution, unless that is this job or no one.
        owner: Option<IdOwner>,
    },
    /// The prediction was seen in a terminal status.
    Ended(&'a Prediction),
    /// Every output was saved to these files.
    Saved(&'a [Downloaded]),
}

impl JobRecord {
    /// Applies a change. Every store follows these rules.
    ///
    /// A known id is replaced only by another answer to the submit itself, and a late `Rejected`,
    /// `Unknown` or `Ended` does not undo what is known.
    ///
    /// # Errors
    /// Returns an error, and leaves the record as it is, if
    /// - the job is to be sent again, but its id is known, or it has been sent again meanwhile;
    /// - the job is to adopt an id, but has another one, or another job has that id.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<(), StoreError> {
        match *change {
            Change::Resolved { settlement, owner } => self.resolve(settlement, owner)?,
            Change::Ended(prediction) => {
                self.status = Some(prediction.status.clone());
                self.prediction = Some(prediction.raw().to_string());
                self.stage = self.stage.after_end();
            }
            Change::Saved(files) => {
                self.stage = Stage::Saved;
                self.files = files.to_vec();
            }
        }
        Ok(())
    }

    fn resolve(
        &mut self,
        settlement: &Settlement,
        owner: Option<IdOwner>,
    ) -> Result<(), StoreError> {
        let resolution = &settlement.resolution;
        if let (Resolution::Adopted(id), Some(owner)) = (resolution, owner) {
            let job = match owner {
                IdOwner::Job(job) => Some(job),
                IdOwner::Forgotten => None,
            };
            return Err(StoreError::taken(id, job));
        }
        let (stage, id) = match (resolution, &self.id) {
            // The same id once more: what is known beyond it stays.
            (Resolution::Accepted(id) | Resolution::Adopted(id), Some(known)) if id == known => {
                return Ok(());
            }
            (Resolution::Adopted(id), None) if self.owns(id) => {
                let message = format!("{id} is an earlier attempt of {}", self.number);
                return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
            }
            (Resolution::Adopted(_) | Resolution::Resent { .. }, Some(known)) => {
                let message = format!("{} already has the id {known}", self.number);
                return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
            }
            // The submit is known to have been accepted, so this outcome is out of date.
            (Resolution::Rejected | Resolution::Unknown, Some(_)) => return Ok(()),
            (Resolution::Resent { before, at }, None) => {
                // Stores keep milliseconds, so finer differences mean nothing.
                if milliseconds(*before) != milliseconds(self.at) {
                    let message = format!("{} has already been sent again", self.number);
                    return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
                }
                self.at = *at;
                (Stage::Intended, None)
            }
            (Resolution::Accepted(id) | Resolution::Adopted(id), _) => (Stage::Submitted, Some(id)),
            (Resolution::Rejected, None) => (Stage::Rejected, None),
            (Resolution::Unknown, None) => (Stage::Unknown, None),
        };
        if self.id.as_ref() != id {
            // What was known of the end is not known of another prediction.
            (self.status, self.prediction) = (None, None);
        }
        self.stage = stage;
        self.id = id.cloned();
        self.adopted = matches!(resolution, Resolution::Adopted(_));
        // What the answer to an earlier POST said is not said of this one. A job that is adopted keeps
        // the answer that had no readable id.
        if !self.adopted {
            self.answer = settlement.answer.clone();
            self.clock_offset = settlement.clock_offset;
        }
        Ok(())
    }
}

fn milliseconds(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use wavespeed_client::Status;

    use super::*;
    use crate::store::identity::Identity;
    use crate::store::intent::Intent;
    use crate::store::record::{Account, EarlierAttempt};

    const AT: SystemTime = SystemTime::UNIX_EPOCH;

    fn id(text: &str) -> PredictionId {
        text.parse().unwrap()
    }

    fn record(stage: Stage, known: Option<&str>) -> JobRecord {
        let (account, model) = (Account::new("https://a.b", ""), "a/b".parse().unwrap());
        let identity = Identity::default();
        let intent = Intent::new(&account, &model, "{}", &identity, AT);
        let mut record = JobRecord::new(JobNumber::new(1), &intent);
        (record.stage, record.id) = (stage, known.map(id));
        record
    }

    /// Resolves a record, and returns its stage and id afterwards, or `None` for an error.
    fn resolved(
        mut record: JobRecord,
        resolution: &Resolution,
        owner: Option<IdOwner>,
    ) -> Option<(Stage, Option<PredictionId>)> {
        let before = record.clone();
        let settlement = &Settlement::from(resolution.clone());
        let change = Change::Resolved { settlement, owner };
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
        let adopted = Resolution::Adopted(id("pred_1"));
        let accepted = Resolution::Accepted(id("pred_1"));
        for owner in [IdOwner::Job(JobNumber::new(7)), IdOwner::Forgotten] {
            let resolve = |resolution| {
                let record = record(Stage::Unknown, None);
                resolved(record, resolution, Some(owner))
            };
            assert_eq!(resolve(&adopted), None);
            assert!(resolve(&accepted).is_some());
        }
    }

    #[test]
    fn an_earlier_attempt_is_not_adopted_again() {
        let mut job = record(Stage::Unknown, None);
        job.attempts = vec![EarlierAttempt::new(AT, id("pred_1"), None, None)];
        assert_eq!(
            resolved(job, &Resolution::Adopted(id("pred_1")), None),
            None
        );
    }

    #[test]
    fn the_end_of_another_prediction_is_dropped() {
        let mut job = record(Stage::Submitted, Some("pred_1"));
        let end = json!({ "id": "pred_1", "status": "completed" });
        let end = Prediction::from_json(end).unwrap();
        job.apply(&Change::Ended(&end)).unwrap();
        let settlement = &Settlement::from(Resolution::Accepted(id("pred_2")));
        let owner = None;
        job.apply(&Change::Resolved { settlement, owner }).unwrap();
        assert_eq!((job.status, job.prediction), (None, None));
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
        let end = json!({ "id": "pred_1", "status": "completed" });
        let end = Prediction::from_json(end).unwrap();
        saved.apply(&Change::Ended(&end)).unwrap();
        assert_eq!(
            (saved.stage, saved.status),
            (Stage::Saved, Some(Status::Completed))
        );
    }
}
