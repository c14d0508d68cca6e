//! The error of a store.

use wavespeed_client::PredictionId;

use crate::store::number::JobNumber;

/// A failure to write or read a record.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Creates an error from its cause.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The job whose outcome is to be recorded is no longer in the store.
    #[must_use]
    pub fn gone(job: JobNumber) -> Self {
        Self::new(format!(
            "{job} was removed, so its outcome could not be recorded"
        ))
    }

    /// The job is being sent already, by this process or another one.
    #[must_use]
    pub fn claimed(job: JobNumber) -> Self {
        Self::new(format!("{job} is already being sent"))
    }

    /// The prediction that is to be adopted belongs to another job.
    #[must_use]
    pub fn taken(id: &PredictionId, by: JobNumber) -> Self {
        Self::new(format!("{id} already belongs to {by}"))
    }
}
