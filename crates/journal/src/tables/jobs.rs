//! The table of jobs: its schema and writes.

use rusqlite::{Transaction, params};
use wavespeed::serde_json;
use wavespeed::{
    Account, Adoption, Downloaded, IdempotencyKey, JobNumber, JobRecord, Prediction, PredictionId,
    Stage, Status, Target,
};

use super::values::{bytes, check_fingerprint, milliseconds, row_number};
use super::{attempts, files};
use crate::error::JournalError;

/// Returns the table and its indices. The comments are stored in each journal.
pub(super) fn schema() -> String {
    format!(
        "CREATE TABLE jobs (
             number INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused
             base_url TEXT NOT NULL,
             account TEXT NOT NULL,                    -- name of the account
             key_fingerprint TEXT NOT NULL,            -- of the API key, which is never here: the
                                                       -- first 12 hex digits of its SHA-256, or ''
             model TEXT NOT NULL,
             body TEXT NOT NULL,                       -- exactly as it is sent
             digest TEXT NOT NULL,                     -- of the model and input, 64 hex digits
             parts TEXT NOT NULL,                      -- JSON: hashes by JSON pointer in the input
             idempotency_key TEXT,
             label TEXT,
             price REAL,                               -- quoted, USD
             target BLOB,                              -- an absolute path
             folder INTEGER NOT NULL,                  -- 1 if the target is a folder
             force INTEGER NOT NULL,                   -- 1 if existing files are replaced
             webhook TEXT,                             -- URL
             webhook_token TEXT,
             at INTEGER NOT NULL,                      -- time of the intent, milliseconds since 1970
             clock_offset INTEGER,                     -- of the vendor's clock, seconds ahead
             serialised INTEGER NOT NULL,              -- 1 if it waited for its turn
             lost_at INTEGER,                          -- time at which the outcome became unknown
             stage TEXT NOT NULL,
             id TEXT,                                  -- of the prediction
             adopted TEXT,                             -- evidence for an id that no answer had
             status TEXT,                              -- last known
             answer TEXT,                              -- body of the answer to the submit
             prediction TEXT,                          -- JSON: the prediction at its end
             forgotten INTEGER NOT NULL                -- 1 if only the ids and the stage are kept
         ) STRICT;
         CREATE UNIQUE INDEX job_keys ON jobs (base_url, account, idempotency_key)
             WHERE idempotency_key IS NOT NULL;
         CREATE INDEX job_digests ON jobs (digest);
         CREATE INDEX job_ids ON jobs (base_url, id) WHERE id IS NOT NULL;
         CREATE INDEX job_tokens ON jobs (base_url, webhook_token) WHERE webhook_token IS NOT NULL;
         CREATE INDEX open_jobs ON jobs (base_url, account) WHERE {IS_OPEN};"
    )
}

/// The condition [`JobRecord::is_open`] in SQL. SQLite uses the index `open_jobs` only for queries that
/// repeat the condition of the index, so the schema and all queries share this text.
pub(crate) const IS_OPEN: &str = "(forgotten = 0 AND (stage IN ('intended', 'unknown', 'submitted')
    OR (stage = 'ended' AND target IS NOT NULL AND status = 'completed')))";

/// The columns of the table, in the order in which rows are written.
pub(crate) const COLUMNS: &str = "number, base_url, account, key_fingerprint, model, body, digest,
    parts, idempotency_key, label, price, target, folder, force, webhook, webhook_token, at,
    clock_offset, serialised, lost_at, stage, id, adopted, status, answer, prediction, forgotten";

/// A parameter for each of the columns.
const PARAMETERS: &str =
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
    ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27";

/// Inserts a new job, and returns its number. The number in the record is ignored.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    record: &JobRecord,
) -> Result<JobNumber, JournalError> {
    let sql = format!("INSERT INTO jobs ({COLUMNS}) VALUES ({PARAMETERS})");
    // SQLite gives the number if there is none.
    write(transaction, &sql, None, record)?;
    let number = transaction.last_insert_rowid();
    Ok(JobNumber::new(number.unsigned_abs()))
}

/// Removes the row of a job that was just inserted.
pub(crate) fn remove(transaction: &Transaction<'_>, job: JobNumber) -> Result<(), JournalError> {
    transaction.execute("DELETE FROM jobs WHERE number = ?", [row_number(job)])?;
    Ok(())
}

/// Replaces the whole record of a job, its files and attempts included.
pub(crate) fn replace(
    transaction: &Transaction<'_>,
    record: &JobRecord,
) -> Result<(), JournalError> {
    let number = row_number(record.number);
    let sql = format!("UPDATE jobs SET ({COLUMNS}) = ({PARAMETERS}) WHERE number = ?1");
    write(transaction, &sql, number, record)?;
    if let Some(number) = number {
        files::replace(transaction, number, &record.files)?;
        attempts::replace(transaction, number, &record.attempts)?;
    }
    Ok(())
}

