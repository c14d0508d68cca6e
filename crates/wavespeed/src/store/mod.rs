//! Remembering what was submitted, so that nothing paid for is lost when the process ends.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use wavespeed_client::{ModelId, Prediction, PredictionId, Status};

use crate::{Content, Downloaded, FileState, Target, UploadRecord};

/// Where submits are written down: what is about to be sent, what came of it, how it ended and
/// what was saved. The library calls it around every submit, end and download. It may also remember
/// uploads, so that the same bytes are not sent twice; by default it does not.
///
/// The calls are made between two steps of asynchronous code, so they must be quick (a few
/// milliseconds), and what they wrote must be safe, on disk, when they return. Many processes may
/// use one store at once.
pub trait Store: fmt::Debug + Send + Sync {
    /// A submit is about to be sent. If this fails, it is not sent.
    ///
    /// # Errors
    /// If it could not be written down.
    fn intend(&self, intent: &Intent<'_>) -> Result<JobNumber, StoreError>;

    /// What became of a submit, as [`JobRecord::settle`] takes it over. A job for which this never
    /// comes (the process ended, the future was dropped) may have been billed.
    ///
    /// # Errors
    /// If it could not be written down; if the record does not take it; or if a task is to be
    /// adopted that another job of the account has.
    fn settle(&self, job: JobNumber, outcome: &Settled<'_>) -> Result<(), StoreError>;

    /// Claims a job that is about to be sent, for as long as what is returned lives: a submit that
    /// is on its way must not be sent again by somebody who takes it for lost. It ends with the
    /// process, however that ends.
    ///
    /// # Errors
    /// If somebody else has claimed it.
    fn claim(&self, _: JobNumber) -> Result<Claim, StoreError> {
        Ok(Claim::default())
    }

    /// A task was seen to have ended.
    ///
    /// # Errors
    /// If it could not be written down.
    fn ended(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError>;

    /// Every output of a task was saved.
    ///
    /// # Errors
    /// If it could not be written down.
    fn saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError>;

    /// The jobs of an account, oldest first.
    ///
    /// # Errors
    /// If they could not be read.
    fn jobs(&self, account: &Account, which: Which<'_>) -> Result<Vec<JobRecord>, StoreError>;

    /// Removes a job. Says whether it was there.
    ///
    /// # Errors
    /// If it could not be removed.
    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError>;

    /// The SHA-256 of a file that is in the very state in which it was last uploaded.
    ///
    /// # Errors
    /// If it could not be read.
    fn hash_of(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        _ = file;
        Ok(None)
    }

    /// The last upload of a content, however long ago.
    ///
    /// # Errors
    /// If it could not be read.
    fn upload_of(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        _ = (account, content);
        Ok(None)
    }

    /// A content was uploaded; or it was before, and `file` has it, too. The state of the file is
    /// given if its hash can be remembered by it. What the vendor did not keep until this upload,
    /// nobody needs any more.
    ///
    /// # Errors
    /// If it could not be written down.
    fn uploaded(
        &self,
        account: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        _ = (account, upload, file);
        Ok(())
    }

    /// Forgets an upload that is not there any more. Says whether it was known.
    ///
    /// # Errors
    /// If it could not be removed.
    fn forget_upload(&self, account: &Account, url: &str) -> Result<bool, StoreError> {
        _ = (account, url);
        Ok(false)
    }

    /// A task was seen to have been completed, after so long. That of an id is kept once, however
    /// often it is seen. Whether it is news, and was kept.
    ///
    /// # Errors
    /// If it could not be written down.
    fn took(&self, account: &Account, took: &Took) -> Result<bool, StoreError> {
        _ = (account, took);
        Ok(false)
    }

    /// How long tasks of a model took, the newest last. A hundred say all there is to say.
    ///
    /// # Errors
    /// If it could not be read.
    fn durations(&self, account: &Account, model: &str) -> Result<Vec<Took>, StoreError> {
        _ = (account, model);
        Ok(Vec::new())
    }
}

/// How long a task took, from its submit to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Took {
    /// The id of the task.
    pub id: PredictionId,
    /// The id of the model.
    pub model: String,
    /// How long it took.
    pub duration: Duration,
    /// When it was seen to have ended. Of many that began together, those that ended last are the
    /// longest, so the time of their end would not do.
    pub at: SystemTime,
}

impl Took {
    /// A task of a model that took so long, and was seen to have ended at this time.
    #[must_use]
    pub fn new(
        id: PredictionId,
        model: impl Into<String>,
        duration: Duration,
        at: SystemTime,
    ) -> Self {
        Self {
            id,
            model: model.into(),
            duration,
            at,
        }
    }
}

/// That nobody else sends a job while this lives; see [`Store::claim`].
#[derive(Default)]
pub struct Claim(Option<Box<dyn Send + Sync>>);

impl Claim {
    /// A claim that lasts until this is dropped.
    #[must_use]
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(held)))
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.0.is_some()).finish()
    }
}

