//! The rules by which the record of a job changes.
//!
//! They are pure functions of a record, so that every store follows the same ones: a store reads a
//! record, lets [`JobRecord::apply`] change it, and writes it back.

use std::time::SystemTime;

use wavespeed_client::{Prediction, PredictionId};

use crate::store::adoption::Adoption;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::number::JobNumber;
use crate::store::record::{Downloaded, EarlierAttempt, JobRecord, Stage};

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
    /// Accepted under this id, which was not in the answer to the submit.
    Adopted(PredictionId, Adoption),
}

/// The outcome of a submit, with what its answer said.
///
/// [`Store`](crate::Store) has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// The outcome.
    pub resolution: Resolution,
    /// The body of the answer, without the API key; `None` if there was no answer.
    pub answer: Option<String>,
    /// The seconds by which the vendor's clock is ahead of this machine's, if the answer said so.
    pub clock_offset: Option<i64>,
    /// The time at which the caller believes the submit was last intended, if an adoption depends on
    /// it; see [`if_intended_at`](Self::if_intended_at).
    pub intended_at: Option<SystemTime>,
    /// The time at which the outcome became unknown, if it did.
    pub lost_at: Option<SystemTime>,
    /// The token in the URL of the webhook, if the job is sent again with one.
    pub webhook_token: Option<String>,
}

impl Settlement {
    /// Creates a settlement with what an answer said.
    #[must_use]
    pub fn new(resolution: Resolution, answer: Option<String>, clock_offset: Option<i64>) -> Self {
        Self {
            resolution,
            answer,
            clock_offset,
            intended_at: None,
            lost_at: None,
            webhook_token: None,
        }
    }

    /// Sets the token in the URL of the webhook of a job that is sent again.
    #[must_use]
    pub fn webhook_token(mut self, token: Option<String>) -> Self {
        self.webhook_token = token;
        self
    }

    /// Sets the time at which the outcome became unknown, on the clock of the intent. The first one that a
    /// store gets is kept: it ends the time in which the prediction can have been created.
    #[must_use]
    pub fn lost_at(mut self, at: SystemTime) -> Self {
        self.lost_at = Some(at);
        self
    }

    /// Makes an adoption depend on the time of the intent in the record that was read: if the store has
    /// another one, the submit has been sent again since, and the prediction that was found may be that
    /// of the other POST. Other resolutions ignore this time.
    #[must_use]
    pub fn if_intended_at(mut self, at: SystemTime) -> Self {
        self.intended_at = Some(at);
        self
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
    /// Every output was saved to these files. Earlier files stay, by the rule of
    /// [`Downloaded::merge`].
    Saved(&'a [Downloaded]),
}

/// The effect of a change that [`JobRecord::apply`] made. A store writes the record, and then returns
/// [`into_result`](Self::into_result).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// The record has what it needs of the change.
    Recorded,
    /// The job of this number was forgotten. The record has the id and the stage, and nothing else.
    Forgotten(JobNumber),
    /// The submit had been accepted under another id before. The record has both.
    AcceptedTwice {
        /// The number of the job.
        job: JobNumber,
        /// The id of the job from now on.
        id: PredictionId,
        /// The id before, which is now that of an earlier attempt.
        earlier: PredictionId,
    },
}

impl Applied {
    /// Returns the result of [`Store::settle`](crate::Store::settle).
    ///
    /// [`Store`](crate::Store) has an example.
    ///
    /// # Errors
    /// Returns an error if the caller must learn of the effect, although the record is written.
    pub fn into_result(self) -> Result<(), StoreError> {
        match self {
            Self::Recorded => Ok(()),
            Self::Forgotten(job) => Err(StoreError::gone(job)),
            Self::AcceptedTwice { job, id, earlier } => {
                Err(StoreError::accepted_twice(job, &earlier, &id))
            }
        }
    }
}

impl JobRecord {
    /// Applies a change. Every store follows these rules.
    ///
    /// A known id is replaced only by another answer to the submit itself, and is then that of an earlier
    /// attempt. A late `Rejected`, `Unknown` or `Ended` does not undo what is known.
    ///
    /// Of a [forgotten](Self::forgotten) job only the id and the stage change, with an outcome of the
    /// submit.
    ///
    /// # Errors
    /// Returns an error, and leaves the record as it is, if
    /// - the job was forgotten, and is to be sent again or to adopt an id;
    /// - the job is to be sent again, but its id is known, or it has been sent again meanwhile;
    /// - the job is to adopt an id, but has another one, or another job has that id, or it has been sent
    ///   again since the [time](Settlement::if_intended_at) that the settlement names.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<Applied, StoreError> {
        match *change {
            Change::Resolved { settlement, .. } if self.forgotten => {
                self.resolve_forgotten(&settlement.resolution)?;
                return Ok(Applied::Forgotten(self.number));
            }
            // Nothing of the prediction is kept for a job that was forgotten.
            Change::Ended(_) | Change::Saved(_) if self.forgotten => {}
            Change::Resolved { settlement, owner } => {
                let before = self.id.clone();
                self.resolve(settlement, owner)?;
                if let (Some(earlier), Some(id)) = (before, &self.id)
                    && earlier != *id
                {
                    return Ok(Applied::AcceptedTwice {
                        job: self.number,
                        id: id.clone(),
                        earlier,
                    });
                }
            }
            Change::Ended(prediction) => {
                self.status = Some(prediction.status().clone());
                self.prediction = Some(prediction.raw().to_string());
                self.stage = self.stage.after_end();
            }
            Change::Saved(files) => {
                self.stage = Stage::Saved;
                self.files = Downloaded::merge(files, std::mem::take(&mut self.files));
            }
        }
        Ok(Applied::Recorded)
    }

