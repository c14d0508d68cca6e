//! A [`Store`] of `wavespeed` in one SQLite file. It records the intent, the outcome, the end and the
//! saved files of each job; uploads, so that no content is sent twice; and how long jobs took, for the
//! schedule of the polls.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::Wavespeed;
//! use wavespeed_journal::Journal;
//!
//! let path = Journal::default_path().ok_or("there is no home folder")?;
//! let ws = Wavespeed::builder().env().store(Journal::open(path)?).build()?;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! - **No call of the store blocks the async runtime.** SQLite runs on a thread of its own. A call that
//!   was begun is carried out even if its future is dropped. Opening the journal blocks, and so does
//!   dropping it, which waits for the calls that are under way. A process that exits without dropping
//!   it may lose those.
//! - **Writes are durable.** They are on disk when the future returns, and survive a crash of the process
//!   and a loss of power. The file must be on a local disk: SQLite's write-ahead log does not work over
//!   a network.
//! - **Several processes may use one journal.** A call waits up to 5 s for the others, then fails. They
//!   may open it through different symbolic links, and through different mounts of its folder. A file
//!   that has another hard link, or is mounted without its folder, is refused: SQLite would keep a log
//!   for each name, and processes that use different names would not see each other's jobs. A file that
//!   is moved or linked while it is open takes no further claim, so nothing more is sent.
//! - **A key has one job.** Processes that record an intent with the same key at once get one job.
//! - **No row is lost silently.** Opening a file that is damaged, newer or not a journal is an error,
//!   and leaves the file as it is. The number of a job is never reused, even if the job is forgotten. What
//!   [`JobRecord::forget`] leaves of a forgotten job stays in the file.
//! - **A journal that cannot be written can be read**, with [`Journal::open_read_only`].
//! - **Only its owner can read it.** On Unix the file is created with mode 0600, and a missing folder
//!   with mode 0700. The file holds inputs and paths, and of an API key only the fingerprint.
//!
//! # In other programs
//!
//! A program has one version of `libsqlite3-sys`. This crate works with `rusqlite` 0.32 to 0.43, so
//! that cargo can choose the version that sqlx, diesel or the program itself needs.
//!
//! The feature `bundled`, which is on by default, compiles SQLite in. Without it, the SQLite of the
//! system is linked, which must be version 3.37 or newer. The feature `float_roundtrip` of `serde_json` is
//! on in either case: a number is read from the file exactly as it was written.
//!
//! The minimum Rust version is 1.89.

#![forbid(unsafe_code)]

mod claim;
mod default_path;
mod error;
mod intend;
mod open;
mod tables;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use wavespeed::{
    Account, Applied, Change, Claim, Content, Downloaded, FileState, IdOwner, Intended, Intent,
    JobDuration, JobFilter, JobNumber, JobRecord, Prediction, PredictionId, Resolution, Settlement,
    Store, StoreError, StoreFuture, UploadRecord,
};

use claim::Claims;
use error::JournalError;
use intend::OwnedIntent;
pub use open::OpenError;
use open::{Location, Opened};
use tables::ids::Owners;
use tables::selection::Selection;
#[cfg(test)]
use tables::{attempts, files, ids};
use tables::{durations, jobs, records, uploads};
use worker::Worker;

/// A journal in a file. The documentation of the [crate] lists its guarantees.
pub struct Journal {
    path: PathBuf,
    location: Location,
    is_read_only: bool,
    /// `true` once the lock files of killed processes were removed.
    is_tidied: Arc<AtomicBool>,
    worker: Worker,
}

