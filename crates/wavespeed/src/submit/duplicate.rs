//! Open jobs with the input of one that is about to be submitted.

use std::time::Duration;

use serde_json::Value;

use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::{JobFilter, JobRecord, Stage};

/// The time for which the vendor keeps a prediction and its outputs (`spec/wavespeed.yaml`, operation
/// `list_predictions`).
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An open job that has the model and the input of one that is about to be submitted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Duplicate {
    /// The outcome of its submit is unknown: submitting again could pay for the same job twice.
    OutcomeUnknown(JobRecord),
    /// The job is running, or it has ended and its outputs are still to be saved: submitting again pays
    /// for a second one.
    Running(JobRecord),
}

impl Wavespeed {
    /// Returns an open job of this model with the same input, if there is one. A job whose outcome is
    /// unknown comes before one that is running. A job that another process is sending at this moment
    /// is not reported, nor is one that was submitted more than 7 days ago: the vendor no longer has
    /// its outputs.
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
        let open = open.filter(|job| job.model.as_str() == model && job.input == *input);
        // A clock that was set back makes a job look as if it were yet to come; it is not old.
        let is_old = |job: &JobRecord| job.at.elapsed().is_ok_and(|age| age > RETENTION);
        for job in open.filter(|job| !is_old(job)) {
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
