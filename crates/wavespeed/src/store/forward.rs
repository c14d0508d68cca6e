//! [`Store`] for pointers to stores.

use std::sync::Arc;

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::Settlement;
use crate::store::claim::Claim;
use crate::store::decision::Intended;
use crate::store::duration::JobDuration;
use crate::store::intent::Intent;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, JobFilter, JobRecord};
use crate::store::upload::{Content, FileState, UploadRecord};
use crate::store::{Store, StoreFuture};

/// Implements [`Store`] for a pointer to a store. Every method is forwarded, those with a default
/// body too: a pointer must not lose what its store remembers.
macro_rules! forward_store {
    ($pointer:ident) => {
        impl<S: Store + ?Sized> Store for $pointer<S> {
            fn keeps_jobs(&self) -> bool {
                (**self).keeps_jobs()
            }

            fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
                (**self).intend(intent)
            }

            fn settle(&self, job: JobNumber, settlement: &Settlement) -> StoreFuture<()> {
                (**self).settle(job, settlement)
            }

            fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
                (**self).claim(job)
            }

            fn record_end(&self, account: &Account, prediction: &Prediction) -> StoreFuture<()> {
                (**self).record_end(account, prediction)
            }

            fn record_saved(
                &self,
                account: &Account,
                id: &PredictionId,
                files: &[Downloaded],
            ) -> StoreFuture<()> {
                (**self).record_saved(account, id, files)
            }

            fn jobs(
                &self,
                account: &Account,
                filter: JobFilter<'_>,
            ) -> StoreFuture<Vec<JobRecord>> {
                (**self).jobs(account, filter)
            }

            fn known_ids(
                &self,
                account: &Account,
                ids: &[PredictionId],
            ) -> StoreFuture<Vec<PredictionId>> {
                (**self).known_ids(account, ids)
            }

            fn forget(&self, job: JobNumber) -> StoreFuture<bool> {
                (**self).forget(job)
            }

            fn flush(&self) -> StoreFuture<()> {
                (**self).flush()
            }

            fn find_hash(&self, file: &FileState) -> StoreFuture<Option<String>> {
                (**self).find_hash(file)
            }

            fn find_upload(
                &self,
                account: &Account,
                content: &Content,
            ) -> StoreFuture<Option<UploadRecord>> {
                (**self).find_upload(account, content)
            }

            fn record_upload(
                &self,
                account: &Account,
                upload: &UploadRecord,
                file: Option<&FileState>,
            ) -> StoreFuture<()> {
                (**self).record_upload(account, upload, file)
            }

            fn forget_upload(&self, account: &Account, url: &str) -> StoreFuture<bool> {
                (**self).forget_upload(account, url)
            }

            fn record_duration(
                &self,
                account: &Account,
                duration: &JobDuration,
            ) -> StoreFuture<bool> {
                (**self).record_duration(account, duration)
            }

            fn durations(&self, account: &Account, model: &str) -> StoreFuture<Vec<JobDuration>> {
                (**self).durations(account, model)
            }
        }
    };
}

forward_store!(Arc);
forward_store!(Box);
