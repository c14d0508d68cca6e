//! The reason why a journal cannot be opened, in the words of the operating system. SQLite says only that a
//! file cannot be opened, or that there was an I/O error.

use std::io::{self, Write as _};
use std::path::Path;

use super::error::{OpenError, unwritable};
use crate::error::is_without_locks;

/// The size of the files that SQLite creates beside a database, at least.
const SIDECAR: usize = 32 << 10;

/// Returns the error with its reason, if a trial shows it.
pub(super) fn explain(path: &Path, error: OpenError) -> OpenError {
    let is_busy = match error {
        // A file system without locks looks as if another program had locked the file.
        OpenError::Busy { .. } => true,
        OpenError::Unwritable { .. } | OpenError::Failed { .. } => false,
        _ => return error,
    };
    match (try_writing(path), try_locking(path)) {
        (Err(reason), _) if !is_busy => unwritable(path, &reason),
        (_, Err(reason)) if is_without_locks(&reason) => OpenError::NoLocks {
            path: path.into(),
            why: reason.to_string(),
        },
        _ => error,
    }
}

/// Tries what a journal needs: to write the file, and to create files of some size beside it. The file
/// itself is not opened: closing it would release the locks of a connection in this process.
fn try_writing(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?;
    let mut trial = tempfile::tempfile_in(folder(path))?;
    trial.write_all(&[0; SIDECAR])
}

/// Tries the locks that SQLite takes, on another file of the same folder.
#[cfg(unix)]
fn try_locking(path: &Path) -> io::Result<()> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let trial = tempfile::tempfile_in(folder(path))?;
    Ok(fcntl_lock(
        &trial,
        FlockOperation::NonBlockingLockExclusive,
    )?)
}

/// Tries a lock on another file of the same folder.
#[cfg(not(unix))]
fn try_locking(path: &Path) -> io::Result<()> {
    Ok(tempfile::tempfile_in(folder(path))?.lock()?)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
