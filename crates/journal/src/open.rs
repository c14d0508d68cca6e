//! From a path to a connection that can be trusted, or to an error that says what is in the way.
//! What is in the rows, it leaves to others.
//!
//! A journal is made under another name and moved to its place when it is whole. So a file that is
//! there is never half a journal, and one that is empty was not begun but lost.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::tables::jobs::{OPEN, first_columns, schema};
use crate::tables::{durations, jobs, uploads};

/// Tells a journal from the databases of other programs: "wave" in ASCII.
const APPLICATION: i32 = 0x7761_7665;
/// The version of the tables.
const VERSION: i32 = 3;
const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 2,
        schema: uploads::SCHEMA,
        verify: uploads::VERIFY,
    },
    Migration {
        version: 3,
        schema: durations::SCHEMA,
        verify: durations::VERIFY,
    },
    Migration {
        version: 3,
        schema: jobs::WEBHOOK,
        verify: jobs::WEBHOOK_VERIFY,
    },
];
/// The oldest version that can be used; it is brought up to date when it is opened.
const OLDEST: i32 = 1;
/// How long a call waits for its turn.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Up to this many pages (1 MiB), every page is looked at when a journal is opened.
const FULL_CHECK_PAGES: i64 = 256;

/// What a version has more than the one before it, and what fails if it does not.
struct Migration {
    version: i32,
    schema: &'static str,
    verify: &'static str,
}

/// Why a journal cannot be used. Nothing in the file was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is a folder.
    #[error("the journal {path} is a folder; name a file, such as {}", .path.join("journal.db").display())]
    Folder {
        /// The path.
        path: PathBuf,
    },
    /// There is something else.
    #[error("{path} is not a journal: {why}; name another file, or move this one away")]
    NotJournal {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// Something of it is lost.
    #[error(
        "the journal {path} is damaged: {why}; put back a copy, or save what can be read with \
         `sqlite3 FILE .recover` and move it away together with its -wal and -shm files, if it \
         has any"
    )]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// It was written by a newer version of this crate.
    #[error(
        "the journal {path} has version {version}, and this program knows versions up to {known}; \
         update the program, or name another file"
    )]
    Newer {
        /// The path.
        path: PathBuf,
        /// Its version.
        version: i32,
        /// The newest version that is known here.
        known: i32,
    },
    /// It cannot be made, or not be written to.
    #[error(
        "the journal {path} cannot be written: {why}; make the file and its folder writable, or \
         name another file"
    )]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another program does not let go of it.
    #[error(
        "the journal {path} is held by another program for over {} s; try again when that is done",
        BUSY_TIMEOUT.as_secs()
    )]
    Busy {
        /// The path.
        path: PathBuf,
    },
    /// Something else, in SQLite's words.
    #[error("the journal {path} cannot be opened: {why}; mend that, or name another file")]
    Failed {
        /// The path.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
}

/// Opens a journal, or makes one. Also gives its absolute path.
pub(crate) fn open(path: &Path) -> Result<(PathBuf, Connection), OpenError> {
    let path = &std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
    if !is_there(path)? {
        create(path)?;
    }
    let failed = |error| open_error(path, &error);
    let mut connection = connect(path).map_err(failed)?;
    // A journal that turns out to be in no order is left as it is, even when it is closed.
    leave(&connection, true).map_err(failed)?;
    let version = check(path, &connection)?;
    leave(&connection, false).map_err(failed)?;
    if version < VERSION {
        migrate(&mut connection).map_err(failed)?;
    }
    // It has this mode since it was made; but somebody may have changed it.
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        let why = format!("SQLite's write-ahead log does not work there (its mode is {mode})");
        return Err(OpenError::Failed {
            path: path.clone(),
            why,
        });
    }
    #[cfg(unix)]
    restrict_permissions(path);
    Ok((path.clone(), connection))
}

/// Whether there is a file that may be a journal. It is not opened: for a process that has it open
/// already, closing it again would end SQLite's locks (they are POSIX locks).
fn is_there(path: &Path) -> Result<bool, OpenError> {
    // In this order: when a journal is begun, its log comes after it.
    let log = fs::metadata(sidecar(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let damaged = |why: &str| OpenError::Damaged {
        path: path.into(),
        why: why.into(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => match log {
            // SQLite would mix it into the new journal.
            true => Err(damaged("the file is gone, and its -wal is still there")),
            false => Ok(false),
        },
        Err(error) => Err(unwritable(path, &error)),
        Ok(file) if file.is_dir() => Err(OpenError::Folder { path: path.into() }),
        Ok(file) if !file.is_file() => Err(OpenError::NotJournal {
            path: path.into(),
            why: "it is not a file".into(),
        }),
        // SQLite would begin it anew, and delete its log.
        Ok(file) if file.len() == 0 => Err(damaged("the file is empty")),
        Ok(_) => Ok(true),
    }
}

/// The name of a file that SQLite keeps beside a database. It follows links first, and so does this.
fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = fs::canonicalize(path)
        .unwrap_or_else(|_| path.into())
        .into_os_string();
    name.push(suffix);
    name.into()
}

/// Makes a journal without jobs. If another process was faster, its journal stays.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |error: &io::Error| unwritable(path, error);
    let folder = path.parent().unwrap_or(path);
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failed(&error))?;
    // Only its owner can read it, from the beginning; SQLite makes the files beside it alike.
    let file = tempfile::Builder::new()
        .prefix(".journal-")
        .suffix(".new")
        .tempfile_in(folder);
    let file = file.map_err(|error| failed(&error))?.into_temp_path();
    write_schema(&file).map_err(|error| open_error(path, &error))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(failed(&error.error)),
        _ => Ok(()),
    }
}

