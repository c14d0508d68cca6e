//! Jobs with the input of one that is about to be submitted.

use serde_json::Value;

use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::{JobRecord, Stage, Which};

/// A job with the input of one that is about to be submitted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Alike {
    /// Nobody knows what came of it: to submit that again could pay for it twice.
    Lost(JobRecord),
    /// Its task goes on, so that another one is paid for as well.
    GoesOn(JobRecord),
}

impl Wavespeed {
    /// An open job of this model with the same input, if there is one; one that was lost comes first.
    /// One whose submit is on its way just now is none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn alike(&self, model: &str, input: &Value) -> Result<Option<Alike>, StoreError> {
        let store = &self.0.store;
        let open = store.jobs(&self.0.account, Which::Open)?.into_iter();
        let mut goes_on = None;
        for job in open.filter(|job| job.model.as_str() == model && job.input == *input) {
            match job.stage {
                Stage::Unknown => return Ok(Some(Alike::Lost(job))),
                Stage::Intended if store.claim(job.number).is_ok() => {
                    return Ok(Some(Alike::Lost(job)));
                }
                _ if job.id.is_some() => {
                    goes_on.get_or_insert(Alike::GoesOn(job));
                }
                _ => {}
            }
        }
        Ok(goes_on)
    }
}
