//! The store that keeps nothing.

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::Settlement;
use crate::store::claim::Claim;
use crate::store::decision::Intended;
use crate::store::intent::Intent;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, JobFilter, JobRecord};
use crate::store::{Store, StoreFuture, ready};

/// A store that keeps nothing, and the default. Without a store, a prediction whose id the program
/// lost (the program crashed, or the answer to the submit was lost) is found only in the vendor's
/// own history.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoStore;

impl Store for NoStore {
    fn keeps_jobs(&self) -> bool {
        false
    }

    fn intend(&self, _: &Intent<'_>) -> StoreFuture<Intended> {
        ready(Ok(Intended::Recorded {
            // Zero is the number of no job; the library leaves it out of errors and handles.
            job: JobNumber::new(0),
            claim: Claim::default(),
            running: None,
        }))
    }

    fn settle(&self, _: JobNumber, _: &Settlement) -> StoreFuture<()> {
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

    fn known_ids(&self, _: &Account, _: &[PredictionId]) -> StoreFuture<Vec<PredictionId>> {
        ready(Ok(Vec::new()))
    }

    fn forget(&self, _: JobNumber) -> StoreFuture<bool> {
        ready(Ok(false))
    }
}
