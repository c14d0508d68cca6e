//! The store that keeps nothing.

use wavespeed_client::{Prediction, PredictionId};

use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, Intent, JobFilter, JobRecord, Resolution};

/// A store that keeps nothing, and the default. Without a store, a prediction whose id the program
/// lost (the program crashed, or the answer to the submit was lost) is found only in the vendor's
/// own history.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoStore;

impl Store for NoStore {
    fn intend(&self, _: &Intent<'_>) -> Result<JobNumber, StoreError> {
        // Zero is the number of no job; the library leaves it out of errors and handles.
        Ok(JobNumber::new(0))
    }

    fn settle(&self, _: JobNumber, _: &Resolution<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn record_end(&self, _: &Account, _: &Prediction) -> Result<(), StoreError> {
        Ok(())
    }

    fn record_saved(
        &self,
        _: &Account,
        _: &PredictionId,
        _: &[Downloaded],
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn jobs(&self, _: &Account, _: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        Ok(Vec::new())
    }

    fn forget(&self, _: &Account, _: JobNumber) -> Result<bool, StoreError> {
        Ok(false)
    }
}
