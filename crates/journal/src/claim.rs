//! Claiming a job by the lock of a file beside the journal, which the system gives back when the
//! process ends, however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use wavespeed::JobNumber;

/// A lock. The file goes with it; one that a killed process left is no claim.
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Before the lock: who has opened it by now finds that it is not the file there any more.
        _ = std::fs::remove_file(&self.path);
        _ = self.file.unlock();
    }
}

/// The claim, or nothing if somebody else has it.
pub(crate) fn claim(journal: &Path, job: JobNumber) -> io::Result<Option<LockFile>> {
    let mut path = OsString::from(journal);
    path.push(format!(".{job}.lock"));
    let path = PathBuf::from(path);
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
            Ok(()) if is_there(&file, &path) => return Ok(Some(LockFile { file, path })),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether the path still leads to the file: its last owner may have removed it.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |about: std::fs::Metadata| (about.dev(), about.ino());
    let (own, there) = (file.metadata().map(id), path.metadata().map(id));
    matches!((own, there), (Ok(own), Ok(there)) if own == there)
}

/// Where an open file cannot be removed.
#[cfg(not(unix))]
fn is_there(_: &File, _: &Path) -> bool {
    true
}