/// A store that several clients share.
impl<S: Store> Store for Arc<S> {
    fn intend(&self, intent: &Intent<'_>) -> Result<JobNumber, StoreError> {
        (**self).intend(intent)
    }

    fn settle(&self, job: JobNumber, outcome: &Settled<'_>) -> Result<(), StoreError> {
        (**self).settle(job, outcome)
    }

    fn claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        (**self).claim(job)
    }

    fn ended(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        (**self).ended(account, prediction)
    }

    fn saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError> {
        (**self).saved(account, id, files)
    }

    fn jobs(&self, account: &Account, which: Which<'_>) -> Result<Vec<JobRecord>, StoreError> {
        (**self).jobs(account, which)
    }

    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError> {
        (**self).forget(account, job)
    }

    fn hash_of(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        (**self).hash_of(file)
    }

    fn upload_of(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        (**self).upload_of(account, content)
    }

    fn uploaded(
        &self,
        account: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        (**self).uploaded(account, upload, file)
    }

    fn forget_upload(&self, account: &Account, url: &str) -> Result<bool, StoreError> {
        (**self).forget_upload(account, url)
    }

    fn took(&self, account: &Account, took: &Took) -> Result<bool, StoreError> {
        (**self).took(account, took)
    }

    fn durations(&self, account: &Account, model: &str) -> Result<Vec<Took>, StoreError> {
        (**self).durations(account, model)
    }
}

/// The number a [`Store`] gave to a job, shown as `j17`. It is there before the vendor's id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobNumber(u64);

impl JobNumber {
    /// The job of this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}", self.0)
    }
}

/// A text that is not the number of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the number of a job: those look like j17")]
pub struct NotJobNumber(String);

impl FromStr for JobNumber {
    type Err = NotJobNumber;

    fn from_str(text: &str) -> Result<Self, NotJobNumber> {
        let digits = text
            .strip_prefix('j')
            .filter(|digits| !digits.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| NotJobNumber(text.chars().take(80).collect()))
    }
}

/// Whose jobs they are. Jobs of different accounts or hosts are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Account {
    /// The base URL of the API.
    pub base_url: String,
    /// The first 12 hex digits of the SHA-256 of the key, which tell keys apart and show nothing.
    pub key: String,
}

impl Account {
    /// An account at this base URL, with the key of this fingerprint.
    #[must_use]
    pub fn new(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            key: key.into(),
        }
    }
}

/// A submit that is about to be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Intent<'a> {
    /// Who submits.
    pub account: &'a Account,
    /// To which model.
    pub model: &'a ModelId,
    /// The input, as it is sent.
    pub input: &'a Value,
    /// Where the outputs are to be saved, if they are.
    pub target: Option<&'a Target>,
    /// Where the vendor is to report its end, if anywhere.
    pub webhook: Option<&'a str>,
    /// When.
    pub at: SystemTime,
}

impl<'a> Intent<'a> {
    /// A submit at this time, without a target.
    #[must_use]
    pub fn new(account: &'a Account, model: &'a ModelId, input: &'a Value, at: SystemTime) -> Self {
        Self {
            account,
            model,
            input,
            target: None,
            webhook: None,
            at,
        }
    }
}

