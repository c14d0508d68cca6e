//! Opening a journal that cannot be written: its disk is full, or it is on a read-only mount.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, open_error};
use super::{
    Access, Location, Opened, absolute, check, configure, has_log, journal_exists,
    keep_log_on_close,
};

/// Opens the journal at a path for reading only. Nothing is created or changed, except for the files beside
/// it by which SQLite coordinates processes.
pub(crate) fn open_read_only(path: &Path) -> Result<Opened, OpenError> {
    let path = &absolute(path)?;
    if !journal_exists(path)? {
        return Err(OpenError::Missing { path: path.clone() });
    }
    let location = Location::find(path)?;
    let connection = match connect(path, "mode=ro") {
        // SQLite needs a file beside the database to read its log. If the file cannot be created, the
        // database can be read without it, provided that there is no log: the last process has then
        // written everything into the database, and no other can begin a log where no file can be created.
        Err(OpenError::Unwritable { .. } | OpenError::Failed { .. }) if !has_log(path) => {
            connect(path, "immutable=1")?
        }
        connected => connected?,
    };
    Ok(Opened {
        path: path.clone(),
        location,
        connection,
    })
}

/// Opens and checks a connection with a parameter of SQLite's file URIs.
fn connect(path: &Path, parameter: &str) -> Result<Connection, OpenError> {
    let failed = |error| open_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?{parameter}", percent_encoded(path));
    let connection = Connection::open_with_flags(uri, flags).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    keep_log_on_close(&connection, true).map_err(failed)?;
    check(path, &connection, Access::Read)?;
    Ok(connection)
}

/// Returns a path as the part of a URI. Each byte that has a meaning there is encoded.
fn percent_encoded(path: &Path) -> String {
    // SQLite expects slashes, and one before the drive letter.
    let text = match cfg!(windows) {
        true => format!("/{}", path.to_string_lossy().replace('\\', "/")).into(),
        false => path.as_os_str().to_owned(),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~:".contains(&byte);
    let bytes = text.as_encoded_bytes().iter();
    let encode = |byte: &u8| match is_plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.map(encode).collect()
}