impl Journal {
    /// Opens the journal in a file. If there is no file, the journal and its folder are created.
    ///
    /// # Errors
    /// Returns an error if the file is not a journal, or is one that cannot be used. A file that fails a
    /// check is not changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::start(open::open(path.as_ref())?, false)
    }

    /// Opens the journal in a file for reading only, such as one on a full disk or on a read-only mount. A
    /// call that writes fails, so no submit is sent: see [`Store::intend`].
    ///
    /// ```no_run
    /// use wavespeed_journal::{Journal, OpenError};
    ///
    /// let path = "/mnt/backup/journal.db";
    /// let journal = match Journal::open(path) {
    ///     Err(OpenError::Unwritable { .. }) => Journal::open_read_only(path)?,
    ///     opened => opened?,
    /// };
    /// # Ok::<(), OpenError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if there is no file, if the file is not a journal or one that cannot be used, or if
    /// it cannot be read without being written. That is so if its last process was killed, the file with the
    /// end `-shm` beside it is gone, and no other can be created.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::start(open::open_read_only(path.as_ref())?, true)
    }

    fn start(opened: Opened, is_read_only: bool) -> Result<Self, OpenError> {
        let Opened {
            path,
            location,
            connection,
        } = opened;
        match Worker::start(connection) {
            Ok(worker) => Ok(Self {
                path,
                location,
                is_read_only,
                is_tidied: Arc::default(),
                worker,
            }),
            Err(error) => Err(OpenError::NoThread {
                path,
                why: error.to_string(),
            }),
        }
    }

    /// Returns the default path of a user's journal: `wavespeed/journal.db` in `$XDG_STATE_HOME`, by
    /// default `~/.local/state`; on macOS in `~/Library/Application Support`; on Windows in
    /// `%LOCALAPPDATA%`. Returns `None` if the user has no such folder.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        default_path::default_path(|name| std::env::var_os(name), std::env::home_dir())
    }

    /// Returns the absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads in one transaction on the thread of the journal, so that all queries of the work see the
    /// same state.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> StoreFuture<T> {
        let path = self.path.clone();
        self.worker.call(move |connection| {
            let read = || {
                let transaction = connection.transaction()?;
                work(&transaction)
            };
            read().map_err(|error: JournalError| error.into_store_error(&path))
        })
    }

    /// Writes in one transaction on the thread of the journal. All writes of this crate go through
    /// here.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError> + Send + 'static,
    ) -> StoreFuture<T> {
        if self.is_read_only {
            return self.failed(JournalError::ReadOnly);
        }
        let path = self.path.clone();
        let (location, is_tidied) = (self.location.clone(), Arc::clone(&self.is_tidied));
        self.worker.call(move |connection| {
            let write = || {
                // Immediate: the lock is taken before the first read. A transaction that reads first
                // and then writes fails if another process has written in between.
                let behavior = TransactionBehavior::Immediate;
                let transaction = connection.transaction_with_behavior(behavior)?;
                if !is_tidied.swap(true, Ordering::Relaxed) {
                    claim::remove_stale(&location, &transaction);
                }
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            };
            write().map_err(|error: JournalError| error.into_store_error(&path))
        })
    }

    fn claims(&self) -> Claims {
        Claims {
            location: self.location.clone(),
            calls: self.worker.calls(),
        }
    }

    /// Returns the future of a call that failed before it began.
    fn failed<T: Send + 'static>(&self, error: JournalError) -> StoreFuture<T> {
        Box::pin(std::future::ready(Err(error.into_store_error(&self.path))))
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store for Journal {
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
        let intent = match OwnedIntent::new(intent) {
            Ok(intent) => intent,
            Err(error) => return self.failed(error),
        };
        let claims = self.claims();
        self.write(move |transaction| intent.record(transaction, &claims))
    }

    fn settle(&self, job: JobNumber, settlement: &Settlement) -> StoreFuture<()> {
        let (settlement, path) = (settlement.clone(), self.path.clone());
        let settled = self.write(move |transaction| settle(transaction, job, &settlement));
        Box::pin(async move {
            // An error within the transaction would undo what was written.
            let result = settled.await?.into_result();
            result.map_err(|error| JournalError::from(error).into_store_error(&path))
        })
    }

    fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
        if self.is_read_only {
            return self.failed(JournalError::ReadOnly);
        }
        let (claims, path) = (self.claims(), self.path.clone());
        self.worker.call(move |_| {
            let claim = claims.claim(job);
            claim.map_err(|error| error.into_store_error(&path))
        })
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> StoreFuture<()> {
        let (account, prediction) = (account.clone(), prediction.clone());
        self.write(move |transaction| jobs::record_end(transaction, &account, &prediction))
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> StoreFuture<()> {
        let (account, id, files) = (account.clone(), id.clone(), files.to_vec());
        self.write(move |transaction| jobs::record_saved(transaction, &account, &id, &files))
    }

    fn jobs(&self, account: &Account, filter: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        match Selection::from_filter(account, filter) {
            Ok(selection) => self.read(move |connection| records::select(connection, &selection)),
            Err(error) => self.failed(error),
        }
    }

    fn known_ids(&self, account: &Account, ids: &[PredictionId]) -> StoreFuture<Vec<PredictionId>> {
        let (base_url, ids) = (account.base_url.clone(), ids.to_vec());
        self.read(move |connection| Ok(Owners::at(&base_url, connection)?.known(ids)?))
    }

    fn forget(&self, job: JobNumber) -> StoreFuture<bool> {
        let claims = self.claims();
        self.write(move |transaction| {
            if !jobs::exists(transaction, job)? {
                return Ok(false);
            }
            // Its release is queued behind this call, so it lasts until the transaction is committed.
            let _claim = claims.claim(job)?;
            jobs::forget(transaction, job)?;
            Ok(true)
        })
    }

    fn flush(&self) -> StoreFuture<()> {
        // Calls are carried out in their order, so this one is the last.
        self.worker.call(|_| Ok(()))
    }

    fn find_hash(&self, file: &FileState) -> StoreFuture<Option<String>> {
        let file = file.clone();
        self.read(move |connection| uploads::find_hash(connection, &file))
    }

    fn find_upload(
        &self,
        account: &Account,
        content: &Content,
    ) -> StoreFuture<Option<UploadRecord>> {
        let (account, content) = (account.clone(), content.clone());
        self.read(move |connection| uploads::find(connection, &account, &content))
    }

    fn record_upload(
        &self,
        account: &Account,
        record: &UploadRecord,
        file: Option<&FileState>,
    ) -> StoreFuture<()> {
        let (account, record, file) = (account.clone(), record.clone(), file.cloned());
        self.write(move |uploads| uploads::insert(uploads, &account, &record, file.as_ref()))
    }

    fn forget_upload(&self, account: &Account, url: &str) -> StoreFuture<bool> {
        let (account, url) = (account.clone(), url.to_owned());
        self.write(move |uploads| uploads::forget(uploads, &account, &url))
    }

    fn record_duration(&self, account: &Account, duration: &JobDuration) -> StoreFuture<bool> {
        let (account, duration) = (account.clone(), duration.clone());
        self.write(move |durations| durations::insert(durations, &account, &duration))
    }

    fn durations(&self, account: &Account, model: &str) -> StoreFuture<Vec<JobDuration>> {
        let (account, model) = (account.clone(), model.to_owned());
        self.read(move |connection| durations::find(connection, &account, &model))
    }
}

/// Records the outcome of a submit.
fn settle(
    transaction: &Transaction<'_>,
    number: JobNumber,
    settlement: &Settlement,
) -> Result<Applied, JournalError> {
    let found = records::select(transaction, &Selection::number(number))?.pop();
    let mut job = found.ok_or_else(|| StoreError::gone(number))?;
    // Part of the transaction, since two processes may adopt the same id at once.
    let owner = match &settlement.resolution {
        Resolution::Adopted(id, _) => Owners::at(&job.account.base_url, transaction)?.owner(id)?,
        _ => None,
    };
    let owner = owner.filter(|owner| *owner != IdOwner::Job(number));
    let applied = job.apply(&Change::Resolved { settlement, owner })?;
    jobs::update_outcome(transaction, &job)?;
    Ok(applied)
}