/// Executes a statement with the [`PARAMETERS`] of a record.
fn write(
    transaction: &Transaction<'_>,
    sql: &str,
    number: Option<i64>,
    record: &JobRecord,
) -> Result<(), JournalError> {
    check_fingerprint(&record.key_fingerprint)?;
    let parts = serde_json::to_string(record.identity.parts());
    let target = record.target.as_ref();
    transaction.execute(
        sql,
        params![
            number,
            record.account.base_url,
            record.account.name,
            record.key_fingerprint,
            record.model.as_str(),
            record.body,
            record.identity.digest(),
            parts.map_err(JournalError::Parts)?,
            record.key.as_ref().map(IdempotencyKey::as_str),
            record.label,
            record.price,
            target.map(|target| bytes(target.as_path())).transpose()?,
            target.is_some_and(Target::is_folder),
            target.is_some_and(Target::is_force),
            record.webhook,
            record.webhook_token,
            milliseconds(record.at),
            record.clock_offset,
            record.serialised,
            record.lost_at.map(milliseconds),
            record.stage.name(),
            record.id.as_ref().map(PredictionId::as_str),
            record.adopted.map(Adoption::name),
            record.status.as_ref().map(Status::name),
            record.answer,
            record.prediction,
            record.forgotten,
        ],
    )?;
    Ok(())
}

/// Writes what [`JobRecord::apply`] may have changed when the outcome of a submit became known.
pub(crate) fn update_outcome(
    transaction: &Transaction<'_>,
    record: &JobRecord,
) -> Result<(), JournalError> {
    let sql =
        "UPDATE jobs SET stage = ?, id = ?, adopted = ?, at = ?, answer = ?, clock_offset = ?,
               serialised = ?, webhook_token = ?, lost_at = ?, status = ?, prediction = ? WHERE number = ?";
    transaction.execute(
        sql,
        params![
            record.stage.name(),
            record.id.as_ref().map(PredictionId::as_str),
            record.adopted.map(Adoption::name),
            milliseconds(record.at),
            record.answer,
            record.clock_offset,
            record.serialised,
            record.webhook_token,
            record.lost_at.map(milliseconds),
            record.status.as_ref().map(Status::name),
            record.prediction,
            row_number(record.number),
        ],
    )?;
    if let Some(number) = row_number(record.number) {
        files::replace(transaction, number, &record.files)?;
        attempts::replace(transaction, number, &record.attempts)?;
    }
    Ok(())
}

/// Returns `true` if there is a job of this number that was not forgotten.
pub(crate) fn exists(transaction: &Transaction<'_>, job: JobNumber) -> Result<bool, JournalError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM jobs WHERE number = ? AND forgotten = 0)";
    Ok(transaction.query_row(sql, [row_number(job)], |row| row.get(0))?)
}

/// Forgets a job, by the rule of [`JobRecord::forget`]. No column is read, so that an unreadable job can be
/// forgotten.
pub(crate) fn forget(transaction: &Transaction<'_>, job: JobNumber) -> Result<(), JournalError> {
    let number = row_number(job);
    let sql = "UPDATE jobs SET forgotten = 1, key_fingerprint = '', body = '', digest = '', parts = '{}',
               idempotency_key = NULL, label = NULL, price = NULL, target = NULL, folder = 0, force = 0,
               webhook = NULL, webhook_token = NULL, serialised = 0,
               adopted = NULL, status = NULL, answer = NULL, prediction = NULL WHERE number = ?";
    transaction.execute(sql, [number])?;
    if let Some(number) = number {
        files::remove(transaction, number)?;
    }
    Ok(())
}

/// Records the end of every job at the base URL of an account that has this id. Only the stage is read,
/// so that no other column can keep the end from being recorded. A stage that cannot be read is
/// replaced: whatever a newer version meant by it, the job has ended.
pub(crate) fn record_end(
    transaction: &Transaction<'_>,
    account: &Account,
    prediction: &Prediction,
) -> Result<(), JournalError> {
    let status = prediction.status().name();
    let raw = prediction.raw().to_string();
    let select = "SELECT number, stage FROM jobs
                  WHERE base_url = ? AND id = ? AND forgotten = 0";
    let mut statement = transaction.prepare(select)?;
    let values = params![account.base_url, prediction.id()];
    let stages = statement.query_map(values, |row| {
        let stage = row.get_ref("stage")?.as_str().ok();
        Ok((
            row.get("number")?,
            stage.and_then(|stage| stage.parse().ok()),
        ))
    })?;
    let stages: Vec<(i64, Option<Stage>)> = stages.collect::<Result<_, _>>()?;
    for (number, stage) in stages {
        let stage = stage.map_or(Stage::Ended, Stage::after_end);
        let update = "UPDATE jobs SET stage = ?, status = ?, prediction = ? WHERE number = ?";
        transaction.execute(update, params![stage.name(), status, raw, number])?;
    }
    Ok(())
}

/// Records the saved files of every job at the base URL of an account that has this id. No column of the
/// job beside the number is read, for the reason that [`record_end`] has.
pub(crate) fn record_saved(
    transaction: &Transaction<'_>,
    account: &Account,
    id: &PredictionId,
    saved: &[Downloaded],
) -> Result<(), JournalError> {
    let sql = "UPDATE jobs SET stage = ? WHERE base_url = ? AND id = ? AND forgotten = 0
               RETURNING number";
    let mut statement = transaction.prepare(sql)?;
    let values = params![Stage::Saved.name(), account.base_url, id.as_str()];
    let numbers = statement.query_map(values, |row| row.get(0))?;
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
    for number in numbers {
        let files = Downloaded::merge(saved, files::readable(transaction, number)?);
        files::replace(transaction, number, &files)?;
    }
    Ok(())
}
