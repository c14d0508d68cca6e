//! The errors of an open journal, and their conversion to the error of a store.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;
use wavespeed::{JobNumber, StoreError, StoreErrorKind, serde_json};

/// The time that a call waits for other processes before it fails.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The error of a read or a write.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// An error of SQLite.
    #[error("{0}{hint}", hint = hint(.0))]
    Sql(#[from] rusqlite::Error),
    /// The lock file of a job could not be created, opened or locked.
    #[error("{0} could not be claimed: {1}; {hint}", hint = claim_hint(.1))]
    Claim(JobNumber, io::Error),
    /// The journal was opened for reading only.
    #[error("it is open for reading only, so nothing can be recorded")]
    ReadOnly,
    /// The file is not where it was opened, so other processes lock other files.
    #[error(
        "{0} could not be claimed: {1}, so other programs would not see the claim; put the file back \
         under its only name, then start this program again"
    )]
    Moved(JobNumber, String),
    /// The rules of the record refuse the change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row has a value that this crate does not write.
    #[error(
        "j{number} has a {column} that cannot be read: {why}; fix the row in the table {table}, or \
         forget the job"
    )]
    Row {
        /// The number of the job.
        number: i64,
        /// The table of the row.
        table: &'static str,
        /// The column of the value.
        column: &'static str,
        /// The reason.
        why: String,
    },
    /// The fingerprint of an API key is not one. It may be an API key, so the error does not show it.
    #[error(
        "the fingerprint of the API key is not 12 lowercase hex digits; an API key is never written \
         down"
    )]
    Fingerprint,
    /// The parts of an identity have no JSON text.
    #[error("the identity of the input cannot be kept: {0}")]
    Parts(serde_json::Error),
    /// A path is not Unicode, on a system where paths are not bytes.
    #[cfg(not(unix))]
    #[error("the path {0:?} is not Unicode and cannot be kept; choose another path")]
    Path(std::path::PathBuf),
    /// The library has a variant that this crate does not know.
    #[error("this {0} is newer than the journal; update wavespeed-journal")]
    Unsupported(&'static str),
}

impl JournalError {
    /// Adds the path of the journal.
    pub(crate) fn into_store_error(self, path: &Path) -> StoreError {
        let kind = match &self {
            Self::Store(error) => error.kind(),
            _ => StoreErrorKind::Failed,
        };
        let message = format!("the journal {}: {self}", path.display());
        StoreError::of_kind(kind, message)
    }
}

/// Returns `true` if a lock failed because the file system has none.
pub(crate) fn is_without_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// Returns how to fix an error of a lock file.
fn claim_hint(error: &io::Error) -> &'static str {
    match is_without_locks(error) {
        true => "its file system has no file locks, so move the journal to a local disk",
        false => "free space on its disk, and make its folder writable",
    }
}

/// Returns how to fix an error of SQLite, to be appended to its message.
fn hint(error: &rusqlite::Error) -> String {
    let hint = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return format!(
                "; another program has locked it for over {} s, try again when that program is done",
                BUSY_TIMEOUT.as_secs()
            );
        }
        Some(ErrorCode::DiskFull) => "; free space on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; make the file and its folder writable"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; the file is damaged, `sqlite3 FILE .recover` saves what can be read"
        }
        _ => "",
    };
    hint.to_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn file_system_without_locks_is_named() {
        for (errno, expected) in [
            (Errno::NOLCK, true),
            (Errno::OPNOTSUPP, true),
            (Errno::NOSYS, true),
            (Errno::NOSPC, false),
            (Errno::ACCESS, false),
        ] {
            let error = JournalError::Claim(JobNumber::new(7), errno.into());
            let is_named = error.to_string().contains("has no file locks");
            assert_eq!(is_named, expected, "{error}");
        }
    }
}
