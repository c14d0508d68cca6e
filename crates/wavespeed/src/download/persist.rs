//! The last step of a download: a complete temporary file becomes the target file.

use std::fs::File;
use std::io;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use tempfile::NamedTempFile;

/// Renames a complete temporary file to its target. Without `replace`, an existing target is an
/// error of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists), unless it is a file of the same
/// content: then it is the same output, left by a download that ended before it could be recorded.
pub(super) fn persist(file: NamedTempFile, target: &Path, replace: bool) -> io::Result<()> {
    // The content must be on disk before the name is: after a power failure, a target that exists
    // must be complete.
    file.as_file().sync_all()?;
    if replace {
        file.persist(target)?;
        return Ok(());
    }
    match file.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            // Not through a link: what a link leads to is not an output of ours.
            let is_file = target.symlink_metadata()?.is_file();
            if is_file && has_same_content(refused.file.path(), target)? {
                Ok(())
            } else {
                Err(refused.error)
            }
        }
        Err(refused) => Err(refused.error),
    }
}

/// Returns `true` if two files have the same content.
fn has_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| File::open(path).map(BufReader::new);
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        // The buffers may be filled to different lengths, so only their common part is compared.
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        // An empty buffer means the end of its file.
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(length);
        other.consume(length);
    }
}
