use tempfile::TempDir;

use super::*;
use crate::Journal;

/// A folder, and a path in it where there is nothing yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

#[test]
fn what_is_written_is_on_disk() {
    let (_folder, path) = place();
    let journal = Journal::open(&path).unwrap();
    let connection = journal.connection.lock().unwrap();
    let is = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(is("synchronous"), 2, "FULL");
    assert_eq!(is("fullfsync"), 1);
    assert_eq!(is("checkpoint_fullfsync"), 1);
    assert_eq!(is("busy_timeout"), 5_000);
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

/// A journal as the last program of a version left it.
fn old(version: i32) -> (TempDir, PathBuf) {
    let (folder, path) = place();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("version-1.sql")).unwrap();
    for added in MIGRATIONS.iter().filter(|added| added.version <= version) {
        old.execute_batch(added.schema).unwrap();
    }
    old.pragma_update(None, "user_version", version).unwrap();
    old.close().unwrap();
    (folder, path)
}

/// All that is in a journal but its version, in SQL.
fn tables(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut all = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    all.unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_old_journal_becomes_a_new_one_and_loses_nothing() {
    (OLDEST..VERSION).for_each(becomes_new);
}

fn becomes_new(since: i32) {
    let (_old, path) = old(since);
    let (_new, new) = place();
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
        let journal = Journal::open(&path).unwrap();
        let connection = journal.connection.lock().unwrap();
        assert_eq!(version(&connection).unwrap(), VERSION);
        assert_eq!(rows(&connection), expected);
    }
    assert_eq!(tables(&path), tables(&new));
    let account = wavespeed::Account::new("http://127.0.0.1:8787/api/v3", "91c477bfb062");
    let journal = Journal::open(&path).unwrap();
    let jobs = wavespeed::Store::jobs(&journal, &account, wavespeed::JobFilter::All).unwrap();
    assert_eq!(jobs.len(), 2);
}

#[test]
fn many_may_bring_it_up_to_date_at_once() {
    let (_folder, path) = old(OLDEST);
    // As one that an old program still has open.
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
fn who_holds_it_for_long_is_told_of() {
    let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    let error = open_error(
        Path::new("/a"),
        &rusqlite::Error::SqliteFailure(error, None),
    );
    let expected = "the journal /a is held by another program for over 5 s; try again when that \
                    is done";
    assert_eq!(error.to_string(), expected);
}
