//! The store that keeps nothing.

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::Resolution;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, Intent, JobFilter, JobRecord};
use crate::store::{Claim, Store, StoreFuture, ready};

/// A store that keeps nothing, and the default. Without a store, a prediction whose id the program
/// lost (the program crashed, or the answer to the submit was lost) is found only in the vendor's
/// own history.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoStore;

impl Store for NoStore {
    fn intend(&self, _: &Intent<'_>) -> StoreFuture<(JobNumber, Claim)> {
        // Zero is the number of no job; the library leaves it out of errors and handles.
        ready(Ok((JobNumber::new(0), Claim::default())))
    }

    fn settle(&self, _: JobNumber, _: Resolution) -> StoreFuture<()> {
        ready(Ok(()))
    }

    fn record_end(&self, _: &Account, _: &Prediction) -> StoreFuture<()> {
        ready(Ok(()))
    }

    fn record_saved(&self, _: &Account, _: &PredictionId, _: &[Downloaded]) -> StoreFuture<()> {
        ready(Ok(()))
    }

    fn jobs(&self, _: &Account, _: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        ready(Ok(Vec::new()))
    }

    fn forget(&self, _: &Account, _: JobNumber) -> StoreFuture<bool> {
        ready(Ok(false))
    }
}
