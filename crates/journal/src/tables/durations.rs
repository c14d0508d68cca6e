//! The table of durations: how long tasks took, and how that is written and read. What follows from
//! it, it leaves to others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Row, Transaction, params};
use wavespeed::{Account, JobDuration, PredictionId};

use super::jobs::{is_fingerprint, milliseconds};
use crate::error::JournalError;

/// What version 3 has more than version 2.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE durations (
        base_url TEXT NOT NULL,
        fingerprint TEXT NOT NULL,                -- of the key, which is never here
        model TEXT NOT NULL,
        at INTEGER NOT NULL,                      -- of the end, milliseconds since 1970
        id TEXT NOT NULL,
        milliseconds INTEGER NOT NULL,
        PRIMARY KEY (base_url, fingerprint, model, at, id)
    ) STRICT, WITHOUT ROWID;";

/// Fails unless the table is there.
pub(crate) const VERIFY: &str = "SELECT milliseconds FROM durations LIMIT 0";

/// How many of a model are kept: the newest say all there is to say.
const KEPT: i64 = 128;

/// Writes how long a task took, unless that is known, and removes what nobody needs any more. Whether
/// it was written.
pub(crate) fn keep(
    transaction: &Transaction<'_>,
    account: &Account,
    took: &JobDuration,
) -> Result<bool, JournalError> {
    if !is_fingerprint(account) {
        return Err(JournalError::Fingerprint);
    }
    let (url, key, model) = (&account.base_url, &account.key, &took.model);
    let length = i64::try_from(took.duration.as_millis()).unwrap_or(i64::MAX);
    let written = transaction.execute(
        "INSERT INTO durations (base_url, fingerprint, model, at, id, milliseconds)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM durations
         WHERE base_url = ?1 AND fingerprint = ?2 AND model = ?3 AND id = ?5)",
        params![
            url,
            key,
            model,
            milliseconds(took.at),
            took.id.as_str(),
            length
        ],
    )?;
    // What is from a clock that was ahead is not to count as new until that time comes.
    let now = milliseconds(SystemTime::now());
    transaction.execute(
        "UPDATE durations SET at = ?4 WHERE base_url = ?1 AND fingerprint = ?2 AND model = ?3 AND at > ?4",
        params![url, key, model, now],
    )?;
    transaction.execute(
        "DELETE FROM durations WHERE base_url = ?1 AND fingerprint = ?2 AND model = ?3
         AND at < (SELECT min(at) FROM (SELECT at FROM durations
         WHERE base_url = ?1 AND fingerprint = ?2 AND model = ?3 ORDER BY at DESC LIMIT ?4))",
        params![url, key, model, KEPT],
    )?;
    Ok(written > 0)
}

/// How long tasks of a model took, the newest last.
pub(crate) fn find(
    connection: &Connection,
    account: &Account,
    model: &str,
) -> Result<Vec<JobDuration>, JournalError> {
    let sql = "SELECT id, at, milliseconds FROM durations
               WHERE base_url = ? AND fingerprint = ? AND model = ? ORDER BY at";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![account.base_url, account.key, model])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(record(row, model)?);
    }
    Ok(found)
}

/// Nothing, if somebody has changed the row into what cannot be.
fn record(row: &Row<'_>, model: &str) -> rusqlite::Result<Option<JobDuration>> {
    let (id, at, length): (String, i64, i64) =
        (row.get("id")?, row.get("at")?, row.get("milliseconds")?);
    let time = |milliseconds: i64| u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let made = || {
        let id: PredictionId = id.parse().ok()?;
        let at = UNIX_EPOCH.checked_add(time(at)?)?;
        Some(JobDuration::new(id, model, time(length)?, at))
    };
    Ok(made())
}
