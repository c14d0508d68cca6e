//! Putting a whole file in its place.

use std::fs::File;
use std::io;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use tempfile::NamedTempFile;

/// Puts a whole file in its place. One of the same content that is there already is as good: the
/// same output, of a download that ended before it could say so.
pub(super) fn persist(file: NamedTempFile, to: &Path, replace: bool) -> io::Result<()> {
    file.as_file().sync_all()?;
    if replace {
        file.persist(to)?;
        return Ok(());
    }
    match file.persist_noclobber(to) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            let is_file = to.symlink_metadata()?.is_file();
            match is_file && has_same_content(refused.file.path(), to)? {
                true => Ok(()),
                false => Err(refused.error),
            }
        }
        Err(refused) => Err(refused.error),
    }
}

/// Whether two files have the same content.
fn has_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| File::open(path).map(BufReader::new);
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(length);
        other.consume(length);
    }
}
