//! Claims of jobs: a claim is the lock of a file beside the journal. The operating system releases the
//! lock when the process ends, however it ends, so a crash leaves no claim behind.
//!
//! A lock on the journal itself would need no other files. But SQLite uses POSIX locks, of which a process
//! loses all that it has on a file when it closes any handle of that file. The lock files are found by
//! every process because a journal has [one name](crate::open::Location), which is checked at each claim.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Transaction;
use wavespeed::{Claim, JobNumber, StoreError};

use crate::error::JournalError;
use crate::open::Location;
use crate::worker::Calls;

/// The claims of a journal.
pub(crate) struct Claims {
    /// The place of the journal: all processes must lock the same files.
    pub(crate) location: Location,
    pub(crate) calls: Calls,
}

impl Claims {
    /// Claims a job.
    ///
    /// # Errors
    /// Returns an error if another process, or another part of this one, has the claim, if the file of
    /// the claim cannot be written, or if other processes would not find it.
    pub(crate) fn claim(&self, job: JobNumber) -> Result<Claim, JournalError> {
        let moved = |why| JournalError::Moved(job, why);
        self.location.check().map_err(moved)?;
        match lock(self.location.path(), job) {
            Ok(Some(file)) => Ok(Claim::new(QueuedRelease {
                file: Some(file),
                calls: self.calls.clone(),
            })),
            Ok(None) => Err(StoreError::claimed(job).into()),
            Err(error) => Err(JournalError::Claim(job, error)),
        }
    }

    /// Returns `true` if a job is claimed. No lock file is created or removed.
    ///
    /// # Errors
    /// Returns an error if the lock file cannot be opened or locked.
    pub(crate) fn is_claimed(&self, job: JobNumber) -> Result<bool, JournalError> {
        is_locked(&lock_path(self.location.path(), job))
            .map_err(|error| JournalError::Claim(job, error))
    }
}

/// Removes the lock files that killed processes left beside a journal. The caller has a write transaction, so
/// that only one process at a time does this: of two, the second could remove the file of a claim that was
/// made after the first. What cannot be removed stays; it is no claim in any case.
pub(crate) fn remove_stale(location: &Location, _: &Transaction<'_>) {
    let path = location.path();
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let is_lock_file = |file: &OsStr| {
        let rest = file
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        let number = rest
            .and_then(|rest| rest.strip_prefix(b".j"))
            .and_then(|rest| rest.strip_suffix(b".lock"));
        number.is_some_and(|number| number.iter().all(u8::is_ascii_digit))
    };
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if is_lock_file(&entry.file_name())
            && let Ok(file) = File::open(&path)
            // As in `is_locked`, so that no one takes this for a claim.
            && file.try_lock_shared().is_ok()
            && is_current(&file, &path)
        {
            _ = std::fs::remove_file(&path);
        }
    }
}

/// A claim that is released after all calls that were made before its drop. Otherwise another process
/// could take a job whose outcome is still to be written for one whose sender is gone.
struct QueuedRelease {
    file: Option<LockFile>,
    calls: Calls,
}

impl Drop for QueuedRelease {
    fn drop(&mut self) {
        let file = self.file.take();
        self.calls.push(move |_| drop(file));
    }
}

/// An exclusive claim on a job, held until dropped. The file is removed on drop; a file left behind by
/// a killed process is not locked, and so is no claim.
struct LockFile {
    file: File,
    path: PathBuf,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The file is removed while it is still locked. In the other order, another process could lock
        // it in between, and this call would remove the file of a valid claim.
        _ = std::fs::remove_file(&self.path);
        _ = self.file.unlock();
    }
}

/// Claims a job, or returns `None` if another process, or another part of this one, has the claim.
fn lock(journal: &Path, job: JobNumber) -> io::Result<Option<LockFile>> {
    let path = lock_path(journal, job);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    loop {
        let file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) if is_current(&file, &path) => return Ok(Some(LockFile { file, path })),
            // The previous owner removed the file after it was opened here. The lock of a removed file
            // excludes no one, because others lock a new file, so the next round opens that one.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => match file.try_lock_shared() {
                // Only [`is_locked`] and [`remove_stale`] take shared locks. They release them at once, so
                // the next round may get the claim.
                Ok(()) => std::thread::yield_now(),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            },
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Returns `true` if the lock file exists and is locked. The lock that is tried is a shared one, so that
/// [`lock`] can tell it from a claim.
fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        // The file was left behind by a killed process, or its owner has just removed it.
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the path of the lock file of a job.
fn lock_path(journal: &Path, job: JobNumber) -> PathBuf {
    let mut path = OsString::from(journal);
    path.push(format!(".{job}.lock"));
    path.into()
}

/// Returns `true` if the path still leads to the open file.
#[cfg(unix)]
fn is_current(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // Two files have the same name one after the other, but never the same device and inode while one
    // of them is open.
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let opened = file.metadata().map(identity);
    let current = path.metadata().map(identity);
    matches!((opened, current), (Ok(opened), Ok(current)) if opened == current)
}

/// Returns `true`: an open file cannot be removed on these systems.
#[cfg(not(unix))]
fn is_current(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn question_whether_a_job_is_claimed_is_never_taken_for_a_claim() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, job) = (folder.path().join("journal.db"), JobNumber::new(1));
        let path = lock_path(&journal, job);
        assert!(!is_locked(&path).unwrap());
        assert!(!path.exists());
        let is_done = AtomicBool::new(false);
        let lost = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    _ = is_locked(&path);
                }
            });
            let lost = (0..2_000).filter(|_| {
                // A file that a killed process left is there for both.
                std::fs::write(&path, "").unwrap();
                lock(&journal, job).unwrap().is_none()
            });
            let lost = lost.count();
            is_done.store(true, Ordering::Relaxed);
            lost
        });
        assert_eq!(lost, 0);
        let claim = lock(&journal, job).unwrap();
        assert!(is_locked(&path).unwrap());
        drop(claim);
        assert!(!is_locked(&path).unwrap());
    }
}
