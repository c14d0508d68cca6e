//! Tests of the files that `Journal::open` refuses and leaves unchanged. The tests prepare a file, open it
//! as a journal, and compare its bytes before and after.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use wavespeed_journal::{Journal, OpenError};

use super::open::{closed_journal, empty_folder};
use super::store::other_connection;

/// The schema version of a database.
fn version(connection: &Connection) -> i32 {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Opens a file that is not a valid journal. Returns the error, after checking that the error names the
/// file and that the file is unchanged.
fn open_error(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = Journal::open(path).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    error
}

#[test]
fn folder_is_refused() {
    let (folder, path) = empty_folder();
    let error = Journal::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn file_of_another_format_is_refused_and_unchanged() {
    let (_folder, path) = empty_folder();
    for content in [
        "x".to_owned(),
        "no database ".repeat(20),
        "no database ".repeat(2_000),
    ] {
        fs::write(&path, content).unwrap();
        let error = open_error(&path);
        assert!(matches!(error, OpenError::NotJournal { .. }), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE jobs (x); ")
        .unwrap();
    other.close().unwrap();
    let error = open_error(&path);
    assert!(
        error.to_string().contains("a database of another program"),
        "{error}"
    );
}

#[test]
fn journal_of_a_newer_version_is_refused_and_unchanged() {
    let (folder, path) = closed_journal(1);
    let newer = Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", version(&newer) + 1)
        .unwrap();
    // The state that a killed process leaves: the write-ahead log must also stay unchanged.
    let killed = folder.path().join("killed.db");
    let log = folder.path().join("killed.db-wal");
    fs::copy(&path, &killed).unwrap();
    fs::copy(path.with_file_name("journal.db-wal"), &log).unwrap();
    newer.close().unwrap();
    let before = fs::read(&log).unwrap();
    for path in [&path, &killed] {
        let error = open_error(path);
        assert!(
            matches!(
                error,
                OpenError::Newer {
                    version: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(fs::read(&log).unwrap(), before);
}

/// A journal from before the first release, with as much of its tables as is read.
const UNRELEASED: &str = "
    CREATE TABLE jobs (number INTEGER PRIMARY KEY, target BLOB, stage TEXT NOT NULL, status TEXT);
    INSERT INTO jobs (target, stage, status) VALUES
        (NULL, 'intended', NULL), (NULL, 'unknown', NULL), (NULL, 'submitted', 'created'),
        (x'2f61', 'ended', 'completed'), (NULL, 'ended', 'completed'), (x'2f61', 'ended', 'failed'),
        (NULL, 'rejected', NULL), (x'2f61', 'saved', 'completed');
    PRAGMA application_id = 2002876005; PRAGMA user_version = 3; PRAGMA journal_mode = WAL;";

#[test]
fn unreleased_journal_is_refused_and_unchanged() {
    let (folder, path) = empty_folder();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(UNRELEASED).unwrap();
    // The state that a killed process leaves: the last job is in the log only.
    let job = "INSERT INTO jobs (stage) VALUES ('submitted')";
    connection.execute_batch(job).unwrap();
    let killed = folder.path().join("killed.db");
    let log = folder.path().join("killed.db-wal");
    fs::copy(&path, &killed).unwrap();
    fs::copy(path.with_file_name("journal.db-wal"), &log).unwrap();
    let before = fs::read(&log).unwrap();
    assert!(!before.is_empty());
    connection.close().unwrap();
    for path in [&path, &killed] {
        let error = open_error(path);
        let is_expected = matches!(
            error,
            OpenError::Unreleased {
                open_jobs: Some(5),
                ..
            }
        );
        assert!(is_expected, "{error}");
        for part in ["5 jobs are open", "-wal and -shm", "`wave history`"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(fs::read(&log).unwrap(), before);

    // Jobs that cannot be counted do not hide what the file is.
    let other = folder.path().join("other.db");
    let connection = Connection::open(&other).unwrap();
    let id = "CREATE TABLE runs (x); PRAGMA application_id = 2002876005;";
    connection.execute_batch(id).unwrap();
    connection.close().unwrap();
    let error = open_error(&other);
    let is_expected = matches!(
        error,
        OpenError::Unreleased {
            open_jobs: None,
            ..
        }
    );
    assert!(is_expected, "{error}");
    assert!(
        error.to_string().contains("unknown number of jobs"),
        "{error}"
    );
}

#[test]
fn truncated_journal_is_refused_and_not_recreated() {
    for (rows, left) in [
        (1, 0),
        (1, 3),
        (1, 4_096),
        (1, 5_000),
        (2_000, 40_960),
        (2_000, 2_000_000),
    ] {
        let (_folder, path) = closed_journal(rows);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        assert!(file.metadata().unwrap().len() > left);
        file.set_len(left).unwrap();
        drop(file);
        let error = open_error(&path);
        let expected = match left {
            3 => matches!(error, OpenError::NotJournal { .. }),
            _ => matches!(error, OpenError::Damaged { .. }),
        };
        assert!(expected, "{left}: {error}");
    }
}

#[test]
fn overwritten_page_is_detected() {
    let (_folder, path) = closed_journal(20);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 4_096;
    bytes[at..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = open_error(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn journal_with_a_missing_table_or_index_is_damaged() {
    for sql in [
        "DROP TABLE jobs",
        "DROP INDEX open_jobs",
        "DROP INDEX job_keys",
        "DROP INDEX job_ids",
        "DROP INDEX job_digests",
        "DROP TABLE files",
        "DROP TABLE attempts",
        "DROP INDEX attempt_ids",
        "DROP INDEX open_jobs; ALTER TABLE jobs DROP COLUMN forgotten",
        "DROP TABLE uploads",
        "DROP TABLE hashes",
        "DROP TABLE durations",
        "PRAGMA user_version = 0",
    ] {
        let (_folder, path) = closed_journal(1);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        let error = open_error(&path);
        assert!(matches!(error, OpenError::Damaged { .. }), "{sql}: {error}");
    }
}

#[test]
fn leftover_log_without_its_journal_is_refused() {
    let (folder, path) = empty_folder();
    let journal = Journal::open(&path).unwrap();
    let connection = other_connection(&journal);
    connection
        .pragma_update(None, "user_version", version(&connection))
        .unwrap();
    // The state that a killed process leaves.
    let killed = folder.path().join("killed.db");
    fs::copy(
        path.with_file_name("journal.db-wal"),
        folder.path().join("killed.db-wal"),
    )
    .unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(&killed, "").unwrap();
        }
        let error = Journal::open(&killed).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(killed.exists(), empty);
        assert!(
            fs::metadata(folder.path().join("killed.db-wal"))
                .unwrap()
                .len()
                > 0
        );
    }
}
