//! Tests of `Journal::open`: which files it creates, and with which permissions.

use std::fs;
use std::path::{Path, PathBuf};

use pollster::FutureExt as _;
use rusqlite::Connection;
use tempfile::TempDir;
use wavespeed::{JobNumber, Store as _};
use wavespeed_journal::{Journal, OpenError};

use super::store::other_connection;

/// The columns of the table of jobs that have no default value.
const COLUMNS: &str =
    "base_url, account, key_fingerprint, model, body, digest, parts, folder, force,
    at, stage, serialised, forgotten";

/// A temporary folder, and a path in it at which no file exists.
pub(super) fn empty_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// A closed journal with this many jobs.
pub(super) fn closed_journal(rows: usize) -> (TempDir, PathBuf) {
    let (folder, path) = empty_folder();
    drop(Journal::open(&path).unwrap());
    let sql = format!(
        "WITH RECURSIVE rows(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < {rows})
         INSERT INTO jobs ({COLUMNS})
         SELECT 'https://a.example', 'default', '', 'a/b', printf('%.1000c', 'x'), n, '{{}}', 0, 0, 0,
         'saved', 0, 0 FROM rows"
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
    let sql = &format!(
        "INSERT INTO jobs ({COLUMNS}) VALUES ('', '', '', '', '', '', '', 0, 0, 0, '', 0, 0)"
    );
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
    assert!(!journal.forget(JobNumber::new(1)).block_on().unwrap());
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
