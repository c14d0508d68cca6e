//! The place of a journal, which must have one name.
//!
//! SQLite keeps a log beside a database, and the lock files of claims are there, too. A process that
//! opened the database under another name would have a log and claims of its own: it would send the job
//! that the first process is sending, and each would overwrite the jobs of the other. Symbolic links and
//! mounts of folders are no other names, because the files beside the database are the same there. Hard
//! links and a mount of the file alone are, so such a file is refused. Its log cannot be shared by any
//! lock, whatever identifies the file.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{OpenError, unwritable};

/// The place of an open journal.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    path: PathBuf,
    #[cfg(unix)]
    identity: (u64, u64),
}

impl Location {
    /// Returns the place of the file at a path.
    ///
    /// # Errors
    /// Returns an error if the file has another name, or cannot be looked up.
    pub(super) fn find(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| unwritable(path, &error);
        let real_path = fs::canonicalize(path).map_err(failed)?;
        let metadata = fs::metadata(&real_path).map_err(failed)?;
        let links = links(&metadata);
        if links > 1 {
            return Err(OpenError::Linked {
                path: path.into(),
                links,
            });
        }
        if is_mounted_alone(&real_path) {
            return Err(OpenError::Mounted { path: path.into() });
        }
        Ok(Self {
            path: real_path,
            #[cfg(unix)]
            identity: identity(&metadata),
        })
    }

    /// Returns the path without symbolic links, the same for every process.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the file is still here, and has no other name. A file that was moved or linked while it
    /// was open is found by other processes at another place, with other lock files.
    ///
    /// # Errors
    /// Returns the reason if it is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err("the file was moved or removed".into());
            }
            Err(error) => return Err(error.to_string()),
        };
        #[cfg(unix)]
        if identity(&metadata) != self.identity {
            return Err("another file is in its place now".into());
        }
        match links(&metadata) {
            0 | 1 => Ok(()),
            links => Err(format!("the file has {links} names now (hard links)")),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Returns the number of names of a file.
#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// Returns 1: the standard library cannot count the names of a file on these systems.
#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}

/// Returns `true` if a file is mounted by itself, as `docker run -v FILE:FILE` does it. A kernel before
/// Linux 5.8 does not tell.
#[cfg(target_os = "linux")]
fn is_mounted_alone(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let stat = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
    stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Returns `false`: other systems mount folders only.
#[cfg(not(target_os = "linux"))]
fn is_mounted_alone(_: &Path) -> bool {
    false
}