/// What became of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled<'a> {
    /// It was accepted under this id.
    Accepted(&'a PredictionId),
    /// It was not accepted; nothing is billed.
    Rejected,
    /// It may have been accepted.
    Unknown,
    /// Nothing came of it, and it is about to be sent again: as if intended anew.
    Resent {
        /// When it was to be sent before. If that is not what the store has, somebody else has sent
        /// it again already.
        before: SystemTime,
        /// When it is sent now.
        at: SystemTime,
    },
    /// It may have been accepted, and the vendor's history has a task that can be nothing else.
    Adopted(&'a PredictionId),
}

/// Which jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which<'a> {
    /// All.
    All,
    /// Those that are not finished: see [`JobRecord::is_open`].
    Open,
    /// The one of this number.
    Number(JobNumber),
    /// The one of this id.
    Id(&'a PredictionId),
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The submit was about to be sent, and no more is known: it may have been billed.
    Intended,
    /// The submit was sent, and what came of it is not known: it may have been billed.
    Unknown,
    /// Nothing was accepted, nothing is billed.
    Rejected,
    /// The task was created.
    Submitted,
    /// The task has ended.
    Ended,
    /// Its outputs were saved.
    Saved,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Unknown => "unknown",
            Self::Rejected => "rejected",
            Self::Submitted => "submitted",
            Self::Ended => "ended",
            Self::Saved => "saved",
        }
    }
}

impl FromStr for Stage {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self, StoreError> {
        let all = [
            Self::Intended,
            Self::Unknown,
            Self::Rejected,
            Self::Submitted,
            Self::Ended,
            Self::Saved,
        ];
        let known = all.into_iter().find(|stage| stage.name() == word);
        known.ok_or_else(|| StoreError::new(format!("{word:?} is not the stage of a job")))
    }
}

/// What a [`Store`] knows of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its number.
    pub number: JobNumber,
    /// The model it was submitted to.
    pub model: ModelId,
    /// The input, as it was sent.
    pub input: Value,
    /// Where its outputs are to be saved.
    pub target: Option<Target>,
    /// Where the vendor is to report its end, if anywhere.
    pub webhook: Option<String>,
    /// When it was about to be sent.
    pub at: SystemTime,
    /// How far it has come.
    pub stage: Stage,
    /// The vendor's id, once it is known.
    pub id: Option<PredictionId>,
    /// Whether the id was found in the vendor's history rather than in the answer to the submit.
    pub adopted: bool,
    /// The last status that is known.
    pub status: Option<Status>,
    /// The files its outputs were saved to.
    pub files: Vec<PathBuf>,
}

impl JobRecord {
    /// A job that is about to be sent.
    #[must_use]
    pub fn new(number: JobNumber, intent: &Intent<'_>) -> Self {
        Self {
            number,
            model: intent.model.clone(),
            input: intent.input.clone(),
            target: intent.target.cloned(),
            webhook: intent.webhook.map(str::to_owned),
            at: intent.at,
            stage: Stage::Intended,
            id: None,
            adopted: false,
            status: None,
            files: Vec::new(),
        }
    }

    /// Whether there is something left to do: to find out what came of the submit, to wait for the
    /// end, or to save outputs that were to be saved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Intended | Stage::Unknown | Stage::Submitted => true,
            Stage::Ended => self.target.is_some() && self.status == Some(Status::Completed),
            Stage::Rejected | Stage::Saved => false,
        }
    }

    /// Takes over what became of the submit. Nothing takes away an id but another answer to the
    /// submit itself, and what is known of its task stays: other processes may be further.
    ///
    /// # Errors
    /// If it is to be sent again or another task adopted, but by now its task is known, or somebody
    /// else has sent it again.
    pub fn settle(&mut self, outcome: &Settled<'_>) -> Result<(), StoreError> {
        let (stage, id) = match (*outcome, &self.id) {
            (Settled::Accepted(id) | Settled::Adopted(id), Some(known)) if id == known => {
                return Ok(());
            }
            (Settled::Adopted(_) | Settled::Resent { .. }, Some(known)) => {
                let message = format!("{} is known to be {known}", self.number);
                return Err(StoreError::new(message));
            }
            (Settled::Rejected | Settled::Unknown, Some(_)) => return Ok(()),
            (Settled::Resent { before, at }, None) => {
                // A store may keep no more than milliseconds.
                if milliseconds(before) != milliseconds(self.at) {
                    let message = format!("{} was sent again by another process", self.number);
                    return Err(StoreError::new(message));
                }
                self.at = at;
                (Stage::Intended, None)
            }
            (Settled::Accepted(id) | Settled::Adopted(id), _) => (Stage::Submitted, Some(id)),
            (Settled::Rejected, None) => (Stage::Rejected, None),
            (Settled::Unknown, None) => (Stage::Unknown, None),
        };
        self.stage = stage;
        self.id = id.cloned();
        self.adopted = matches!(outcome, Settled::Adopted(_));
        Ok(())
    }
}

fn milliseconds(at: SystemTime) -> u128 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

