//! The table of jobs: its schema, and the conversion of intents to rows and of rows to records.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::FromSql;
use rusqlite::{Row, Transaction, params};
use wavespeed::serde_json::{self, Value};
use wavespeed::{
    Account, Downloaded, Intent, JobNumber, JobRecord, PredictionId, Stage, Status, Target,
};

use crate::error::JournalError;

/// Returns the schema of version 1, to which the migrations in [`open`](crate::open) add. The text must
/// not change, the comments included: SQLite stores it in each journal, and old and new journals have
/// the same schema.
pub(crate) fn schema() -> String {
    format!(
        "CREATE TABLE jobs (
             number INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again
             base_url TEXT NOT NULL,
             fingerprint TEXT NOT NULL,                -- of the key, which is never here
             model TEXT NOT NULL,
             input TEXT NOT NULL,                      -- JSON
             target BLOB,                              -- an absolute path
             folder INTEGER NOT NULL,                  -- whether the target is one
             force INTEGER NOT NULL,
             at INTEGER NOT NULL,                      -- milliseconds since 1970
             stage TEXT NOT NULL,
             id TEXT,
             adopted INTEGER NOT NULL DEFAULT 0,
             status TEXT,
             files BLOB NOT NULL DEFAULT x''           -- paths, a NUL after each
         ) STRICT;
         CREATE INDEX open_jobs ON jobs (base_url, fingerprint) WHERE {IS_OPEN};
         CREATE INDEX known_jobs ON jobs (base_url, fingerprint, id) WHERE id IS NOT NULL;"
    )
}

/// The condition [`JobRecord::is_open`] in SQL. SQLite uses the index `open_jobs` only for queries that
/// repeat the condition of the index, so the schema and all queries share this text.
pub(crate) const IS_OPEN: &str = "(stage IN ('intended', 'unknown', 'submitted')
    OR (stage = 'ended' AND target IS NOT NULL AND status = 'completed'))";

/// The migration to version 3 that adds the URL to which the vendor reports the end of a job.
pub(crate) const WEBHOOK: &str = "ALTER TABLE jobs ADD COLUMN webhook TEXT;";
/// A query that fails if the column of the webhook is missing.
pub(crate) const WEBHOOK_VERIFY: &str = "SELECT webhook FROM jobs LIMIT 0";

/// The columns of version 1.
const FIRST_COLUMNS: [&str; 12] = [
    "number", "model", "input", "target", "folder", "force", "at", "stage", "id", "adopted",
    "status", "files",
];

/// Returns the columns that [`read_record`] reads.
pub(crate) fn columns() -> String {
    format!("{}, webhook", first_columns())
}

/// Returns the columns that every version has. Used before the migrations, when later columns may be
/// missing.
pub(crate) fn first_columns() -> String {
    FIRST_COLUMNS.join(", ")
}

/// The values of a new row.
pub(crate) struct JobRow {
    base_url: String,
    fingerprint: String,
    model: String,
    input: String,
    target: Option<Vec<u8>>,
    folder: bool,
    force: bool,
    at: i64,
    webhook: Option<String>,
}

impl JobRow {
    pub(crate) fn from_intent(intent: &Intent<'_>) -> Result<Self, JournalError> {
        // A caller that passes the API key in place of its fingerprint must not get it written down.
        if !is_fingerprint(intent.account) {
            return Err(JournalError::Fingerprint);
        }
        let target = intent.target;
        Ok(Self {
            base_url: intent.account.base_url.clone(),
            fingerprint: intent.account.key.clone(),
            model: intent.model.to_string(),
            input: input_text(intent.input)?,
            target: target.map(|target| bytes(target.as_path())).transpose()?,
            folder: target.is_some_and(Target::is_folder),
            force: target.is_some_and(Target::is_force),
            at: milliseconds(intent.at),
            webhook: intent.webhook.map(str::to_owned),
        })
    }

