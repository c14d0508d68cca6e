//! The tables of uploads and of file hashes: their schema, queries and writes. The hashes save reading
//! a file that has not changed since it was uploaded.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use wavespeed::{Account, Content, FileState, UploadRecord};

use super::values::{self, integer, milliseconds};
use crate::error::JournalError;

/// The tables. A hash has no account: the content of a file is the same for all of them.
pub(super) const SCHEMA: &str = "
    CREATE TABLE uploads (
        base_url TEXT NOT NULL,
        account TEXT NOT NULL,                    -- name of the account
        sha256 TEXT NOT NULL,                     -- of the content, 64 hex digits
        extension TEXT NOT NULL,                  -- of the file name, in lower case
        bytes INTEGER NOT NULL,                   -- length
        url TEXT NOT NULL,
        at INTEGER NOT NULL,                      -- milliseconds since 1970
        kept_until INTEGER NOT NULL,              -- milliseconds since 1970
        PRIMARY KEY (base_url, account, sha256, extension)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hashes (
        path BLOB NOT NULL PRIMARY KEY,           -- absolute
        bytes INTEGER NOT NULL,                   -- length
        modified INTEGER NOT NULL,                -- nanoseconds since 1970
        sha256 TEXT NOT NULL                      -- of the content, 64 hex digits
    ) STRICT, WITHOUT ROWID;";

/// Returns the SHA-256 of a file that is in exactly this state.
pub(crate) fn find_hash(
    connection: &Connection,
    file: &FileState,
) -> Result<Option<String>, JournalError> {
    let Some(modified) = nanoseconds(file.modified) else {
        return Ok(None);
    };
    let sql = "SELECT sha256 FROM hashes WHERE path = ? AND bytes = ? AND modified = ?";
    let (path, bytes) = (values::bytes(&file.path)?, integer(file.bytes));
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_row(params![path, bytes, modified], |row| row.get(0));
    Ok(found.optional()?)
}

/// Returns the upload of a content.
pub(crate) fn find(
    connection: &Connection,
    account: &Account,
    content: &Content,
) -> Result<Option<UploadRecord>, JournalError> {
    let sql = "SELECT bytes, url, at, kept_until FROM uploads
               WHERE base_url = ? AND account = ? AND sha256 = ? AND extension = ?";
    let mut statement = connection.prepare(sql)?;
    let Content {
        sha256, extension, ..
    } = content;
    let key = params![account.base_url, account.name, sha256, extension];
    let found = statement.query_row(key, |row| read_record(row, content));
    Ok(found.optional()?)
}

fn read_record(row: &Row<'_>, content: &Content) -> rusqlite::Result<UploadRecord> {
    let time = |column| row.get(column).map(time);
    let (bytes, url): (i64, String) = (row.get("bytes")?, row.get("url")?);
    let mut upload = UploadRecord::new(content.clone(), bytes.unsigned_abs(), url, time("at")?);
    upload.kept_until = time("kept_until")?;
    Ok(upload)
}

/// Returns the time of a number of milliseconds since 1970. A number out of range, which only another
/// program can have written, counts as 1970: an upload of that time has expired.
fn time(milliseconds: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Writes an upload and the state of its file, and removes expired uploads and unused hashes.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    account: &Account,
    upload: &UploadRecord,
    file: Option<&FileState>,
) -> Result<(), JournalError> {
    let Content {
        sha256, extension, ..
    } = &upload.content;
    let at = milliseconds(upload.at);
    // The time of this upload stands for the present, so no second clock is involved.
    transaction.execute("DELETE FROM uploads WHERE kept_until <= ?", params![at])?;
    transaction.execute(
        "INSERT OR REPLACE INTO uploads
         (base_url, account, sha256, extension, bytes, url, at, kept_until)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            account.base_url,
            account.name,
            sha256,
            extension,
            integer(upload.bytes),
            upload.url,
            at,
            milliseconds(upload.kept_until),
        ],
    )?;
    // Without an exact time of the last change, the state of a file cannot be recognized.
    let file = file.and_then(|file| Some((file, nanoseconds(file.modified)?)));
    if let Some((file, modified)) = file {
        let (path, bytes) = (values::bytes(&file.path)?, integer(file.bytes));
        transaction.execute(
            "INSERT OR REPLACE INTO hashes (path, bytes, modified, sha256) VALUES (?, ?, ?, ?)",
            params![path, bytes, modified, sha256],
        )?;
    }
    let unused = "DELETE FROM hashes WHERE sha256 NOT IN (SELECT sha256 FROM uploads)";
    transaction.execute(unused, [])?;
    Ok(())
}

/// Removes an upload, and returns `true` if it was there.
pub(crate) fn forget(
    transaction: &Transaction<'_>,
    account: &Account,
    url: &str,
) -> Result<bool, JournalError> {
    let sql = "DELETE FROM uploads WHERE base_url = ? AND account = ? AND url = ?";
    let removed = transaction.execute(sql, params![account.base_url, account.name, url])?;
    Ok(removed > 0)
}

/// Returns the nanoseconds since 1970, or `None` if they do not fit. The hash of such a file is not
/// remembered.
fn nanoseconds(at: SystemTime) -> Option<i64> {
    let since = at.duration_since(UNIX_EPOCH);
    let before = |error: std::time::SystemTimeError| error.duration().as_nanos();
    match since.map_err(before) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before).ok().map(|before| -before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_exact_on_both_sides_of_1970() {
        let nanosecond = Duration::from_nanos(1);
        assert_eq!(nanoseconds(UNIX_EPOCH + nanosecond), Some(1));
        assert_eq!(nanoseconds(UNIX_EPOCH - nanosecond), Some(-1));
        let far = Duration::from_secs(400 * 366 * 24 * 60 * 60);
        assert_eq!(nanoseconds(UNIX_EPOCH + far), None);
    }

    #[test]
    fn time_out_of_range_is_1970() {
        assert_eq!(time(-1), UNIX_EPOCH);
        assert_eq!(time(1_500), UNIX_EPOCH + Duration::from_millis(1_500));
    }
}
