//! The store in memory.

use std::sync::{Mutex, PoisonError};

use wavespeed_client::{Prediction, PredictionId};

use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{
    Account, Downloaded, Intent, JobDuration, JobFilter, JobRecord, Resolution, Stage,
};
use crate::store::upload::{Content, FileState, UploadRecord};

/// How many durations of a model are remembered.
const DURATIONS: usize = 128;

/// Remembers for as long as it lives; behind an [`Arc`](std::sync::Arc), for several clients.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    jobs: Vec<(Account, JobRecord)>,
    uploads: Vec<(Account, UploadRecord)>,
    /// The states of files, and the SHA-256 of each.
    hashes: Vec<(FileState, String)>,
    took: Vec<(Account, JobDuration)>,
    /// The last number that was given, which is never given again.
    last: u64,
}

impl Memory {
    /// The jobs of an account with this id.
    fn of<'a>(
        &'a mut self,
        whose: &'a Account,
        id: &'a str,
    ) -> impl Iterator<Item = &'a mut JobRecord> {
        let mine = self.jobs.iter_mut();
        let mine = mine.filter_map(move |(account, job)| (account == whose).then_some(job));
        mine.filter(move |job| job.id.as_ref().is_some_and(|known| known.as_str() == id))
    }
}

impl MemoryStore {
    fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for MemoryStore {
    fn intend(&self, intent: &Intent<'_>) -> Result<JobNumber, StoreError> {
        Ok(self.with(|memory| {
            memory.last += 1;
            let number = JobNumber::new(memory.last);
            let job = JobRecord::new(number, intent);
            memory.jobs.push((intent.account.clone(), job));
            number
        }))
    }

    fn settle(&self, number: JobNumber, outcome: &Resolution<'_>) -> Result<(), StoreError> {
        self.with(|memory| {
            let found = memory.jobs.iter().position(|(_, job)| job.number == number);
            let at = found.ok_or_else(|| StoreError::gone(number))?;
            if let Resolution::Adopted(id) = outcome {
                let whose = memory.jobs[at].0.clone();
                let rival = memory
                    .of(&whose, id.as_str())
                    .find(|job| job.number != number);
                rival.map_or(Ok(()), |job| Err(StoreError::taken(id, job.number)))?;
            }
            memory.jobs[at].1.settle(outcome)
        })
    }

    fn record_end(&self, whose: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        self.with(|memory| {
            for job in memory.of(whose, &prediction.id) {
                job.status = Some(prediction.status.clone());
                if job.stage != Stage::Saved {
                    job.stage = Stage::Ended;
                }
            }
        });
        Ok(())
    }

    fn record_saved(
        &self,
        whose: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError> {
        self.with(|memory| {
            for job in memory.of(whose, id.as_str()) {
                job.stage = Stage::Saved;
                job.files = files.iter().map(|file| file.path.clone()).collect();
            }
        });
        Ok(())
    }

    fn jobs(&self, whose: &Account, which: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        let is = |job: &JobRecord| match which {
            JobFilter::All => true,
            JobFilter::Open => job.is_open(),
            JobFilter::Number(number) => job.number == number,
            JobFilter::Id(id) => job.id.as_ref() == Some(id),
        };
        Ok(self.with(|memory| {
            let mine = memory.jobs.iter();
            let mine = mine.filter(|(account, job)| account == whose && is(job));
            mine.map(|(_, job)| job.clone()).collect()
        }))
    }

    fn forget(&self, whose: &Account, number: JobNumber) -> Result<bool, StoreError> {
        Ok(self.with(|memory| {
            let before = memory.jobs.len();
            let kept =
                |(account, job): &(Account, JobRecord)| account != whose || job.number != number;
            memory.jobs.retain(kept);
            memory.jobs.len() < before
        }))
    }

    fn find_hash(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        Ok(self.with(|memory| {
            let mut hashes = memory.hashes.iter();
            hashes.find_map(|(state, sha256)| (state == file).then(|| sha256.clone()))
        }))
    }

    fn find_upload(
        &self,
        whose: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        Ok(self.with(|memory| {
            let mut uploads = memory.uploads.iter();
            let found =
                uploads.find(|(account, upload)| account == whose && upload.content == *content);
            found.map(|(_, upload)| upload.clone())
        }))
    }

    fn record_upload(
        &self,
        whose: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        self.with(|memory| {
            memory.uploads.retain(|(account, other)| {
                let replaced = account == whose && other.content == upload.content;
                !replaced && other.kept_until > upload.at
            });
            memory.uploads.push((whose.clone(), upload.clone()));
            if let Some(file) = file {
                memory.hashes.retain(|(state, _)| state.path != file.path);
                let sha256 = upload.content.sha256.clone();
                memory.hashes.push((file.clone(), sha256));
            }
            let uploads = &memory.uploads;
            let is_uploaded = |sha256: &String| {
                let mut uploads = uploads.iter();
                uploads.any(|(_, upload)| upload.content.sha256 == *sha256)
            };
            memory.hashes.retain(|(_, sha256)| is_uploaded(sha256));
        });
        Ok(())
    }

    fn forget_upload(&self, whose: &Account, url: &str) -> Result<bool, StoreError> {
        Ok(self.with(|memory| {
            let before = memory.uploads.len();
            let kept =
                |(account, upload): &(Account, UploadRecord)| account != whose || upload.url != url;
            memory.uploads.retain(kept);
            memory.uploads.len() < before
        }))
    }

    fn record_duration(&self, whose: &Account, took: &JobDuration) -> Result<bool, StoreError> {
        Ok(self.with(|memory| {
            let mut known = memory.took.iter();
            if known.any(|(account, other)| account == whose && other.id == took.id) {
                return false;
            }
            memory.took.push((whose.clone(), took.clone()));
            let alike = |(account, other): &(Account, JobDuration)| {
                account == whose && other.model == took.model
            };
            if memory.took.iter().filter(|known| alike(known)).count() > DURATIONS
                && let Some(oldest) = memory.took.iter().position(alike)
            {
                memory.took.remove(oldest);
            }
            true
        }))
    }

    fn durations(&self, whose: &Account, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        Ok(self.with(|memory| {
            let mine = memory.took.iter();
            let mine = mine.filter(|(account, took)| account == whose && took.model == model);
            mine.map(|(_, took)| took.clone()).collect()
        }))
    }
}
