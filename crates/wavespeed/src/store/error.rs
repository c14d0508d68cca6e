//! The error of a store.

use wavespeed_client::PredictionId;

use crate::store::number::JobNumber;

/// A failure to write or read a record.
///
/// ```
/// use wavespeed::{JobNumber, StoreError, StoreErrorKind};
///
/// let error = StoreError::new("the disk is full");
/// assert_eq!(error.kind(), StoreErrorKind::Failed);
/// let error = StoreError::claimed(JobNumber::new(17));
/// assert_eq!(error.kind(), StoreErrorKind::Claimed);
/// assert_eq!(error.to_string(), "j17 is already being sent");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StoreError {
    kind: StoreErrorKind,
    #[source]
    error: Box<dyn std::error::Error + Send + Sync>,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The job is being sent by another part of this process, or by another process.
    Claimed,
    /// The job is not in the store: it was forgotten.
    Gone,
    /// The rules of [`JobRecord::apply`](crate::JobRecord::apply) refuse the change.
    Refused,
    /// The submit had been accepted under another id before. Both ids are in the record.
    AcceptedTwice,
    /// The record could not be written or read.
    Failed,
}

impl StoreError {
    /// Creates an error from its cause.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::of_kind(StoreErrorKind::Failed, error)
    }

    /// Creates an error of a kind from its cause.
    #[must_use]
    pub fn of_kind(
        kind: StoreErrorKind,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let error = error.into();
        Self { kind, error }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The job whose outcome is to be recorded was forgotten.
    #[must_use]
    pub fn gone(job: JobNumber) -> Self {
        let message = format!("{job} was removed, so its outcome could not be recorded");
        Self::of_kind(StoreErrorKind::Gone, message)
    }

    /// The job is being sent already, by this process or another one.
    #[must_use]
    pub fn claimed(job: JobNumber) -> Self {
        Self::of_kind(
            StoreErrorKind::Claimed,
            format!("{job} is already being sent"),
        )
    }

    /// The submit was accepted under one id and then under another one. The earlier id is that of an
    /// [`EarlierAttempt`](crate::EarlierAttempt).
    #[must_use]
    pub fn accepted_twice(job: JobNumber, earlier: &PredictionId, id: &PredictionId) -> Self {
        Self::of_kind(
            StoreErrorKind::AcceptedTwice,
            format!(
                "{job} was accepted as {earlier} and then as {id}; both ids are kept, and both may be \
                 billed"
            ),
        )
    }

    /// The prediction that is to be adopted belongs to another job: `by`, unless that job was
    /// forgotten.
    #[must_use]
    pub fn taken(id: &PredictionId, by: Option<JobNumber>) -> Self {
        let owner = by.map_or("a job that was forgotten".to_owned(), |job| job.to_string());
        let message = format!("{id} already belongs to {owner}");
        Self::of_kind(StoreErrorKind::Refused, message)
    }
}
