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
//! - **Writes are durable.** They are on disk when the call returns, and survive a crash of the process
//!   and a loss of power. The file must be on a local disk: SQLite's write-ahead log does not work over
//!   a network.
//! - **Several processes may use one journal.** A call waits up to 5 s for the others, then fails.
//! - **No row is lost silently.** Opening a file that is damaged, newer or not a journal is an error,
//!   and leaves the file as it is. The number of a job is never reused, even if the job is forgotten.
//! - **Only its owner can read it.** On Unix the file is created with mode 0600, and a missing folder
//!   with mode 0700. The file holds inputs and paths, and of an API key only the fingerprint.

#![forbid(unsafe_code)]

mod claim;
mod default_path;
mod error;
mod open;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use wavespeed::{
    Account, Change, Claim, Content, Downloaded, FileState, Intent, JobDuration, JobFilter,
    JobNumber, JobRecord, Prediction, PredictionId, Resolution, Stage, Store, StoreError,
    UploadRecord,
};

use error::JournalError;
pub use open::OpenError;
use tables::jobs::{self, IS_OPEN, JobRow, columns, row_number};
use tables::{durations, uploads};

/// A journal in a file. The documentation of the [crate] lists its guarantees.
pub struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Journal {
    /// Opens the journal in a file. If there is no file, the journal and its folder are created.
    ///
    /// # Errors
    /// Returns an error if the file is not a journal, or is one that cannot be used. An existing file
    /// is not changed then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (path, connection) = open::open(path.as_ref())?;
        let connection = Mutex::new(connection);
        Ok(Self { path, connection })
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

    /// Runs work on the connection, and adds the path of the journal to its error.
    fn with_connection<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, JournalError>,
    ) -> Result<T, StoreError> {
        // A panic inside a transaction rolls it back, so the connection is still usable.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|error| error.into_store_error(&self.path))
    }

    /// Runs writes in one transaction. All writes of this crate go through here.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError>,
    ) -> Result<T, StoreError> {
        self.with_connection(|connection| {
            // Immediate: the lock is taken before the first read. A transaction that reads first and
            // then writes fails if another process has written in between.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
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
    fn intend(&self, intent: &Intent<'_>) -> Result<JobNumber, StoreError> {
        // Before the transaction, so that other processes need not wait for it.
        let row = JobRow::from_intent(intent);
        let row = row.map_err(|error| error.into_store_error(&self.path))?;
        self.write(|jobs| {
            let sql = "INSERT INTO jobs
                       (base_url, fingerprint, model, input, target, folder, force, at, stage,
                        webhook)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            jobs.execute(
                sql,
                params![
                    intent.account.base_url,
                    intent.account.key,
                    intent.model.as_str(),
                    row.input,
                    row.target,
                    row.folder,
                    row.force,
                    row.at,
                    Stage::Intended.name(),
                    intent.webhook,
                ],
            )?;
            Ok(JobNumber::new(jobs.last_insert_rowid().unsigned_abs()))
        })
    }

    fn settle(&self, job: JobNumber, resolution: &Resolution<'_>) -> Result<(), StoreError> {
        self.write(|jobs| {
            let mut found = select(jobs, "number = ?", params![row_number(job)])?;
            let mut record = found.pop().ok_or_else(|| StoreError::gone(job))?;
            // Part of the transaction, since two processes may adopt the same id at once.
            let holder = match resolution {
                Resolution::Adopted(id) => other_holder(jobs, job, id)?,
                _ => None,
            };
            record.apply(&Change::Resolved { resolution, holder })?;
            jobs::update(jobs, &record)
        })
    }

    fn claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        match claim::claim(&self.path, job) {
            Ok(Some(claim)) => Ok(Claim::new(claim)),
            Ok(None) => Err(StoreError::claimed(job)),
            Err(error) => Err(JournalError::Claim(job, error).into_store_error(&self.path)),
        }
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        let change = Change::Ended(&prediction.status);
        self.write(|jobs| apply_to_id(jobs, account, &prediction.id, &change))
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError> {
        let change = Change::Saved(files);
        self.write(|jobs| apply_to_id(jobs, account, id.as_str(), &change))
    }

    fn jobs(&self, account: &Account, filter: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        let (url, fingerprint) = (&*account.base_url, &*account.key);
        self.with_connection(|jobs| match filter {
            JobFilter::All => select(jobs, &in_account("true"), params![url, fingerprint]),
            JobFilter::Open => select(jobs, &in_account(IS_OPEN), params![url, fingerprint]),
            JobFilter::Number(job) => select(
                jobs,
                &in_account("number = ?3"),
                params![url, fingerprint, row_number(job)],
            ),
            JobFilter::Id(id) => select(
                jobs,
                &in_account("id = ?3"),
                params![url, fingerprint, id.as_str()],
            ),
            _ => Err(JournalError::Unsupported("filter of jobs")),
        })
    }

    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError> {
        self.write(|jobs| {
            let sql = "DELETE FROM jobs WHERE base_url = ? AND fingerprint = ? AND number = ?";
            let values = params![account.base_url, account.key, row_number(job)];
            Ok(jobs.execute(sql, values)? > 0)
        })
    }

    fn find_hash(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        self.with_connection(|connection| uploads::find_hash(connection, file))
    }

    fn find_upload(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        self.with_connection(|connection| uploads::find(connection, account, content))
    }

    fn record_upload(
        &self,
        account: &Account,
        record: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        self.write(|transaction| uploads::insert(transaction, account, record, file))
    }

    fn forget_upload(&self, account: &Account, url: &str) -> Result<bool, StoreError> {
        self.write(|transaction| uploads::forget(transaction, account, url))
    }

    fn record_duration(
        &self,
        account: &Account,
        duration: &JobDuration,
    ) -> Result<bool, StoreError> {
        self.write(|transaction| durations::insert(transaction, account, duration))
    }

    fn durations(&self, account: &Account, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        self.with_connection(|connection| durations::find(connection, account, model))
    }
}

/// Applies a change to every job of an account that has this id.
fn apply_to_id(
    jobs: &Transaction<'_>,
    account: &Account,
    id: &str,
    change: &Change<'_>,
) -> Result<(), JournalError> {
    let values = params![account.base_url, account.key, id];
    for mut record in select(jobs, &in_account("id = ?3"), values)? {
        record.apply(change)?;
        jobs::update(jobs, &record)?;
    }
    Ok(())
}

/// Returns another job of the same account that has this id.
fn other_holder(
    jobs: &Transaction<'_>,
    job: JobNumber,
    id: &PredictionId,
) -> Result<Option<JobNumber>, JournalError> {
    let sql = "SELECT min(other.number) FROM jobs AS own JOIN jobs AS other
               USING (base_url, fingerprint)
               WHERE own.number = ?1 AND other.number <> ?1 AND other.id = ?2";
    let holder: Option<i64> =
        jobs.query_row(sql, params![row_number(job), id.as_str()], |row| row.get(0))?;
    Ok(holder.map(|number| JobNumber::new(number.unsigned_abs())))
}

/// Returns the query for the jobs that fulfil a condition, oldest first.
fn select_jobs(condition: &str) -> String {
    let columns = columns();
    format!("SELECT {columns} FROM jobs WHERE {condition} ORDER BY number")
}

/// Returns the condition that a job belongs to an account, parameters 1 and 2, and fulfils another
/// condition.
fn in_account(condition: &str) -> String {
    format!("base_url = ?1 AND fingerprint = ?2 AND {condition}")
}

/// Reads the jobs that fulfil a condition.
fn select(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<JobRecord>, JournalError> {
    let mut statement = connection.prepare(&select_jobs(condition))?;
    let mut rows = statement.query(values)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(jobs::read_record(row)?);
    }
    Ok(jobs)
}
