//! The rules by which the record of a job changes.
//!
//! They are pure functions of a record, so that every store follows the same ones: a store reads a
//! record, lets [`JobRecord::apply`] change it, and writes it back.

use std::time::SystemTime;

use wavespeed_client::{PredictionId, Status};

use crate::store::error::StoreError;
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
                    let message = format!("{} has already been sent again", self.number);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::store::record::{Account, Intent};

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