    /// Inserts the row, and returns the number of its job.
    pub(crate) fn insert(&self, jobs: &Transaction<'_>) -> Result<JobNumber, JournalError> {
        let sql = "INSERT INTO jobs
                   (base_url, fingerprint, model, input, target, folder, force, at, stage,
                    webhook)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        jobs.execute(
            sql,
            params![
                self.base_url,
                self.fingerprint,
                self.model,
                self.input,
                self.target,
                self.folder,
                self.force,
                self.at,
                Stage::Intended.name(),
                self.webhook,
            ],
        )?;
        Ok(JobNumber::new(jobs.last_insert_rowid().unsigned_abs()))
    }
}

/// Returns the milliseconds since 1970. An earlier time, which only a wrong clock shows, counts as 1970.
pub(crate) fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns `true` if the account has a fingerprint, and not something that may be an API key.
pub(crate) fn is_fingerprint(account: &Account) -> bool {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    account.key.len() == 12 && account.key.bytes().all(is_hex)
}

/// Returns an input as JSON text. An input that could not be read again, because it is nested too
/// deeply, is an error: its row would make every list of jobs fail.
fn input_text(input: &Value) -> Result<String, JournalError> {
    let text = input.to_string();
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(JournalError::Input(error.to_string())),
    }
}

#[cfg(unix)]
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, JournalError> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(path.as_os_str().as_bytes().to_owned())
}

#[cfg(not(unix))]
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, JournalError> {
    let text = path
        .to_str()
        .ok_or_else(|| JournalError::Path(path.to_owned()))?;
    Ok(text.as_bytes().to_owned())
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> Result<PathBuf, std::str::Utf8Error> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Result<PathBuf, std::str::Utf8Error> {
    std::str::from_utf8(bytes).map(PathBuf::from)
}

/// Joins paths to one value. Each ends with a NUL, the one byte that no path contains.
fn join<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Vec<u8>, JournalError> {
    let mut joined = Vec::new();
    for path in paths {
        joined.extend(bytes(path)?);
        joined.push(0);
    }
    Ok(joined)
}

fn split(joined: &[u8]) -> Result<Vec<PathBuf>, std::str::Utf8Error> {
    // Inclusive, so that the NUL after the last path does not yield an empty path.
    let paths = joined.split_inclusive(|byte| *byte == 0);
    paths
        .map(|bytes| path(bytes.strip_suffix(&[0]).unwrap_or(bytes)))
        .collect()
}

/// Writes what [`JobRecord::apply`] may have changed.
pub(crate) fn update(jobs: &Transaction<'_>, record: &JobRecord) -> Result<(), JournalError> {
    let sql = "UPDATE jobs SET stage = ?, id = ?, adopted = ?, at = ?, status = ?, files = ?
               WHERE number = ?";
    jobs.execute(
        sql,
        params![
            record.stage.name(),
            record.id.as_ref().map(PredictionId::as_str),
            record.adopted,
            milliseconds(record.at),
            record.status.as_ref().map(Status::name),
            join(record.files.iter().map(PathBuf::as_path))?,
            row_number(record.number),
        ],
    )?;
    Ok(())
}

/// Records the end of every job of an account that has this id. Only the stage is read, so that no other
/// column can keep the end from being recorded. A stage that cannot be read is replaced: whatever a newer
/// version meant by it, the job has ended.
pub(crate) fn record_end(
    jobs: &Transaction<'_>,
    account: &Account,
    id: &str,
    status: &Status,
) -> Result<(), JournalError> {
    let select = "SELECT number, stage FROM jobs
                  WHERE base_url = ? AND fingerprint = ? AND id = ?";
    let mut statement = jobs.prepare(select)?;
    let stages = statement.query_map(params![account.base_url, account.key, id], |row| {
        Ok((row.get("number")?, row.get("stage")?))
    })?;
    let stages: Vec<(i64, String)> = stages.collect::<Result<_, _>>()?;
    for (number, stage) in stages {
        let stage = stage.parse().map_or(Stage::Ended, Stage::after_end);
        let update = "UPDATE jobs SET stage = ?, status = ? WHERE number = ?";
        jobs.execute(update, params![stage.name(), status.name(), number])?;
    }
    Ok(())
}

/// Records the saved files of every job of an account that has this id. Nothing is read, for the reason
/// that [`record_end`] has.
pub(crate) fn record_saved(
    jobs: &Transaction<'_>,
    account: &Account,
    id: &PredictionId,
    files: &[Downloaded],
) -> Result<(), JournalError> {
    let files = join(files.iter().map(|file| file.path.as_path()))?;
    let sql = "UPDATE jobs SET stage = ?, files = ?
               WHERE base_url = ? AND fingerprint = ? AND id = ?";
    let (url, fingerprint) = (&account.base_url, &account.key);
    let stage = Stage::Saved.name();
    jobs.execute(sql, params![stage, files, url, fingerprint, id.as_str()])?;
    Ok(())
}

/// Returns the number of a job as it is in the table. A number beyond the range of SQLite was never
/// given to a job; it becomes NULL, which matches no row.
pub(crate) fn row_number(job: JobNumber) -> Option<i64> {
    i64::try_from(job.get()).ok()
}

/// Reads the record of a job from a row with [`columns`].
pub(crate) fn read_record(row: &Row<'_>) -> Result<JobRecord, JournalError> {
    let reader = RowReader {
        row,
        number: row.get("number")?,
    };
    let number = reader.parse("number", |number: i64| u64::try_from(number))?;
    let model = reader.parse("model", |text: String| text.parse())?;
    let input = reader.parse("input", |text: String| serde_json::from_str(&text))?;
    let at = reader.parse("at", time)?;
    // A record does not contain its account, which the query has already selected.
    let no_account = Account::new("", "");
    let intent = Intent::new(&no_account, &model, &input, at);
    let mut job = JobRecord::new(JobNumber::new(number), &intent);
    job.target = reader.target()?;
    job.webhook = row.get("webhook")?;
    job.stage = reader.parse("stage", |word: String| word.parse::<Stage>())?;
    job.id = reader.parse("id", |id: Option<String>| {
        id.map(|id| id.parse()).transpose()
    })?;
    job.adopted = row.get("adopted")?;
    job.status = row.get::<_, Option<String>>("status")?.map(Status::from);
    job.files = reader.parse("files", |joined: Vec<u8>| split(&joined))?;
    Ok(job)
}

fn time(milliseconds: i64) -> Result<SystemTime, &'static str> {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    at.ok_or("it is out of range")
}

