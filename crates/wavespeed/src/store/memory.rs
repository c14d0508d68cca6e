//! The store in memory.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::{Change, IdOwner, Resolution, Settlement};
use crate::store::claim::Claim;
use crate::store::decision::{Decision, Intended};
use crate::store::duration::JobDuration;
use crate::store::error::StoreError;
use crate::store::intent::Intent;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, JobFilter, JobRecord};
use crate::store::upload::{Content, FileState, UploadRecord};
use crate::store::{Store, StoreFuture, ready};

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
    jobs: Vec<JobRecord>,
    uploads: Vec<(Account, UploadRecord)>,
    /// File states, and the SHA-256 of each.
    hashes: Vec<(FileState, String)>,
    durations: Vec<(Account, JobDuration)>,
    /// The last number that was given to a job. Numbers are never reused.
    last: u64,
}

impl Memory {
    /// Returns the owner of an id at a base URL.
    fn owner(&self, base_url: &str, id: &PredictionId) -> Option<IdOwner> {
        let jobs = self.jobs.iter();
        let owners = jobs.filter(|job| job.account.base_url == base_url && job.owns(id));
        let owner = owners.min_by_key(|job| (job.forgotten, job.number))?;
        Some(match owner.forgotten {
            true => IdOwner::Forgotten,
            false => IdOwner::Job(owner.number),
        })
    }

    /// Applies a change to every job with this id at the base URL of an account.
    fn apply(
        &mut self,
        account: &Account,
        id: &str,
        change: &Change<'_>,
    ) -> Result<(), StoreError> {
        let jobs = self.jobs.iter_mut();
        let mut jobs = jobs.filter(|job| {
            job.account.base_url == account.base_url
                && job.id.as_ref().is_some_and(|known| known.as_str() == id)
        });
        // An id can occur twice: a job may have been adopted while its own answer was under way.
        jobs.try_for_each(|job| job.apply(change).map(drop))
    }
}

impl MemoryStore {
    fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut lock(&self.memory))
    }

    fn is_claimed(&self, job: JobNumber) -> bool {
        lock(&self.claims).contains(&job)
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
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
        ready(self.with(|memory| {
            let own = memory
                .jobs
                .iter()
                .filter(|job| intent.concerns(job) && !job.forgotten);
            let own: Vec<JobRecord> = own.cloned().collect();
            // A job may be claimed between the decision and its claim, so it is decided again with that.
            let (job, running, claim) = loop {
                let is_claimed = |job| self.is_claimed(job);
                let (job, running) = match intent.decide(own.clone(), is_claimed) {
                    Decision::Existing { job, reason } => {
                        return Ok(Intended::Existing { job, reason });
                    }
                    Decision::Insert { running } => {
                        // A number may be claimed before a job has it, and is then left out.
                        memory.last += 1;
                        (JobRecord::new(JobNumber::new(memory.last), intent), running)
                    }
                    Decision::Resend { job } => (*job, None),
                };
                if let Ok(claim) = self.try_claim(job.number) {
                    break (job, running, claim);
                }
            };
            let number = job.number;
            match memory.jobs.iter_mut().find(|known| known.number == number) {
                Some(known) => *known = job,
                None => memory.jobs.push(job),
            }
            Ok(Intended::Recorded {
                job: number,
                claim,
                running,
            })
        }))
    }

    fn settle(&self, number: JobNumber, settlement: &Settlement) -> StoreFuture<()> {
        ready(self.with(|memory| {
            let found = memory.jobs.iter().position(|job| job.number == number);
            let index = found.ok_or_else(|| StoreError::gone(number))?;
            let owner = match &settlement.resolution {
                Resolution::Adopted(id, _) => {
                    memory.owner(&memory.jobs[index].account.base_url, id)
                }
                _ => None,
            };
            let owner = owner.filter(|owner| *owner != IdOwner::Job(number));
            let job = &mut memory.jobs[index];
            job.apply(&Change::Resolved { settlement, owner })?
                .into_result()
        }))
    }

    fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
        ready(self.try_claim(job))
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> StoreFuture<()> {
        let change = Change::Ended(prediction);
        ready(self.with(|memory| memory.apply(account, prediction.id(), &change)))
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> StoreFuture<()> {
        ready(self.with(|memory| memory.apply(account, id.as_str(), &Change::Saved(files))))
    }

    fn jobs(&self, account: &Account, filter: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        let passes = |job: &JobRecord| {
            let is_own = job.account == *account;
            let is_at_url = job.account.base_url == account.base_url;
            match filter {
                JobFilter::BaseUrl => is_at_url,
                _ if job.forgotten => false,
                JobFilter::WithoutOutcome => job.has_no_outcome(),
                JobFilter::All => is_own,
                JobFilter::Open => is_own && job.is_open(),
                JobFilter::Label(label) => is_own && job.label.as_deref() == Some(label),
                JobFilter::Key(key) => is_own && job.key.as_ref() == Some(key),
                JobFilter::Number(number) => job.number == number,
                JobFilter::WebhookToken(token) => {
                    is_at_url && job.webhook_token.as_deref() == Some(token)
                }
                JobFilter::Id(id) => is_at_url && job.id.as_ref() == Some(id),
            }
        };
        ready(Ok(self.with(|memory| {
            let jobs = memory.jobs.iter();
            jobs.filter(|job| passes(job)).cloned().collect()
        })))
    }

    fn known_ids(&self, account: &Account, ids: &[PredictionId]) -> StoreFuture<Vec<PredictionId>> {
        ready(Ok(self.with(|memory| {
            let ids = ids.iter();
            let known = ids.filter(|id| memory.owner(&account.base_url, id).is_some());
            known.cloned().collect()
        })))
    }

    fn forget(&self, number: JobNumber) -> StoreFuture<bool> {
        ready(self.with(|memory| {
            let mut jobs = memory.jobs.iter_mut();
            let found = jobs.find(|job| job.number == number && !job.forgotten);
            let Some(job) = found else { return Ok(false) };
            // Not only a look at the claims: no one may begin to send the job meanwhile.
            let _claim = self.try_claim(number)?;
            job.forget();
            Ok(true)
        }))
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
