//! The [`Store`] of `wavespeed` in one SQLite file: what was about to be submitted, what came of it,
//! how it ended and what was saved; what was uploaded, so that no bytes are sent twice; and how long
//! tasks took, so that it is asked about them when they tend to end. What follows from that, it
//! leaves to `wavespeed`.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::Wavespeed;
//! use wavespeed_journal::Journal;
//!
//! let path = Journal::default_path().ok_or("no home folder")?;
//! let ws = Wavespeed::builder().env().store(Journal::open(path)?).build()?;
//! # Ok(()) }
//! ```
//!
//! # What holds
//!
//! - **What was written is on disk** when the call returns, and survives the end of the process and
//!   of the power. The file must be on a disk of this machine: SQLite's write-ahead log does not
//!   work over a network.
//! - **Many processes may use one journal.** A call waits up to 5 s for its turn, then is an error.
//! - **No row is lost silently.** A file that is damaged, newer or not a journal is an error, and
//!   is left as it is. The number of a job is never given again, even if the job is forgotten.
//! - **Only its owner can read it** (on Unix: the file is made with mode 0600, and a folder that is
//!   not there with 0700). It holds inputs and paths, and of a key only the fingerprint.

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
    Account, Claim, Content, Downloaded, FileState, Intent, JobDuration, JobFilter, JobNumber,
    JobRecord, Prediction, PredictionId, Resolution, Stage, Store, StoreError, UploadRecord,
};

use error::JournalError;
pub use open::OpenError;
use tables::jobs::{self, Fields, OPEN, columns, milliseconds};
use tables::{durations, uploads};

