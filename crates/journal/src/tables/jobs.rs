//! The table of jobs, and how a job is written in it and read from it. Which are asked for, and
//! when, it leaves to the store.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Row;
use rusqlite::types::FromSql;
use wavespeed::serde_json::{self, Value};
use wavespeed::{Account, Intent, JobNumber, JobRecord, Stage, Status, Target};

use crate::error::JournalError;

/// What a journal of version 1 is made of. Every change needs a new version (see
/// [`open`](crate::open)).
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
         CREATE INDEX open_jobs ON jobs (base_url, fingerprint) WHERE {OPEN};
         CREATE INDEX known_jobs ON jobs (base_url, fingerprint, id) WHERE id IS NOT NULL;"
    )
}

/// [`JobRecord::is_open`] in SQL. The index serves it only if both have it in the same words.
pub(crate) const OPEN: &str = "(stage IN ('intended', 'unknown', 'submitted')
    OR (stage = 'ended' AND target IS NOT NULL AND status = 'completed'))";

/// What version 3 has more of a job: where the vendor is to report its end.
pub(crate) const WEBHOOK: &str = "ALTER TABLE jobs ADD COLUMN webhook TEXT;";
/// Fails unless that is there.
pub(crate) const WEBHOOK_VERIFY: &str = "SELECT webhook FROM jobs LIMIT 0";

/// Those of version 1.
const COLUMNS: [&str; 12] = [
    "number", "model", "input", "target", "folder", "force", "at", "stage", "id", "adopted",
    "status", "files",
];

/// The columns that [`record`] reads.
pub(crate) fn columns() -> String {
    format!("{}, webhook", first_columns())
}

/// Those of them that every version has.
pub(crate) fn first_columns() -> String {
    COLUMNS.join(", ")
}

/// What is computed of an intent to be written.
pub(crate) struct Fields {
    pub(crate) input: String,
    pub(crate) target: Option<Vec<u8>>,
    pub(crate) folder: bool,
    pub(crate) force: bool,
    pub(crate) at: i64,
}

impl Fields {
    pub(crate) fn of(intent: &Intent<'_>) -> Result<Self, JournalError> {
        if !is_fingerprint(intent.account) {
            return Err(JournalError::Fingerprint);
        }
        let target = intent.target;
        Ok(Self {
            input: json(intent.input)?,
            target: target.map(|target| bytes(target.as_path())).transpose()?,
            folder: target.is_some_and(Target::is_folder),
            force: target.is_some_and(Target::is_force),
            at: milliseconds(intent.at),
        })
    }
}

/// Milliseconds since 1970. A clock before that is wrong anyway.
pub(crate) fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn is_fingerprint(account: &Account) -> bool {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    account.key.len() == 12 && account.key.bytes().all(is_hex)
}

/// An input that cannot be read again (it is nested too deep) would stand in the way of all others.
fn json(input: &Value) -> Result<String, JournalError> {
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

/// Paths as one value: each ends with the one byte that is in no path.
pub(crate) fn join<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Vec<u8>, JournalError> {
    let mut joined = Vec::new();
    for path in paths {
        joined.extend(bytes(path)?);
        joined.push(0);
    }
    Ok(joined)
}

fn split(joined: &[u8]) -> Result<Vec<PathBuf>, std::str::Utf8Error> {
    let each = joined.split_inclusive(|byte| *byte == 0);
    each.map(|one| path(one.strip_suffix(&[0]).unwrap_or(one)))
        .collect()
}

/// Reads a row of [`columns`].
pub(crate) fn record(row: &Row<'_>) -> Result<JobRecord, JournalError> {
    let reader = Reader {
        row,
        number: row.get("number")?,
    };
    let number = reader.made("number", |number: i64| u64::try_from(number))?;
    let model = reader.made("model", |text: String| text.parse())?;
    let input = reader.made("input", |text: String| serde_json::from_str(&text))?;
    let at = reader.made("at", time)?;
    // Whose it is was asked for, and is not part of a record.
    let nobody = Account::new("", "");
    let intent = Intent::new(&nobody, &model, &input, at);
    let mut job = JobRecord::new(JobNumber::new(number), &intent);
    job.target = reader.target()?;
    job.webhook = row.get("webhook")?;
    job.stage = reader.made("stage", |word: String| word.parse::<Stage>())?;
    job.id = reader.made("id", |id: Option<String>| {
        id.map(|id| id.parse()).transpose()
    })?;
    job.adopted = row.get("adopted")?;
    job.status = row.get::<_, Option<String>>("status")?.map(Status::from);
    job.files = reader.made("files", |joined: Vec<u8>| split(&joined))?;
    Ok(job)
}

fn time(milliseconds: i64) -> Result<SystemTime, &'static str> {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    at.ok_or("it is out of range")
}

/// Reads values, and names the job and the column of one that cannot be read.
struct Reader<'a> {
    row: &'a Row<'a>,
    number: i64,
}

impl Reader<'_> {
    fn made<V: FromSql, T, E: ToString>(
        &self,
        column: &'static str,
        create: impl FnOnce(V) -> Result<T, E>,
    ) -> Result<T, JournalError> {
        let (row, number) = (self.row, self.number);
        create(row.get(column)?).map_err(|why| {
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
        self.made("target", |bytes: Option<Vec<u8>>| {
            let path = bytes.map(|bytes| path(&bytes)).transpose()?;
            // What was a folder stays one, even if it is not there now.
            let target = if folder { Target::folder } else { Target::file };
            Ok::<_, std::str::Utf8Error>(path.map(|path| target(path).force(force)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_as_they_were_joined() {
        for paths in [&[][..], &["/a"], &["/a b", "/c\n/d", "/é"], &["", "/e"]] {
            let joined = join(paths.iter().map(Path::new)).unwrap();
            assert_eq!(
                split(&joined).unwrap(),
                paths.iter().map(PathBuf::from).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn only_a_fingerprint_is_one() {
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
    fn a_time_out_of_range_is_an_error() {
        assert_eq!(
            time(1_500).unwrap(),
            UNIX_EPOCH + Duration::from_millis(1_500)
        );
        assert!(time(-1).is_err());
    }
}
