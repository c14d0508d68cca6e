//! Tests of `Journal::open`: which files it creates, opens, or refuses and leaves unchanged. The tests
//! prepare a file, open it as a journal, and compare its bytes before and after.

use std::fs;
use std::path::{Path, PathBuf};

use pollster::FutureExt as _;
use rusqlite::Connection;
use tempfile::TempDir;
use wavespeed::{Account, JobNumber, Store as _};
use wavespeed_journal::{Journal, OpenError};

use super::store::other_connection;

/// A journal of schema version 1 with two jobs.
const OLDEST: &str = include_str!("../../src/open/version-1.sql");

/// A temporary folder, and a path in it at which no file exists.
fn empty_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// A closed journal with this many jobs.
fn closed_journal(rows: usize) -> (TempDir, PathBuf) {
    let (folder, path) = empty_folder();
    drop(Journal::open(&path).unwrap());
    let sql = format!(
        "WITH RECURSIVE rows(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < {rows})
         INSERT INTO jobs (base_url, fingerprint, model, input, folder, force, at, stage)
         SELECT 'https://a.example', '0123456789ab', 'a/b', printf('%.1000c', 'x'), 0, 0, 0, 'saved'
         FROM rows"
    );
    let connection = Connection::open(&path).unwrap();
    connection.execute(&sql, []).unwrap();
    connection.close().unwrap();
    (folder, path)
}

/// The file names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = all
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

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
fn open_creates_the_journal_once_and_no_other_file() {
    let (folder, path) = empty_folder();
    let path = path.with_file_name("a").join("b").join("journal.db");
    drop(Journal::open(&path).unwrap());
    assert_eq!(names(path.parent().unwrap()), ["journal.db"]);
    let before = fs::read(&path).unwrap();
    assert_eq!(Journal::open(&path).unwrap().path(), path);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn concurrent_opens_create_one_journal() {
    let (folder, path) = empty_folder();
    let sql = "INSERT INTO jobs (base_url, fingerprint, model, input, folder, force, at, stage)
               VALUES ('', '', '', '', 0, 0, 0, '')";
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let journal = Journal::open(&path).unwrap();
                other_connection(&journal).execute(sql, []).unwrap();
            });
        }
    });
    // No thread replaced the file of another. SQLite's extra files may remain if the last two
    // connections close at the same time; a single connection removes them when it closes.
    let journal = Journal::open(&path).unwrap();
    let count = "SELECT count(*) FROM jobs";
    let connection = other_connection(&journal);
    let rows: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 8);
    drop(connection);
    drop(journal);
    assert_eq!(names(folder.path()), ["journal.db"]);
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_the_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = empty_folder();
    let home = path.with_file_name("state").join("wavespeed");
    let path = home.join("journal.db");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = [
        path.clone(),
        home.join("journal.db-wal"),
        home.join("journal.db-shm"),
    ];

    let journal = Journal::open(&path).unwrap();
    let account = Account::new("https://a.example", "0123456789ab");
    assert!(
        !journal
            .forget(&account, JobNumber::new(1))
            .block_on()
            .unwrap()
    );
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(home.parent().unwrap()), 0o700);
    for file in &files {
        assert_eq!(mode(file), 0o600, "{file:?}");
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    // The permissions of an existing folder are not changed.
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    let again = Journal::open(&path).unwrap();
    for file in &files {
        assert_eq!(mode(file), 0o600, "{file:?}");
    }
    assert_eq!(mode(&home), 0o755);
    drop((journal, again));
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
                    version: 4,
                    known: 3,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(fs::read(&log).unwrap(), before);
}

#[test]
fn damaged_journal_of_an_old_version_is_not_migrated() {
    let (_folder, path) = empty_folder();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(OLDEST).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.execute_batch("DROP INDEX open_jobs").unwrap();
    connection.close().unwrap();
    let error = open_error(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
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
        "DROP TABLE uploads",
        "DROP TABLE hashes",
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

#[test]
fn path_at_which_no_file_can_exist_is_unwritable() {
    let (_folder, path) = empty_folder();
    fs::write(&path, "x").unwrap();
    for below in [
        path.join("journal.db"),
        path.join("new").join("journal.db"),
        PathBuf::new(),
    ] {
        let error = Journal::open(&below).unwrap_err();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
        assert!(
            error.to_string().contains(&below.display().to_string()),
            "{error}"
        );
    }
}

#[test]
#[cfg(unix)]
fn read_only_file_or_folder_is_refused_when_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let (folder, path) = closed_journal(1);
    set(&path, 0o400).unwrap();
    set(folder.path(), 0o500).unwrap();
    let can_write = tempfile::tempfile_in(folder.path()).is_ok();
    let results = [
        Journal::open(folder.path().join("new.db")),
        Journal::open(folder.path().join("new").join("journal.db")),
        Journal::open(&path),
        {
            set(&path, 0o600).unwrap();
            Journal::open(&path)
        },
        {
            set(&path, 0o400).unwrap();
            set(folder.path(), 0o700).unwrap();
            Journal::open(&path)
        },
    ];
    for result in results {
        match result {
            // Root can write regardless of the mode.
            Ok(_) => assert!(can_write),
            Err(error) => assert!(matches!(error, OpenError::Unwritable { .. }), "{error}"),
        }
    }
}
