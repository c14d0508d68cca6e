//! The store: what the library remembers of jobs, uploads and durations.

pub(crate) mod error;
pub(crate) mod memory;
pub(crate) mod none;
pub(crate) mod number;
pub(crate) mod record;
pub(crate) mod upload;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use none::NoStore;
pub use number::{JobNumber, NotJobNumber};
pub use record::{
    Account, Downloaded, Intent, JobDuration, JobFilter, JobRecord, Resolution, Stage,
};
pub use upload::{Content, FileState, UploadRecord};

use std::fmt;
use std::sync::Arc;

use wavespeed_client::{Prediction, PredictionId};

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
    fn settle(&self, job: JobNumber, outcome: &Resolution<'_>) -> Result<(), StoreError>;

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
    fn record_end(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError>;

    /// Every output of a task was saved.
    ///
    /// # Errors
    /// If it could not be written down.
    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError>;

    /// The jobs of an account, oldest first.
    ///
    /// # Errors
    /// If they could not be read.
    fn jobs(&self, account: &Account, which: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError>;

    /// Removes a job. Says whether it was there.
    ///
    /// # Errors
    /// If it could not be removed.
    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError>;

    /// The SHA-256 of a file that is in the very state in which it was last uploaded.
    ///
    /// # Errors
    /// If it could not be read.
    fn find_hash(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        _ = file;
        Ok(None)
    }

    /// The last upload of a content, however long ago.
    ///
    /// # Errors
    /// If it could not be read.
    fn find_upload(
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
    fn record_upload(
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
    fn record_duration(&self, account: &Account, took: &JobDuration) -> Result<bool, StoreError> {
        _ = (account, took);
        Ok(false)
    }

    /// How long tasks of a model took, the newest last. A hundred say all there is to say.
    ///
    /// # Errors
    /// If it could not be read.
    fn durations(&self, account: &Account, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        _ = (account, model);
        Ok(Vec::new())
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

    fn settle(&self, job: JobNumber, outcome: &Resolution<'_>) -> Result<(), StoreError> {
        (**self).settle(job, outcome)
    }

    fn claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        (**self).claim(job)
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        (**self).record_end(account, prediction)
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError> {
        (**self).record_saved(account, id, files)
    }

    fn jobs(&self, account: &Account, which: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        (**self).jobs(account, which)
    }

    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError> {
        (**self).forget(account, job)
    }

    fn find_hash(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        (**self).find_hash(file)
    }

    fn find_upload(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        (**self).find_upload(account, content)
    }

    fn record_upload(
        &self,
        account: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        (**self).record_upload(account, upload, file)
    }

    fn forget_upload(&self, account: &Account, url: &str) -> Result<bool, StoreError> {
        (**self).forget_upload(account, url)
    }

    fn record_duration(&self, account: &Account, took: &JobDuration) -> Result<bool, StoreError> {
        (**self).record_duration(account, took)
    }

    fn durations(&self, account: &Account, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        (**self).durations(account, model)
    }
}
