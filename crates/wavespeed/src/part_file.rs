//! Temporary files beside the outputs, each of which becomes an output when it is complete.
//!
//! On Unix, a temporary file is locked until it is closed. The system releases the lock when the process ends,
//! however it ends, so a file without a lock is the leftover of a process that was killed. The first download
//! to a folder removes such files. Elsewhere, a lock would keep the file from being read and renamed, so
//! leftovers stay.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::threads;

/// The parts of a name that are the same for all temporary files.
const PREFIX: &str = ".wave-";
const SUFFIX: &str = ".part";

/// The number of random characters between them, from which leftovers are recognized.
const RANDOM: usize = 8;

/// The most attempts at a temporary file that no other process takes for a leftover before it is locked. A
/// second one is hardly ever needed.
const MAX_ATTEMPTS: u32 = 10;

/// Creates a temporary file in a folder, with the permissions of any new file there.
pub(crate) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    for _ in 0..MAX_ATTEMPTS {
        let file = create(folder)?;
        if lock(file.as_file())? {
            return Ok(file);
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // `tempfile` makes files private by default, but this one becomes the target. The umask
        // still applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Locks a new file. Returns `false` if another process took it for a leftover before.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    match fs4::FileExt::try_lock(file) {
        Err(fs4::TryLockError::WouldBlock) => Ok(false),
        // On a file system without locks, no process removes a file either.
        Ok(()) | Err(fs4::TryLockError::Error(_)) => Ok(file.metadata()?.nlink() > 0),
    }
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// The folder whose leftovers were removed last. A program saves thousands of files to the same folder, which
/// must not be listed for each.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(Mutex<PathBuf>);

impl Leftovers {
    /// Removes the temporary files of ended processes in a folder, unless that was the last folder.
    pub(crate) async fn remove(&self, folder: &Path) {
        if !cfg!(unix) || self.is_last(folder) {
            return;
        }
        let folder = folder.to_owned();
        // A leftover that cannot be removed is no reason not to save.
        _ = threads::run(move || remove_leftovers(&folder)).await;
    }

    /// Makes a folder the last one. Returns `true` if it was that already.
    fn is_last(&self, folder: &Path) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, folder.to_owned()) == folder
    }
}

fn remove_leftovers(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for entry in entries.flatten() {
        if !is_temporary(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        if let Ok(Some(_locked)) = lock_leftover(&path) {
            tracing::info!(path = %path.display(), "the leftover of an ended process is removed");
            _ = std::fs::remove_file(&path);
        }
    }
}

/// Returns `true` if a name is that of a temporary file.
fn is_temporary(name: &str) -> bool {
    let random = name
        .strip_prefix(PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Locks a file that no process has locked. Returns `None` if there is one, or the file is none of ours.
#[cfg(unix)]
fn lock_leftover(path: &Path) -> io::Result<Option<File>> {
    use std::os::unix::fs::MetadataExt as _;

    // Only a regular file, as opening a pipe would block.
    let named = path.symlink_metadata()?;
    if !named.is_file() {
        return Ok(None);
    }
    // Some network file systems lock only files that are open for writing.
    let file = File::options().read(true).write(true).open(path)?;
    if fs4::FileExt::try_lock(&file).is_err() {
        return Ok(None);
    }
    let opened = file.metadata()?;
    let is_same = (named.dev(), named.ino()) == (opened.dev(), opened.ino());
    Ok(is_same.then_some(file))
}

#[cfg(not(unix))]
fn lock_leftover(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}
