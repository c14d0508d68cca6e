//! The error of opening a journal, and the mapping of system and SQLite errors to it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::BUSY_TIMEOUT;

/// The error of [`Journal::open`](crate::Journal::open). Nothing was written to a file that failed a
/// check.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path is a folder.
    #[error("the journal {path} is a folder; name a file, such as {}", .path.join("journal.db").display())]
    Folder {
        /// The path.
        path: PathBuf,
    },
    /// The file is not a journal.
    #[error("{path} is not a journal: {why}; name another file, or move this one away")]
    NotJournal {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The journal was written by a program from before the first release. Its tables have no room for
    /// what is recorded now.
    #[error(
        "the journal {path} was written by an unreleased version of this program, and {} in it; move \
         it away together with its -wal and -shm files, if it has any; jobs that are still running \
         are found with `wave history`",
        open_jobs_text(*.open_jobs)
    )]
    Unreleased {
        /// The path.
        path: PathBuf,
        /// The number of jobs that are not finished, or `None` if they cannot be counted.
        open_jobs: Option<u64>,
    },
    /// The file has several names. SQLite keeps a log for each of them, so that a process which uses one
    /// name neither sees nor respects what is written by another.
    #[error(
        "the journal {path} has {links} names (hard links), and jobs that are written under one are \
         not seen under another; keep the name that has a -wal file beside it, or any if none has, \
         and remove the others, which `find / -samefile FILE` lists"
    )]
    Linked {
        /// The path.
        path: PathBuf,
        /// The number of names.
        links: u64,
    },
    /// The file is mounted by itself, without its folder. SQLite's log is in the folder, so processes
    /// that use the file by its other path neither see nor respect what is written here.
    #[error(
        "the journal {path} is mounted without its folder, and jobs that are written here are not \
         seen outside; mount the folder instead"
    )]
    Mounted {
        /// The path.
        path: PathBuf,
    },
    /// A part of the journal is lost.
    #[error(
        "the journal {path} is damaged: {why}; restore a copy, or save what can be read with \
         `sqlite3 FILE .recover` and move it away together with its -wal and -shm files, if it \
         has any"
    )]
    Damaged {
        /// The path.
        path: PathBuf,
        /// The damage that was found.
        why: String,
    },
    /// The journal was written by a newer version of this crate.
    #[error(
        "the journal {path} has version {version}, and this program knows versions up to {known}; \
         update the program, or name another file"
    )]
    Newer {
        /// The path.
        path: PathBuf,
        /// The version of the journal.
        version: i32,
        /// The newest version that this crate knows.
        known: i32,
    },
    /// The journal cannot be created or written.
    #[error(
        "the journal {path} cannot be written: {why}; make the file and its folder writable, or \
         name another file"
    )]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// There is no journal to be opened for reading only.
    #[error("there is no journal {path}")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The file system has no file locks.
    #[error(
        "the file system of the journal {path} has no file locks ({why}), without which two programs \
         would send one job; move the journal to a local disk"
    )]
    NoLocks {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        why: String,
    },
    /// Another program has locked the journal for too long.
    #[error(
        "the journal {path} has been locked by another program for over {} s; try again when that \
         program is done",
        BUSY_TIMEOUT.as_secs()
    )]
    Busy {
        /// The path.
        path: PathBuf,
    },
    /// The thread of the journal cannot be started.
    #[error(
        "the journal {path} cannot be used: its thread cannot be started ({why}); allow more processes \
         and threads for this user or container"
    )]
    NoThread {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        why: String,
    },
    /// Any other error of SQLite.
    #[error("the journal {path} cannot be opened: {why}; fix that, or name another file")]
    Failed {
        /// The path.
        path: PathBuf,
        /// The message of SQLite.
        why: String,
    },
}

/// Returns what is known about the number of open jobs.
fn open_jobs_text(open_jobs: Option<u64>) -> String {
    match open_jobs {
        Some(0) => "no job is open".into(),
        Some(1) => "1 job is open".into(),
        Some(count) => format!("{count} jobs are open"),
        None => "an unknown number of jobs is open".into(),
    }
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unwritable {
        path: path.into(),
        why: error.to_string(),
    }
}

/// Maps an error of SQLite to the variant that says how to fix it.
pub(super) fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
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