/// Something could not be written down, or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// From what went wrong.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The job to be settled is not there.
    #[must_use]
    pub fn gone(job: JobNumber) -> Self {
        Self::new(format!(
            "{job} is not there any more, so what came of it could not be written down"
        ))
    }

    /// The job to be sent is on its way already.
    #[must_use]
    pub fn claimed(job: JobNumber) -> Self {
        Self::new(format!("{job} is on its way by another process"))
    }

    /// The task to be adopted belongs to another job.
    #[must_use]
    pub fn taken(id: &PredictionId, by: JobNumber) -> Self {
        Self::new(format!("{id} is the task of {by} already"))
    }
}

/// Remembers nothing. The default. Without a store, a task whose id the program has lost (it
/// crashed, the answer to the submit was lost) is found only in the vendor's own history.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoStore;

impl Store for NoStore {
    fn intend(&self, _: &Intent<'_>) -> Result<JobNumber, StoreError> {
        Ok(JobNumber(0))
    }

    fn settle(&self, _: JobNumber, _: &Settled<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn ended(&self, _: &Account, _: &Prediction) -> Result<(), StoreError> {
        Ok(())
    }

    fn saved(&self, _: &Account, _: &PredictionId, _: &[Downloaded]) -> Result<(), StoreError> {
        Ok(())
    }

    fn jobs(&self, _: &Account, _: Which<'_>) -> Result<Vec<JobRecord>, StoreError> {
        Ok(Vec::new())
    }

    fn forget(&self, _: &Account, _: JobNumber) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// How many durations of a model are remembered.
const DURATIONS: usize = 128;

/// Remembers for as long as it lives; behind an [`Arc`], for several clients.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    jobs: Vec<(Account, JobRecord)>,
    uploads: Vec<(Account, UploadRecord)>,
    /// The states of files, and the SHA-256 of each.
    hashes: Vec<(FileState, String)>,
    took: Vec<(Account, Took)>,
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
            let number = JobNumber(memory.last);
            let job = JobRecord::new(number, intent);
            memory.jobs.push((intent.account.clone(), job));
            number
        }))
    }

    fn settle(&self, number: JobNumber, outcome: &Settled<'_>) -> Result<(), StoreError> {
        self.with(|memory| {
            let found = memory.jobs.iter().position(|(_, job)| job.number == number);
            let at = found.ok_or_else(|| StoreError::gone(number))?;
            if let Settled::Adopted(id) = outcome {
                let whose = memory.jobs[at].0.clone();
                let rival = memory
                    .of(&whose, id.as_str())
                    .find(|job| job.number != number);
                rival.map_or(Ok(()), |job| Err(StoreError::taken(id, job.number)))?;
            }
            memory.jobs[at].1.settle(outcome)
        })
    }

    fn ended(&self, whose: &Account, prediction: &Prediction) -> Result<(), StoreError> {
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

    fn saved(
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

    fn jobs(&self, whose: &Account, which: Which<'_>) -> Result<Vec<JobRecord>, StoreError> {
        let is = |job: &JobRecord| match which {
            Which::All => true,
            Which::Open => job.is_open(),
            Which::Number(number) => job.number == number,
            Which::Id(id) => job.id.as_ref() == Some(id),
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

    fn hash_of(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        Ok(self.with(|memory| {
            let mut hashes = memory.hashes.iter();
            hashes.find_map(|(state, sha256)| (state == file).then(|| sha256.clone()))
        }))
    }

    fn upload_of(
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

    fn uploaded(
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

    fn took(&self, whose: &Account, took: &Took) -> Result<bool, StoreError> {
        Ok(self.with(|memory| {
            let mut known = memory.took.iter();
            if known.any(|(account, other)| account == whose && other.id == took.id) {
                return false;
            }
            memory.took.push((whose.clone(), took.clone()));
            let alike =
                |(account, other): &(Account, Took)| account == whose && other.model == took.model;
            if memory.took.iter().filter(|known| alike(known)).count() > DURATIONS
                && let Some(oldest) = memory.took.iter().position(alike)
            {
                memory.took.remove(oldest);
            }
            true
        }))
    }

    fn durations(&self, whose: &Account, model: &str) -> Result<Vec<Took>, StoreError> {
        Ok(self.with(|memory| {
            let mine = memory.took.iter();
            let mine = mine.filter(|(account, took)| account == whose && took.model == model);
            mine.map(|(_, took)| took.clone()).collect()
        }))
    }
}
