use tempfile::TempDir;

use super::*;
use crate::Journal;

/// Returns a temporary folder and the path of a file in it that does not exist.
fn new_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

#[test]
fn commits_are_on_disk() {
    let (_folder, path) = new_path();
    let (_, connection) = open(&path).unwrap();
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

/// Creates a journal as the last program that wrote a version left it.
fn old_journal(version: i32) -> (TempDir, PathBuf) {
    let (folder, path) = new_path();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(include_str!("version-1.sql"))
        .unwrap();
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version <= version)
    {
        connection.execute_batch(migration.schema).unwrap();
    }
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
    connection.close().unwrap();
    (folder, path)
}

/// Returns the names and the SQL of all tables and indices of a journal.
fn tables(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut all = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    all.unwrap().map(Result::unwrap).collect()
}

#[test]
fn migration_loses_nothing_and_gives_the_current_schema() {
    (OLDEST..VERSION).for_each(migration_works_since);
}

fn migration_works_since(since: i32) {
    let (_old, path) = old_journal(since);
    let (_new, new) = new_path();
    drop(Journal::open(&new).unwrap());
    let before = "SELECT group_concat(concat_ws('|', number, base_url, fingerprint, model, input,
                  quote(target), folder, force, at, stage, quote(id), adopted, quote(status),
                  hex(files)), char(10)) FROM jobs";
    let rows = |connection: &Connection| -> String {
        connection.query_row(before, [], |row| row.get(0)).unwrap()
    };
    let expected = rows(&Connection::open(&path).unwrap());
    assert!(
        expected.contains("b096b089e455be05f9cb3f9d10216c91"),
        "{expected}"
    );
    for _ in 0..2 {
        let (_, connection) = open(&path).unwrap();
        assert_eq!(version(&connection).unwrap(), VERSION);
        assert_eq!(rows(&connection), expected);
    }
    assert_eq!(tables(&path), tables(&new));
    let account = wavespeed::Account::new("http://127.0.0.1:8787/api/v3", "91c477bfb062");
    let journal = Journal::open(&path).unwrap();
    let jobs = wavespeed::Store::jobs(&journal, &account, wavespeed::JobFilter::All);
    let jobs = pollster::block_on(jobs).unwrap();
    assert_eq!(jobs.len(), 2);
}

#[test]
fn several_processes_may_migrate_at_once() {
    let (_folder, path) = old_journal(OLDEST);
    // Stands for an older program that still has the journal open.
    let other = connect(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Journal::open(&path).unwrap());
        }
    });
    assert_eq!(version(&other).unwrap(), VERSION);
    let gone = other.execute("DELETE FROM jobs", []).unwrap();
    assert_eq!(gone, 2);
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
