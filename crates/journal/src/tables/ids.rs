//! The owners of prediction ids: jobs, their earlier attempts, and the table of ids of forgotten jobs.

use rusqlite::{Connection, Statement, Transaction, params};
use wavespeed::{IdOwner, JobNumber, PredictionId};

use super::values::row_number;
use super::{attempts, files};
use crate::error::JournalError;

/// The table of the ids of forgotten jobs.
pub(super) const SCHEMA: &str = "
    CREATE TABLE forgotten (
        base_url TEXT NOT NULL,
        id TEXT NOT NULL,                         -- of a prediction of a forgotten job
        PRIMARY KEY (base_url, id)
    ) STRICT, WITHOUT ROWID;";

/// The jobs at the base URL ?1 that have the id ?2, now or in an earlier attempt.
pub(crate) const OWNERS: &str = "SELECT number FROM jobs WHERE base_url = ?1 AND id = ?2
    UNION ALL
    SELECT number FROM attempts JOIN jobs ON number = job
    WHERE attempts.id = ?2 AND base_url = ?1";

/// A query that returns `true` if the id ?2 of the base URL ?1 belongs to a forgotten job.
pub(crate) const IS_FORGOTTEN: &str =
    "SELECT EXISTS (SELECT 1 FROM forgotten WHERE base_url = ?1 AND id = ?2)";

/// The queries for the owners of ids at one base URL, prepared once for any number of ids. A query for all
/// ids at once could exceed the limits of SQLite.
pub(crate) struct Owners<'a> {
    base_url: &'a str,
    oldest: Statement<'a>,
    is_forgotten: Statement<'a>,
}

impl<'a> Owners<'a> {
    /// Prepares the queries.
    pub(crate) fn at(base_url: &'a str, connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            base_url,
            oldest: connection.prepare(&format!("SELECT min(number) FROM ({OWNERS})"))?,
            is_forgotten: connection.prepare(IS_FORGOTTEN)?,
        })
    }

    /// Returns the owner of an id: the oldest job that has the id, or else a forgotten one.
    pub(crate) fn owner(&mut self, id: &PredictionId) -> rusqlite::Result<Option<IdOwner>> {
        let values = params![self.base_url, id.as_str()];
        let oldest: Option<i64> = self.oldest.query_row(values, |row| row.get(0))?;
        if let Some(number) = oldest {
            return Ok(Some(IdOwner::Job(JobNumber::new(number.unsigned_abs()))));
        }
        let is_forgotten: bool = self.is_forgotten.query_row(values, |row| row.get(0))?;
        Ok(is_forgotten.then_some(IdOwner::Forgotten))
    }

    /// Returns those of the given ids that have an owner.
    pub(crate) fn known(&mut self, ids: Vec<PredictionId>) -> rusqlite::Result<Vec<PredictionId>> {
        let mut known = Vec::new();
        for id in ids {
            if self.owner(&id)?.is_some() {
                known.push(id);
            }
        }
        Ok(known)
    }
}

/// Removes a job, keeps its ids, and returns `true` if the job was there. No column beside the ids is
/// read, so that an unreadable job can be forgotten.
pub(crate) fn forget(transaction: &Transaction<'_>, job: JobNumber) -> Result<bool, JournalError> {
    let Some(number) = row_number(job) else {
        return Ok(false);
    };
    // The same id may have been forgotten before: two jobs can have one id.
    let keep = "INSERT OR IGNORE INTO forgotten (base_url, id)
                SELECT base_url, id FROM jobs WHERE number = ?1 AND id IS NOT NULL
                UNION
                SELECT base_url, attempts.id FROM attempts JOIN jobs ON number = job WHERE job = ?1";
    transaction.execute(keep, [number])?;
    attempts::remove(transaction, number)?;
    files::remove(transaction, number)?;
    let removed = transaction.execute("DELETE FROM jobs WHERE number = ?", [number])?;
    Ok(removed > 0)
}
