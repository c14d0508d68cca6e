//! The table of job durations: its schema, queries and writes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Row, Transaction, params};
use wavespeed::{Account, JobDuration, PredictionId};

use super::values::milliseconds;
use crate::error::JournalError;

/// The table.
pub(super) const SCHEMA: &str = "
    CREATE TABLE durations (
        base_url TEXT NOT NULL,
        account TEXT NOT NULL,                    -- name of the account
        model TEXT NOT NULL,
        at INTEGER NOT NULL,                      -- of the end, milliseconds since 1970
        id TEXT NOT NULL,                         -- of the prediction
        milliseconds INTEGER NOT NULL,            -- from the submit to the end
        PRIMARY KEY (base_url, account, model, at, id)
    ) STRICT, WITHOUT ROWID;";

/// The number of durations that are kept for each model, the newest ones: older ones would hardly
/// change an estimate.
const MAX_DURATIONS: i64 = 128;

/// Writes the duration of a job unless it is already known, and removes surplus durations of the model.
/// Returns `true` if the duration was written.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    account: &Account,
    duration: &JobDuration,
) -> Result<bool, JournalError> {
    let (url, name, model) = (&account.base_url, &account.name, &duration.model);
    let length = i64::try_from(duration.duration.as_millis()).unwrap_or(i64::MAX);
    // The primary key includes the time, so it does not prevent that a job is written twice: two
    // processes may see its end at different times.
    let written = transaction.execute(
        "INSERT INTO durations (base_url, account, model, at, id, milliseconds)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM durations
         WHERE base_url = ?1 AND account = ?2 AND model = ?3 AND id = ?5)",
        params![
            url,
            name,
            model,
            milliseconds(duration.at),
            duration.id.as_str(),
            length
        ],
    )?;
    // A time in the future comes from a clock that was ahead. Unchanged, it would count as the newest
    // until that time has come.
    let now = milliseconds(SystemTime::now());
    transaction.execute(
        "UPDATE durations SET at = ?4 WHERE base_url = ?1 AND account = ?2 AND model = ?3 AND at > ?4",
        params![url, name, model, now],
    )?;
    // By time and not by number of rows, so durations of equal time are kept or removed together.
    transaction.execute(
        "DELETE FROM durations WHERE base_url = ?1 AND account = ?2 AND model = ?3
         AND at < (SELECT min(at) FROM (SELECT at FROM durations
         WHERE base_url = ?1 AND account = ?2 AND model = ?3 ORDER BY at DESC LIMIT ?4))",
        params![url, name, model, MAX_DURATIONS],
    )?;
    Ok(written > 0)
}

/// Returns the durations of the jobs of a model, the newest last.
pub(crate) fn find(
    connection: &Connection,
    account: &Account,
    model: &str,
) -> Result<Vec<JobDuration>, JournalError> {
    let sql = "SELECT id, at, milliseconds FROM durations
               WHERE base_url = ? AND account = ? AND model = ? ORDER BY at";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![account.base_url, account.name, model])?;
    let mut durations = Vec::new();
    while let Some(row) = rows.next()? {
        durations.extend(read_record(row, model)?);
    }
    Ok(durations)
}

/// Reads a duration. Returns `None` for invalid values, which only another program can have written: an
/// estimate can do without a duration, so they are no error.
fn read_record(row: &Row<'_>, model: &str) -> rusqlite::Result<Option<JobDuration>> {
    let (id, at, length): (String, i64, i64) =
        (row.get("id")?, row.get("at")?, row.get("milliseconds")?);
    let time = |milliseconds: i64| u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let duration = || {
        let id: PredictionId = id.parse().ok()?;
        let at = UNIX_EPOCH.checked_add(time(at)?)?;
        Some(JobDuration::new(id, model, time(length)?, at))
    };
    Ok(duration())
}
