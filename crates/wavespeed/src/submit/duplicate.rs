//! Jobs with the input of one that is about to be submitted.

use serde_json::Value;

use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::{JobFilter, JobRecord, Stage};

/// A job with the input of one that is about to be submitted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Duplicate {
    /// Nobody knows what came of it: to submit that again could pay for it twice.
    OutcomeUnknown(JobRecord),
    /// Its task goes on, so that another one is paid for as well.
    Running(JobRecord),
}

impl Wavespeed {
    /// An open job of this model with the same input, if there is one; one that was lost comes first.
    /// One whose submit is on its way just now is none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find_duplicate(
        &self,
        model: &str,
        input: &Value,
    ) -> Result<Option<Duplicate>, StoreError> {
        let store = &self.0.store;
        let open = store.jobs(&self.0.account, JobFilter::Open)?.into_iter();
        let mut goes_on = None;
        for job in open.filter(|job| job.model.as_str() == model && job.input == *input) {
            match job.stage {
                Stage::Unknown => return Ok(Some(Duplicate::OutcomeUnknown(job))),
                Stage::Intended if store.claim(job.number).is_ok() => {
                    return Ok(Some(Duplicate::OutcomeUnknown(job)));
                }
                _ if job.id.is_some() => {
                    goes_on.get_or_insert(Duplicate::Running(job));
                }
                _ => {}
            }
        }
        Ok(goes_on)
    }
}
