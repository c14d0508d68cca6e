//! The table of the earlier attempts of jobs: its schema, queries and writes.

use rusqlite::{Row, Transaction, params};
use wavespeed::{EarlierAttempt, PredictionId, Status};

use super::reader::RowReader;
use super::values::{milliseconds, time};
use crate::error::JournalError;

/// The table and its index.
pub(super) const SCHEMA: &str = "
    CREATE TABLE attempts (
        job INTEGER NOT NULL,                     -- number of the job
        position INTEGER NOT NULL,                -- counted from 0, oldest first
        at INTEGER NOT NULL,                      -- time of the intent, milliseconds since 1970
        id TEXT NOT NULL,                         -- of the prediction
        status TEXT,                              -- last known
        price REAL,                               -- quoted, USD
        PRIMARY KEY (job, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attempt_ids ON attempts (id);";

/// Replaces the earlier attempts of a job.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    job: i64,
    attempts: &[EarlierAttempt],
) -> Result<(), JournalError> {
    transaction.execute("DELETE FROM attempts WHERE job = ?", [job])?;
    let sql = "INSERT INTO attempts (job, position, at, id, status, price)
               VALUES (?, ?, ?, ?, ?, ?)";
    let mut insert = transaction.prepare(sql)?;
    for (position, attempt) in (0_i64..).zip(attempts) {
        insert.execute(params![
            job,
            position,
            milliseconds(attempt.at),
            attempt.id.as_str(),
            attempt.status.as_ref().map(Status::name),
            attempt.price,
        ])?;
    }
    Ok(())
}

/// Returns the query for the attempts of the jobs that fulfil a condition, in the order of their jobs.
pub(crate) fn query(condition: &str) -> String {
    format!(
        "SELECT job, at, id, status, price FROM attempts
         WHERE job IN (SELECT number FROM jobs WHERE {condition}) ORDER BY job, position"
    )
}

/// Reads an attempt.
pub(super) fn read(row: &Row<'_>) -> Result<EarlierAttempt, JournalError> {
    let reader = RowReader::new(row, "attempts", "job")?;
    Ok(EarlierAttempt::new(
        reader.parse("at", time)?,
        reader.parse("id", |id: String| id.parse::<PredictionId>())?,
        reader.get::<Option<String>>("status")?.map(Status::from),
        reader.get("price")?,
    ))
}