/// A journal in a file. See the [crate]'s docs for what it promises.
pub struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Journal {
    /// Opens the journal in this file. If there is none, it is begun, and so is its folder.
    ///
    /// # Errors
    /// If there is something else, or it cannot be used. Nothing is changed then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (path, connection) = open::open(path.as_ref())?;
        let connection = Mutex::new(connection);
        Ok(Self { path, connection })
    }

    /// Where a user's journal is: `$XDG_STATE_HOME/wavespeed/journal.db`, by default in
    /// `~/.local/state`; on macOS in `~/Library/Application Support`; on Windows in
    /// `%LOCALAPPDATA%`. `None` if the user has no such folder.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        default_path::default_path(|name| std::env::var_os(name), std::env::home_dir())
    }

    /// The file it is in, by its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, JournalError>,
    ) -> Result<T, StoreError> {
        // A transaction that a panic ended was rolled back: the connection is as good as before.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|error| error.of(&self.path))
    }

    /// All writes go through here. It takes its turn among the processes before it reads anything.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError>,
    ) -> Result<T, StoreError> {
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
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
        // Outside of the transaction: others need not wait for it.
        let fields = Fields::of(intent).map_err(|error| error.of(&self.path))?;
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
                    fields.input,
                    fields.target,
                    fields.folder,
                    fields.force,
                    fields.at,
                    Stage::Intended.name(),
                    intent.webhook,
                ],
            )?;
            Ok(JobNumber::new(jobs.last_insert_rowid().unsigned_abs()))
        })
    }

    fn settle(&self, job: JobNumber, outcome: &Resolution<'_>) -> Result<(), StoreError> {
        self.write(|jobs| {
            let mut found = select(jobs, "number = ?", params![key(job)])?;
            let mut record = found.pop().ok_or_else(|| StoreError::gone(job))?;
            if let Resolution::Adopted(id) = outcome {
                let rival = "SELECT min(other.number) FROM jobs AS own JOIN jobs AS other
                             USING (base_url, fingerprint)
                             WHERE own.number = ?1 AND other.number <> ?1 AND other.id = ?2";
                let rival = jobs.query_row(rival, params![key(job), id.as_str()], |row| {
                    row.get::<_, Option<i64>>(0)
                })?;
                if let Some(number) = rival {
                    let rival = JobNumber::new(number.unsigned_abs());
                    return Err(StoreError::taken(id, rival).into());
                }
            }
            record.settle(outcome)?;
            let sql = "UPDATE jobs SET stage = ?, id = ?, adopted = ?, at = ? WHERE number = ?";
            let id = record.id.as_ref().map(PredictionId::as_str);
            let (stage, at) = (record.stage.name(), milliseconds(record.at));
            jobs.execute(sql, params![stage, id, record.adopted, at, key(job)])?;
            Ok(())
        })
    }

    fn claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        match claim::claim(&self.path, job) {
            Ok(Some(claim)) => Ok(Claim::new(claim)),
            Ok(None) => Err(StoreError::claimed(job)),
            Err(error) => Err(JournalError::Claim(job, error).of(&self.path)),
        }
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        self.write(|jobs| {
            let sql = "UPDATE jobs SET status = ?, stage = iif(stage = ?, stage, ?)
                       WHERE base_url = ? AND fingerprint = ? AND id = ?";
            jobs.execute(
                sql,
                params![
                    prediction.status.name(),
                    Stage::Saved.name(),
                    Stage::Ended.name(),
                    account.base_url,
                    account.key,
                    prediction.id,
                ],
            )?;
            Ok(())
        })
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> Result<(), StoreError> {
        let paths = jobs::join(files.iter().map(|file| &*file.path));
        let paths = paths.map_err(|error| error.of(&self.path))?;
        self.write(|jobs| {
            let sql = "UPDATE jobs SET stage = ?, files = ?
                       WHERE base_url = ? AND fingerprint = ? AND id = ?";
            let (url, key) = (&account.base_url, &account.key);
            jobs.execute(
                sql,
                params![Stage::Saved.name(), paths, url, key, id.as_str()],
            )?;
            Ok(())
        })
    }

    fn jobs(&self, account: &Account, which: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        let (url, fingerprint) = (&*account.base_url, &*account.key);
        self.with(|jobs| match which {
            JobFilter::All => select(jobs, &in_account("true"), params![url, fingerprint]),
            JobFilter::Open => select(jobs, &in_account(OPEN), params![url, fingerprint]),
            JobFilter::Number(job) => select(
                jobs,
                &in_account("number = ?3"),
                params![url, fingerprint, key(job)],
            ),
            JobFilter::Id(id) => select(
                jobs,
                &in_account("id = ?3"),
                params![url, fingerprint, id.as_str()],
            ),
            _ => Err(JournalError::Later("choice of jobs")),
        })
    }

    fn forget(&self, account: &Account, job: JobNumber) -> Result<bool, StoreError> {
        self.write(|jobs| {
            let sql = "DELETE FROM jobs WHERE base_url = ? AND fingerprint = ? AND number = ?";
            let gone = jobs.execute(sql, params![account.base_url, account.key, key(job)])?;
            Ok(gone > 0)
        })
    }

    fn find_hash(&self, file: &FileState) -> Result<Option<String>, StoreError> {
        self.with(|connection| uploads::hash(connection, file))
    }

    fn find_upload(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Option<UploadRecord>, StoreError> {
        self.with(|connection| uploads::find(connection, account, content))
    }

    fn record_upload(
        &self,
        account: &Account,
        record: &UploadRecord,
        file: Option<&FileState>,
    ) -> Result<(), StoreError> {
        self.write(|transaction| uploads::keep(transaction, account, record, file))
    }

    fn forget_upload(&self, account: &Account, url: &str) -> Result<bool, StoreError> {
        self.write(|transaction| uploads::forget(transaction, account, url))
    }

    fn record_duration(&self, account: &Account, took: &JobDuration) -> Result<bool, StoreError> {
        self.write(|transaction| durations::keep(transaction, account, took))
    }

    fn durations(&self, account: &Account, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        self.with(|connection| durations::find(connection, account, model))
    }
}

/// A number as the table has it. The table gives none beyond its range, so `None` matches no row.
fn key(job: JobNumber) -> Option<i64> {
    i64::try_from(job.get()).ok()
}

/// The query for the jobs that fulfil a condition, oldest first.
fn query(condition: &str) -> String {
    let columns = columns();
    format!("SELECT {columns} FROM jobs WHERE {condition} ORDER BY number")
}

/// The condition that a job is of an account, and fulfils another one.
fn in_account(condition: &str) -> String {
    format!("base_url = ?1 AND fingerprint = ?2 AND {condition}")
}

fn select(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<JobRecord>, JournalError> {
    let mut statement = connection.prepare(&query(condition))?;
    let mut rows = statement.query(values)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(jobs::record(row)?);
    }
    Ok(jobs)
}
