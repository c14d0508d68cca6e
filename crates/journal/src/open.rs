//! Opening a journal: from a path to a connection that can be trusted, or to an error that says how
//! to fix the problem.
//!
//! A journal is created under another name, and moved to its place only when it is complete. So a file
//! at the path is never half a journal, and an empty file means that a journal was lost, not that one
//! was just begun. An existing file is checked before anything is written to it, so that a file which
//! is not a journal, is newer or is damaged stays as it is.

mod error;
mod location;
mod probe;
mod read_only;

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

pub use self::error::OpenError;
use self::error::{open_error, unwritable};
pub(crate) use self::location::Location;
pub(crate) use self::read_only::open_read_only;
use crate::error::BUSY_TIMEOUT;
use crate::tables::jobs::{COLUMNS, IS_OPEN};
use crate::tables::{VERIFY, schema};

/// The application id in the header of the file, which distinguishes journals from the databases of
/// other programs: "wvsp" in ASCII.
const APPLICATION: i32 = 0x7776_7370;
/// The application id of the journals from before the first release: "wave" in ASCII.
const UNRELEASED: i32 = 0x7761_7665;
/// The current version of the tables.
const VERSION: i32 = 1;
/// The number of pages (1 MiB) up to which every page is checked when a journal is opened. The check
/// of a larger journal would delay the start of a program.
const FULL_CHECK_PAGES: i64 = 256;

/// A journal that was opened.
pub(crate) struct Opened {
    /// The absolute path by which the journal was opened, for messages.
    pub(crate) path: PathBuf,
    /// The place of the file. The files of claims are beside it.
    pub(crate) location: Location,
    /// The connection.
    pub(crate) connection: Connection,
}

/// Opens the journal at a path, or creates one if there is none.
pub(crate) fn open(path: &Path) -> Result<Opened, OpenError> {
    let path = &absolute(path)?;
    if !journal_exists(path)? {
        create(path)?;
    }
    let location = Location::find(path)?;
    let connection = open_existing(path).map_err(|error| probe::explain(path, error))?;
    #[cfg(unix)]
    restrict_permissions(path);
    Ok(Opened {
        path: path.clone(),
        location,
        connection,
    })
}

/// Returns the absolute path: the current folder may change while the journal is open.
fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(|error| unwritable(path, &error))
}

/// The purpose of a connection.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    Read,
    Write,
}

/// Opens a journal that exists.
fn open_existing(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error| open_error(path, &error);
    let connection = connect(path).map_err(failed)?;
    // Closing the last connection writes the log into the database. If a check fails, that must not
    // happen: the log may hold what is needed to repair the file.
    keep_log_on_close(&connection, true).map_err(failed)?;
    check(path, &connection, Access::Write)?;
    keep_log_on_close(&connection, false).map_err(failed)?;
    // All checks have passed, so from here on the file may be changed. Journals are created in this mode,
    // but another program may have changed it.
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        let why = format!("SQLite's write-ahead log does not work there (its mode is {mode})");
        return Err(OpenError::Failed {
            path: path.into(),
            why,
        });
    }
    Ok(connection)
}

/// Returns `true` if there is a file that may be a journal, `false` if a journal can be created.
///
/// The file is not opened. SQLite uses POSIX locks, and these have a trap: when a process closes any
/// handle of a file, it loses all its locks on that file, also those of a connection that it has open.
fn journal_exists(path: &Path) -> Result<bool, OpenError> {
    // The log is looked up before the database. Another process that creates a journal at this moment
    // writes the log last, so in the other order a new journal could look like a log without database.
    let has_log = has_log(path);
    let damaged = |why: &str| OpenError::Damaged {
        path: path.into(),
        why: why.into(),
    };
    match fs::metadata(path) {
        // SQLite would apply the log of the lost journal to the new one.
        Err(error) if error.kind() == ErrorKind::NotFound && has_log => {
            Err(damaged("the file is gone, and its -wal is still there"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unwritable(path, &error)),
        Ok(file) if file.is_dir() => Err(OpenError::Folder { path: path.into() }),
        // A device or a pipe.
        Ok(file) if !file.is_file() => Err(OpenError::NotJournal {
            path: path.into(),
            why: "it is not a file".into(),
        }),
        // SQLite would take it for a new database, and delete the log with the last jobs.
        Ok(file) if file.len() == 0 => Err(damaged("the file is empty")),
        Ok(_) => Ok(true),
    }
}

/// Returns `true` if a database has a log with something in it.
fn has_log(path: &Path) -> bool {
    fs::metadata(sidecar(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Returns the path of a file that SQLite keeps beside a database. SQLite resolves symbolic links
/// first, and so does this function.
fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = fs::canonicalize(path)
        .unwrap_or_else(|_| path.into())
        .into_os_string();
    name.push(suffix);
    name.into()
}

/// Creates a journal without jobs. If another process creates one at the same time, the first one
/// stays.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |error: &io::Error| unwritable(path, error);
    let folder = path.parent().unwrap_or(path);
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failed(&error))?;
    // A temporary file has mode 0600 from the start, and SQLite gives the files beside a database the
    // mode of the database. It is in the same folder because a move between disks is not atomic.
    let file = tempfile::Builder::new()
        .prefix(".journal-")
        .suffix(".new")
        .tempfile_in(folder);
    let file = file.map_err(|error| failed(&error))?.into_temp_path();
    write_schema(&file).map_err(|error| open_error(path, &error))?;
    // A move that replaced an existing file would lose the jobs another process has just recorded.
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(failed(&error.error)),
        _ => Ok(()),
    }
}

fn write_schema(path: &Path) -> rusqlite::Result<()> {
    let connection = connect(path)?;
    connection.execute_batch(&format!(
        "BEGIN; {} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};
         COMMIT; PRAGMA journal_mode = WAL;",
        schema()
    ))?;
    // Writes the log into the database. Only the database is moved to its place.
    connection.close().map_err(|(_, error)| error)
}

/// Opens a connection whose commits are on disk when they return.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_CREATE: only `create` may create a file. Without a mutex of SQLite: the
    // connection has one in `Journal`.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Makes the settings of a connection, none of which is kept in the file.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // On macOS `fsync` does not wait for the disk, only `fullfsync` does. The last two settings are
    // against files that were manipulated or damaged.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )
}