/// A reader of the values of one row, whose errors name the job and the column.
struct RowReader<'a> {
    row: &'a Row<'a>,
    number: i64,
}

impl RowReader<'_> {
    /// Reads a column and converts its value.
    fn parse<V: FromSql, T, E: ToString>(
        &self,
        column: &'static str,
        convert: impl FnOnce(V) -> Result<T, E>,
    ) -> Result<T, JournalError> {
        let (row, number) = (self.row, self.number);
        convert(row.get(column)?).map_err(|why| {
            let why = why.to_string();
            JournalError::Row {
                number,
                column,
                why,
            }
        })
    }

    fn target(&self) -> Result<Option<Target>, JournalError> {
        let (folder, force): (bool, bool) = (self.row.get("folder")?, self.row.get("force")?);
        self.parse("target", |bytes: Option<Vec<u8>>| {
            let path = bytes.map(|bytes| path(&bytes)).transpose()?;
            // The target is not looked up again: a folder stays one even if it was removed since.
            let target = if folder { Target::folder } else { Target::file };
            Ok::<_, std::str::Utf8Error>(path.map(|path| target(path).force(force)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_reverses_join() {
        for paths in [&[][..], &["/a"], &["/a b", "/c\n/d", "/é"], &["", "/e"]] {
            let joined = join(paths.iter().map(Path::new)).unwrap();
            assert_eq!(
                split(&joined).unwrap(),
                paths.iter().map(PathBuf::from).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn is_fingerprint_rejects_api_keys() {
        for (key, expected) in [
            ("0123456789ab", true),
            ("0123456789AB", false),
            ("0123456789abc", false),
            ("wsk_live_123", false),
            ("", false),
        ] {
            assert_eq!(
                is_fingerprint(&Account::new("https://a.b", key)),
                expected,
                "{key}"
            );
        }
    }

    #[test]
    fn time_out_of_range_is_an_error() {
        assert_eq!(
            time(1_500).unwrap(),
            UNIX_EPOCH + Duration::from_millis(1_500)
        );
        assert!(time(-1).is_err());
    }
}
