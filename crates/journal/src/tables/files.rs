//! The table of the saved outputs of jobs: its schema, queries and writes.

use rusqlite::{Row, Transaction, params};
use wavespeed::Downloaded;

use super::reader::RowReader;
use super::values::{bytes, integer, path};
use crate::error::JournalError;

/// The table.
pub(super) const SCHEMA: &str = "
    CREATE TABLE files (
        job INTEGER NOT NULL,                     -- number of the job
        number INTEGER NOT NULL,                  -- of the output, counted from 1
        position INTEGER NOT NULL,                -- among the files of the job, counted from 0
        path BLOB NOT NULL,                       -- absolute
        url TEXT NOT NULL,                        -- of the output
        bytes INTEGER NOT NULL,                   -- length
        sha256 TEXT NOT NULL,                     -- of the content, 64 hex digits
        PRIMARY KEY (job, position)
    ) STRICT, WITHOUT ROWID;";

/// Replaces the files of a job.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    job: i64,
    files: &[Downloaded],
) -> Result<(), JournalError> {
    remove(transaction, job)?;
    let sql = "INSERT INTO files (job, position, number, path, url, bytes, sha256)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut insert = transaction.prepare(sql)?;
    for (position, file) in (0_i64..).zip(files) {
        let number = i64::try_from(file.number).unwrap_or(i64::MAX);
        let (path, length) = (bytes(&file.path)?, integer(file.bytes));
        insert.execute(params![
            job,
            position,
            number,
            path,
            file.url,
            length,
            file.sha256
        ])?;
    }
    Ok(())
}

/// Removes the files of a job from the table. The files themselves stay.
pub(super) fn remove(transaction: &Transaction<'_>, job: i64) -> Result<(), JournalError> {
    transaction.execute("DELETE FROM files WHERE job = ?", [job])?;
    Ok(())
}

/// Returns the query for the files of the jobs that fulfil a condition, in the order of their jobs.
pub(crate) fn query(condition: &str) -> String {
    format!(
        "SELECT job, number, path, url, bytes, sha256 FROM files
         WHERE job IN (SELECT number FROM jobs WHERE {condition}) ORDER BY job, position"
    )
}

/// Returns the files of a job that can be read. Another one must not keep new files from being recorded.
pub(super) fn readable(
    transaction: &Transaction<'_>,
    job: i64,
) -> Result<Vec<Downloaded>, JournalError> {
    let sql =
        "SELECT job, number, path, url, bytes, sha256 FROM files WHERE job = ? ORDER BY position";
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query([job])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        files.extend(read(row).map(|(_, file)| file).ok());
    }
    Ok(files)
}

/// Reads a file, and the number of its job.
pub(super) fn read(row: &Row<'_>) -> Result<(u64, Downloaded), JournalError> {
    let reader = RowReader::new(row, "files", "job")?;
    let file = Downloaded::new(
        reader.parse("number", |number: i64| usize::try_from(number))?,
        reader.parse("path", |bytes: Vec<u8>| path(&bytes))?,
        reader.get::<String>("url")?,
        reader.parse("bytes", |bytes: i64| u64::try_from(bytes))?,
        reader.get::<String>("sha256")?,
    );
    Ok((reader.job(), file))
}
