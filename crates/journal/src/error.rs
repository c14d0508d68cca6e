//! What can go wrong with a journal that is open, in words. What follows from it, it leaves to the
//! caller.

use std::path::Path;

use rusqlite::ErrorCode;
use wavespeed::{JobNumber, StoreError};

/// Why something was not written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// SQLite says so.
    #[error("{0}{fix}", fix = fix(.0))]
    Sql(#[from] rusqlite::Error),
    /// The file that claims a job could not be made.
    #[error("{0} could not be claimed: {1}; make room on its disk, and its folder writable")]
    Claim(JobNumber, std::io::Error),
    /// What was to be written contradicts what is there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not as this crate writes it.
    #[error("j{number} has a {column} that cannot be read: {why}; mend it, or forget the job")]
    Row {
        /// The number of the job.
        number: i64,
        /// What of it.
        column: &'static str,
        /// What is wrong.
        why: String,
    },
    /// What was given as the fingerprint could be a key, so it is not shown.
    #[error(
        "the fingerprint of the key is not 12 lowercase hex digits; a key is never written down"
    )]
    Fingerprint,
    /// The input could not be sent again.
    #[error("the input cannot be kept: {0}")]
    Input(String),
    /// Only on systems where a path is not bytes.
    #[cfg(not(unix))]
    #[error("the path {0:?} is not Unicode, and cannot be kept: choose another")]
    Path(std::path::PathBuf),
    /// The library knows more than this crate.
    #[error("this {0} is newer than the journal: use the wavespeed-journal that belongs to it")]
    Later(&'static str),
}

impl JournalError {
    /// With the name of the journal.
    pub(crate) fn of(self, path: &Path) -> StoreError {
        StoreError::new(format!("the journal {}: {self}", path.display()))
    }
}

/// What helps.
fn fix(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "; another program has held it for over 5 s, try again when that is done"
        }
        Some(ErrorCode::DiskFull) => "; make room on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; make the file and its folder writable"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; the file is damaged, `sqlite3 FILE .recover` saves what can be read"
        }
        _ => "",
    }
}