fn write_schema(path: &Path) -> rusqlite::Result<()> {
    let connection = connect(path)?;
    connection.execute_batch(&format!(
        "BEGIN; {} {} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};
         COMMIT; PRAGMA journal_mode = WAL;",
        schema(),
        added(OLDEST)
    ))?;
    connection.close().map_err(|(_, error)| error)
}

/// A connection whose commits are on disk when they return.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Where there is a fullfsync (macOS), nothing less reaches the disk.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    Ok(connection)
}

/// Whether the log stays as it is when the connection is closed.
fn leave(connection: &Connection, on: bool) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
}

/// Brings a journal up to date: all of it, or nothing. Older programs that have it open can go on,
/// since nothing is taken away from them.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let version = version(&transaction)?;
    if version < VERSION {
        let update = format!("{} PRAGMA user_version = {VERSION};", added(version));
        transaction.execute_batch(&update)?;
    }
    transaction.commit()
}

/// What newer journals have more than those of a version.
fn added(since: i32) -> String {
    let added = MIGRATIONS.iter().filter(|added| added.version > since);
    added.map(|added| added.schema).collect()
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether it is a journal, of a version that is known, writable and whole; and that version.
/// Nothing is written.
fn check(path: &Path, connection: &Connection) -> Result<i32, OpenError> {
    let failed = |error| open_error(path, &error);
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(failed)?;
    if application != APPLICATION {
        let why = "it is a database of another program".into();
        return Err(OpenError::NotJournal {
            path: path.into(),
            why,
        });
    }
    let version = version(connection).map_err(failed)?;
    if version > VERSION {
        return Err(OpenError::Newer {
            path: path.into(),
            version,
            known: VERSION,
        });
    }
    let damaged = |why| {
        Err(OpenError::Damaged {
            path: path.into(),
            why,
        })
    };
    if version < OLDEST {
        return damaged(format!("there is no version {version}"));
    }
    if connection.is_readonly("main").map_err(failed)? {
        return Err(unwritable(path, &ErrorKind::PermissionDenied.into()));
    }
    match verify(connection, version) {
        Ok(found) if found == "ok" => Ok(version),
        Ok(found) => damaged(found),
        // What is wrong with the words is wrong with the table.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            damaged(error.to_string())
        }
        Err(error) => Err(failed(error)),
    }
}

/// Looks at every page of a small journal, and at the ends of the table and the open jobs of a big
/// one: that takes a millisecond at most. That no page is missing, SQLite has seen by now.
fn verify(connection: &Connection, version: i32) -> rusqlite::Result<String> {
    let newest = format!(
        "SELECT {} FROM jobs ORDER BY number DESC LIMIT 1",
        first_columns()
    );
    connection.prepare(&newest)?.query([])?.next()?;
    let open = format!("SELECT count(*) FROM jobs INDEXED BY open_jobs WHERE {OPEN}");
    connection.query_row(&open, [], |_| Ok(()))?;
    for added in MIGRATIONS.iter().filter(|added| added.version <= version) {
        connection.prepare(added.verify)?;
    }
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > FULL_CHECK_PAGES {
        return Ok("ok".into());
    }
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
}

/// What others could read of a journal, they cannot from now on. Not all file systems know modes,
/// so that this fails is no reason not to use it.
#[cfg(unix)]
fn restrict_permissions(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for file in [path.into(), sidecar(path, "-wal"), sidecar(path, "-shm")] {
        let open = fs::metadata(&file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if open {
            _ = fs::set_permissions(&file, fs::Permissions::from_mode(0o600));
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unwritable {
        path: path.into(),
        why: error.to_string(),
    }
}

fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, why) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotJournal { path, why },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, why },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Busy { path },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull,
        ) => OpenError::Unwritable { path, why },
        _ => OpenError::Failed { path, why },
    }
}

#[cfg(test)]
mod tests;