    /// Records the outcome of a job that was forgotten while it was sent. A job whose outcome is known
    /// does not stand in the way of a reconciliation any more, and its id is no other job's.
    fn resolve_forgotten(&mut self, resolution: &Resolution) -> Result<(), StoreError> {
        match resolution {
            Resolution::Accepted(id) => {
                self.replace_id(Some(id.clone()));
                self.stage = Stage::Submitted;
            }
            Resolution::Rejected if self.id.is_none() => self.stage = Stage::Rejected,
            Resolution::Rejected | Resolution::Unknown => {}
            Resolution::Adopted(..) | Resolution::Resent { .. } => {
                return Err(StoreError::gone(self.number));
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
        if let (Resolution::Adopted(id, _), Some(owner)) = (resolution, owner) {
            let job = match owner {
                IdOwner::Job(job) => Some(job),
                IdOwner::Forgotten => None,
            };
            return Err(StoreError::taken(id, job));
        }
        let (stage, id) = match (resolution, &self.id) {
            // The same id once more: what is known beyond it stays.
            (Resolution::Accepted(id) | Resolution::Adopted(id, _), Some(known)) if id == known => {
                return Ok(());
            }
            (Resolution::Adopted(id, _), None) if self.owns(id) => {
                let message = format!("{id} is an earlier attempt of {}", self.number);
                return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
            }
            (Resolution::Adopted(..) | Resolution::Resent { .. }, Some(known)) => {
                let message = format!("{} already has the id {known}", self.number);
                return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
            }
            // The submit is known to have been accepted, so this outcome is out of date.
            (Resolution::Rejected | Resolution::Unknown, Some(_)) => return Ok(()),
            // The sender has recorded that nothing was created, after another one took it for gone.
            (Resolution::Unknown, None) if self.stage == Stage::Rejected => return Ok(()),
            (Resolution::Resent { before, at }, None) => {
                self.check_intended_at(*before)?;
                self.at = *at;
                (Stage::Intended, None)
            }
            (Resolution::Adopted(id, _), None) => {
                if let Some(at) = settlement.intended_at {
                    self.check_intended_at(at)?;
                }
                (Stage::Submitted, Some(id))
            }
            (Resolution::Accepted(id), _) => (Stage::Submitted, Some(id)),
            (Resolution::Rejected, None) => (Stage::Rejected, None),
            (Resolution::Unknown, None) => (Stage::Unknown, None),
        };
        self.replace_id(id.cloned());
        self.stage = stage;
        self.adopted = match resolution {
            Resolution::Adopted(_, adoption) => Some(*adoption),
            _ => None,
        };
        match resolution {
            // The answer that had no readable id stays.
            Resolution::Adopted(..) => {}
            // What the answer to an earlier POST said is not said of this one.
            Resolution::Resent { .. } => {
                self.answer = None;
                self.clock_offset = settlement.clock_offset;
                self.lost_at = None;
                // A job that is sent again does not wait for its turn.
                self.serialised = false;
                self.webhook_token.clone_from(&settlement.webhook_token);
            }
            // The first end of the window stays: nothing was sent after it.
            Resolution::Unknown => {
                self.answer = settlement.answer.clone().or(self.answer.take());
                self.clock_offset = settlement.clock_offset.or(self.clock_offset);
                self.lost_at = self.lost_at.or(settlement.lost_at);
            }
            Resolution::Accepted(_) | Resolution::Rejected => {
                self.answer = settlement.answer.clone();
                self.clock_offset = settlement.clock_offset.or(self.clock_offset);
            }
        }
        Ok(())
    }

    /// Replaces the id. The one that the job had may have been billed, so it stays as that of an earlier
    /// attempt.
    fn replace_id(&mut self, id: Option<PredictionId>) {
        if self.id == id {
            return;
        }
        // What was known of the end is not known of another prediction.
        (self.prediction, self.files) = (None, Vec::new());
        let status = self.status.take();
        // An answer that comes twice, with another one in between, is no third attempt.
        self.attempts
            .retain(|earlier| Some(&earlier.id) != id.as_ref());
        if let Some(replaced) = std::mem::replace(&mut self.id, id) {
            let attempt = EarlierAttempt::new(self.at, replaced, status, self.price);
            self.attempts.push(attempt);
        }
    }

    /// Fails if the submit was last intended at another time.
    fn check_intended_at(&self, at: SystemTime) -> Result<(), StoreError> {
        // Stores keep milliseconds, so finer differences mean nothing.
        if milliseconds(at) == milliseconds(self.at) {
            return Ok(());
        }
        let message = format!("{} has already been sent again", self.number);
        Err(StoreError::of_kind(StoreErrorKind::Refused, message))
    }
}

fn milliseconds(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests;
