use tempfile::TempDir;

use super::*;

/// Returns a temporary folder and the path of a file in it that does not exist.
fn new_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

#[test]
fn commits_are_on_disk() {
    let (_folder, path) = new_path();
    let connection = open(&path).unwrap().connection;
    let setting = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(setting("synchronous"), 2, "FULL");
    assert_eq!(setting("fullfsync"), 1);
    assert_eq!(setting("checkpoint_fullfsync"), 1);
    assert_eq!(setting("busy_timeout"), 5_000);
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn busy_error_says_that_another_program_holds_the_lock() {
    let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    let error = open_error(
        Path::new("/a"),
        &rusqlite::Error::SqliteFailure(error, None),
    );
    let expected = "the journal /a has been locked by another program for over 5 s; try again when \
                    that program is done";
    assert_eq!(error.to_string(), expected);
}
