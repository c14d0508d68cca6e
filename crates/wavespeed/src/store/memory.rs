//! The store in memory.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::{Change, Resolution};
use crate::store::duration::JobDuration;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, Intent, JobFilter, JobRecord};
use crate::store::upload::{Content, FileState, UploadRecord};
use crate::store::{Claim, Store, StoreFuture, ready};

/// The number of durations kept per model.
const DURATIONS: usize = 128;

/// A store that lasts as long as its value. Behind an [`Arc`](std::sync::Arc) it serves several
/// clients.
#[derive(Debug, Default)]
pub struct MemoryStore {
    memory: Mutex<Memory>,
    claims: Arc<Mutex<HashSet<JobNumber>>>,
}

#[derive(Debug, Default)]
struct Memory {
    jobs: Vec<(Account, JobRecord)>,
    uploads: Vec<(Account, UploadRecord)>,
    /// File states, and the SHA-256 of each.
    hashes: Vec<(FileState, String)>,
    durations: Vec<(Account, JobDuration)>,
    /// The last number that was given to a job. Numbers are never reused.
    last: u64,
}

impl Memory {
    /// Returns the jobs of an account that have this id.
    fn with_id<'a>(
        &'a mut self,
        owner: &'a Account,
        id: &'a str,
    ) -> impl Iterator<Item = &'a mut JobRecord> {
        let own = self.jobs.iter_mut();
        let own = own.filter_map(move |(account, job)| (account == owner).then_some(job));
        own.filter(move |job| job.id.as_ref().is_some_and(|known| known.as_str() == id))
    }

    /// Applies a change to every job of an account that has this id.
    fn apply(&mut self, owner: &Account, id: &str, change: &Change<'_>) -> Result<(), StoreError> {
        self.with_id(owner, id)
            .try_for_each(|job| job.apply(change))
    }
}

impl MemoryStore {
    fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut lock(&self.memory))
    }

    fn try_claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        if lock(&self.claims).insert(job) {
            let claims = Arc::clone(&self.claims);
            Ok(Claim::new(ClaimGuard { claims, job }))
        } else {
            Err(StoreError::claimed(job))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of a job among the claimed ones, removed on drop.
struct ClaimGuard {
    claims: Arc<Mutex<HashSet<JobNumber>>>,
    job: JobNumber,
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        lock(&self.claims).remove(&self.job);
    }
}

impl Store for MemoryStore {
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<(JobNumber, Claim)> {
        ready(self.with(|memory| {
            let number = JobNumber::new(memory.last + 1);
            let claim = self.try_claim(number)?;
            memory.last += 1;
            let job = JobRecord::new(number, intent);
            memory.jobs.push((intent.account.clone(), job));
            Ok((number, claim))
        }))
    }

    fn settle(&self, number: JobNumber, resolution: Resolution) -> StoreFuture<()> {
        ready(self.with(|memory| {
            let found = memory.jobs.iter().position(|(_, job)| job.number == number);
            let index = found.ok_or_else(|| StoreError::gone(number))?;
            let holder = match &resolution {
                Resolution::Adopted(id) => {
                    let owner = memory.jobs[index].0.clone();
                    let mut holders = memory.with_id(&owner, id.as_str());
                    let other = holders.find(|job| job.number != number);
                    other.map(|job| job.number)
                }
                _ => None,
            };
            let change = Change::Resolved {
                resolution: &resolution,
                holder,
            };
            memory.jobs[index].1.apply(&change)
        }))
    }

    fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
        ready(self.try_claim(job))
    }

    fn record_end(&self, owner: &Account, prediction: &Prediction) -> StoreFuture<()> {
        // An id can occur twice: a job may have been adopted while its own answer was under way.
        let change = Change::Ended(&prediction.status);
        ready(self.with(|memory| memory.apply(owner, &prediction.id, &change)))
    }

    fn record_saved(
        &self,
        owner: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> StoreFuture<()> {
        ready(self.with(|memory| memory.apply(owner, id.as_str(), &Change::Saved(files))))
    }

    fn jobs(&self, owner: &Account, filter: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        let passes = |job: &JobRecord| match filter {
            JobFilter::All => true,
            JobFilter::Open => job.is_open(),
            JobFilter::Number(number) => job.number == number,
            JobFilter::Id(id) => job.id.as_ref() == Some(id),
        };
        ready(Ok(self.with(|memory| {
            let own = memory.jobs.iter();
            let own = own.filter(|(account, job)| account == owner && passes(job));
            own.map(|(_, job)| job.clone()).collect()
        })))
    }

    fn forget(&self, owner: &Account, number: JobNumber) -> StoreFuture<bool> {
        ready(Ok(self.with(|memory| {
            let before = memory.jobs.len();
            let is_kept =
                |(account, job): &(Account, JobRecord)| account != owner || job.number != number;
            memory.jobs.retain(is_kept);
            memory.jobs.len() < before
        })))
    }

    fn find_hash(&self, file: &FileState) -> StoreFuture<Option<String>> {
        ready(Ok(self.with(|memory| {
            let mut hashes = memory.hashes.iter();
            hashes.find_map(|(state, sha256)| (state == file).then(|| sha256.clone()))
        })))
    }

    fn find_upload(&self, owner: &Account, content: &Content) -> StoreFuture<Option<UploadRecord>> {
        ready(Ok(self.with(|memory| {
            let mut uploads = memory.uploads.iter();
            let found =
                uploads.find(|(account, upload)| account == owner && upload.content == *content);
            found.map(|(_, upload)| upload.clone())
        })))
    }

    fn record_upload(
        &self,
        owner: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> StoreFuture<()> {
        self.with(|memory| {
            memory.uploads.retain(|(account, other)| {
                let is_replaced = account == owner && other.content == upload.content;
                let has_expired = other.kept_until <= upload.at;
                !is_replaced && !has_expired
            });
            memory.uploads.push((owner.clone(), upload.clone()));
            if let Some(file) = file {
                memory.hashes.retain(|(state, _)| state.path != file.path);
                let sha256 = upload.content.sha256.clone();
                memory.hashes.push((file.clone(), sha256));
            }
            // A hash serves only to find an upload.
            let uploads = &memory.uploads;
            let is_uploaded = |sha256: &String| {
                let mut uploads = uploads.iter();
                uploads.any(|(_, upload)| upload.content.sha256 == *sha256)
            };
            memory.hashes.retain(|(_, sha256)| is_uploaded(sha256));
        });
        ready(Ok(()))
    }

    fn forget_upload(&self, owner: &Account, url: &str) -> StoreFuture<bool> {
        ready(Ok(self.with(|memory| {
            let before = memory.uploads.len();
            let is_kept =
                |(account, upload): &(Account, UploadRecord)| account != owner || upload.url != url;
            memory.uploads.retain(is_kept);
            memory.uploads.len() < before
        })))
    }

    fn record_duration(&self, owner: &Account, duration: &JobDuration) -> StoreFuture<bool> {
        ready(Ok(self.with(|memory| {
            let mut known = memory.durations.iter();
            if known.any(|(account, other)| account == owner && other.id == duration.id) {
                return false;
            }
            memory.durations.push((owner.clone(), duration.clone()));
            let is_of_model = |(account, other): &(Account, JobDuration)| {
                account == owner && other.model == duration.model
            };
            let count = memory.durations.iter().filter(|known| is_of_model(known));
            if count.count() > DURATIONS
                && let Some(oldest) = memory.durations.iter().position(is_of_model)
            {
                memory.durations.remove(oldest);
            }
            true
        })))
    }

    fn durations(&self, owner: &Account, model: &str) -> StoreFuture<Vec<JobDuration>> {
        ready(Ok(self.with(|memory| {
            let own = memory.durations.iter();
            let own = own.filter(|(account, known)| account == owner && known.model == model);
            own.map(|(_, duration)| duration.clone()).collect()
        })))
    }
}
