//! The error of a store.

use wavespeed_client::PredictionId;

use crate::store::number::JobNumber;

/// Something could not be written down, or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// From what went wrong.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The job to be settled is not there.
    #[must_use]
    pub fn gone(job: JobNumber) -> Self {
        Self::new(format!(
            "{job} is not there any more, so what came of it could not be written down"
        ))
    }

    /// The job to be sent is on its way already.
    #[must_use]
    pub fn claimed(job: JobNumber) -> Self {
        Self::new(format!("{job} is on its way by another process"))
    }

    /// The task to be adopted belongs to another job.
    #[must_use]
    pub fn taken(id: &PredictionId, by: JobNumber) -> Self {
        Self::new(format!("{id} is the task of {by} already"))
    }
}