/// Sets whether the log stays as it is when the connection is closed.
fn keep_log_on_close(connection: &Connection, keep: bool) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
}

/// Checks that a database is a journal, of a known version, undamaged, and writable if it is to be written.
/// Nothing is written.
/// The checks are in the order in which each makes sense only if those
/// before have passed: the version of another program's database means nothing.
fn check(path: &Path, connection: &Connection, access: Access) -> Result<(), OpenError> {
    let failed = |error| open_error(path, &error);
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(failed)?;
    if application == UNRELEASED {
        return Err(OpenError::Unreleased {
            path: path.into(),
            open_jobs: count_unreleased(connection),
        });
    }
    if application != APPLICATION {
        let why = "it is a database of another program".into();
        return Err(OpenError::NotJournal {
            path: path.into(),
            why,
        });
    }
    let version: i32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
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
    if version < VERSION {
        return damaged(format!("there is no version {version}"));
    }
    // SQLite opens a file that cannot be written as read-only without an error. Found here, this
    // fails before the first paid request and not after it.
    if access == Access::Write && connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(unwritable(path, &ErrorKind::PermissionDenied.into()));
    }
    match verify(connection) {
        Ok(result) if result == "ok" => Ok(()),
        Ok(result) => damaged(result),
        // SQLite reports a missing table or column as an error in the SQL. The SQL is right, so the
        // tables are wrong.
        Err(rusqlite::Error::SqlInputError { msg, .. }) => damaged(msg),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            damaged(error.to_string())
        }
        Err(error) => Err(failed(error)),
    }
}

/// Returns the number of open jobs in a journal from before the first release, or `None` if it cannot be
/// read.
fn count_unreleased(connection: &Connection) -> Option<u64> {
    let sql = "SELECT count(*) FROM jobs WHERE stage IN ('intended', 'unknown', 'submitted')
               OR (stage = 'ended' AND target IS NOT NULL AND status = 'completed')";
    let count: rusqlite::Result<i64> = connection.query_row(sql, [], |row| row.get(0));
    count.ok()?.try_into().ok()
}

/// Verifies the tables, and returns "ok" or the damage that was found. Of a small journal every page
/// is read; of a large one the newest job and the index of open jobs, which takes a millisecond at
/// most. That the file is as long as its header says, SQLite has checked before.
fn verify(connection: &Connection) -> rusqlite::Result<String> {
    let newest = format!("SELECT {COLUMNS} FROM jobs ORDER BY number DESC LIMIT 1");
    connection.prepare(&newest)?.query([])?.next()?;
    let open = format!("SELECT count(*) FROM jobs INDEXED BY open_jobs WHERE {IS_OPEN}");
    connection.query_row(&open, [], |_| Ok(()))?;
    for query in VERIFY {
        connection.prepare(query)?;
    }
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > FULL_CHECK_PAGES {
        return Ok("ok".into());
    }
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
}

/// Removes the access of other users to a journal and the files beside it. An error is ignored, since
/// not all file systems have modes.
#[cfg(unix)]
fn restrict_permissions(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for file in [path.into(), sidecar(path, "-wal"), sidecar(path, "-shm")] {
        let is_accessible =
            fs::metadata(&file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if is_accessible {
            _ = fs::set_permissions(&file, fs::Permissions::from_mode(0o600));
        }
    }
}

#[cfg(test)]
mod tests;
