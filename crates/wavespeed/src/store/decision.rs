//! What a store does with an intent, and what it replies.

use crate::store::claim::Claim;
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;

/// The reaction of a store to an [`Intent`](crate::Intent): see [`Intent::decide`](crate::Intent::decide).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// Insert a new job.
    Insert {
        /// An equal job that is running, to be reported.
        running: Option<Box<JobRecord>>,
    },
    /// Replace the record of an existing job by this one, which is about to be sent again.
    Resend {
        /// The new record.
        job: Box<JobRecord>,
    },
    /// Write nothing.
    Existing {
        /// The job that already exists.
        job: Box<JobRecord>,
        /// The reason why it stands in the way.
        reason: ExistingReason,
    },
}

impl Decision {
    pub(super) fn existing(job: JobRecord, reason: ExistingReason) -> Self {
        let job = Box::new(job);
        Self::Existing { job, reason }
    }
}

/// The reply of [`Store::intend`](crate::Store::intend).
#[derive(Debug)]
#[non_exhaustive]
pub enum Intended {
    /// The intent is recorded, and the submit is to be sent.
    Recorded {
        /// The number of the job.
        job: JobNumber,
        /// The claim on the job, to be held until the outcome is recorded. No other caller sees the
        /// job without the claim: it would look like a job whose sender is gone.
        claim: Claim,
        /// An equal job that is running, to be reported.
        running: Option<Box<JobRecord>>,
    },
    /// Nothing is recorded, and nothing may be sent.
    Existing {
        /// The job that already exists.
        job: Box<JobRecord>,
        /// The reason why it stands in the way.
        reason: ExistingReason,
    },
}

/// The reason why a job stands in the way of an [`Intent`](crate::Intent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExistingReason {
    /// The job has the key of the intent.
    Key,
    /// The job is equal, and the outcome of its submit is unknown: it may have been billed.
    OutcomeUnknown,
    /// The job is equal, and is being sent at this moment.
    BeingSent,
    /// The job is equal and running, or its outputs are still to be saved.
    Running,
    /// The job is equal and belongs to another account of the same API, and the outcome of its submit is
    /// unknown: it may have been billed.
    OtherAccount,
    /// The job is another one of the model, whose submit has no outcome yet, and the submits are
    /// [serialised](crate::Builder::serialise_submits).
    Turn,
}
