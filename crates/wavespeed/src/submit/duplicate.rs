//! Open jobs with the input of one that is about to be submitted.

use serde_json::Value;

use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::{JobFilter, JobRecord, Stage};

/// An open job that has the model and the input of one that is about to be submitted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Duplicate {
    /// The outcome of its submit is unknown: submitting again could pay for the same job twice.
    OutcomeUnknown(JobRecord),
    /// The job is running: submitting again pays for a second one.
    Running(JobRecord),
}

impl Wavespeed {
    /// Returns an open job of this model with the same input, if there is one. A job whose outcome is
    /// unknown comes before one that is running. A job that another process is sending at this moment
    /// is not reported.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    pub async fn find_duplicate(
        &self,
        model: &str,
        input: &Value,
    ) -> Result<Option<Duplicate>, StoreError> {
        let store = &self.0.store;
        let open = store
            .jobs(&self.0.account, JobFilter::Open)
            .await?
            .into_iter();
        let mut running = None;
        for job in open.filter(|job| job.model.as_str() == model && job.input == *input) {
            match job.stage {
                Stage::Unknown => return Ok(Some(Duplicate::OutcomeUnknown(job))),
                // A claim that can be had has no live owner: its process died before it could record
                // the outcome.
                Stage::Intended if store.claim(job.number).await.is_ok() => {
                    return Ok(Some(Duplicate::OutcomeUnknown(job)));
                }
                _ if job.id.is_some() => {
                    running.get_or_insert(Duplicate::Running(job));
                }
                _ => {}
            }
        }
        Ok(running)
    }
}
