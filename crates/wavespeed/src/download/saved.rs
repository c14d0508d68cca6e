//! Outputs that this machine has already: a file that was saved for the same prediction and is unchanged
//! is copied, so that the vendor need not have the output any more.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base16ct::lower::encode_string;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use wavespeed_client::PredictionId;

use crate::client::Wavespeed;
use crate::download::folder_of;
use crate::download::persist::persist;
use crate::part_file::temporary_file;
use crate::store::record::{Downloaded, JobFilter, JobRecord};
use crate::target::Target;
use crate::threads;

impl Wavespeed {
    /// Returns the jobs that the store has of a prediction.
    pub(super) async fn jobs_of(&self, id: &str) -> Vec<JobRecord> {
        let Ok(id) = id.parse::<PredictionId>() else {
            return Vec::new();
        };
        // A store that fails costs a transfer, which is no reason not to save.
        self.jobs(JobFilter::Id(&id)).await.unwrap_or_default()
    }
}

/// Copies the first of the saved files of an output that is unchanged to the path of the output, and returns
/// it. Files that changed, are gone or cannot be copied are left to the transfer, whose errors say more.
pub(super) async fn copy_first<'a>(
    saved: Vec<&'a Downloaded>,
    path: &Path,
    target: &Target,
) -> Option<&'a Downloaded> {
    for file in saved {
        let (known, path, target) = (file.clone(), path.to_owned(), target.clone());
        let copied = threads::run_anyway(move || try_copy(&known, &path, &target).is_ok());
        if copied.await.unwrap_or(false) {
            return Some(file);
        }
    }
    None
}

fn try_copy(saved: &Downloaded, path: &Path, target: &Target) -> io::Result<()> {
    let (folder, replace) = (folder_of(path), target.is_force());
    let is_saved = |found: io::Result<String>| found.is_ok_and(|found| found == saved.sha256);
    // The target may be the saved file itself, or a copy of it.
    let existing = path.symlink_metadata().ok();
    let is_file = existing.as_ref().is_some_and(std::fs::Metadata::is_file);
    if is_file && is_saved(digest(path, &mut io::sink())) {
        return Ok(());
    }
    // The same rule as before a transfer: only files are replaced, and only if that is allowed.
    if existing.is_some() && !(replace && is_file) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if saved.path.metadata()?.len() != saved.bytes {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if target.creates_folders() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file: NamedTempFile = temporary_file(folder)?;
    if !is_saved(digest(&saved.path, file.as_file_mut())) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    persist(file, path, replace)
}

/// Copies a file, and returns the SHA-256 of its content in lowercase hex.
fn digest(path: &Path, to: &mut impl io::Write) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(encode_string(&hash.finalize())),
            read => {
                hash.update(&buffer[..read]);
                to.write_all(&buffer[..read])?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_file_that_is_unchanged_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = encode_string(&Sha256::digest(b"video"));
        let [gone, changed, saved] = ["gone", "changed", "saved"].map(|name| {
            let path = folder.path().join(name);
            Downloaded::new(1, path, "https://a.example", 5, sha256.clone())
        });
        std::fs::write(&changed.path, "audio").unwrap();
        std::fs::write(&saved.path, "video").unwrap();
        let path = folder.path().join("out.mp4");
        let target = Target::file(path.clone());
        let lost = copy_first(vec![&gone, &changed], &path, &target).await;
        assert_eq!(lost, None);
        let known = vec![&gone, &changed, &saved];
        let copied = copy_first(known, &path, &target).await;
        assert_eq!(copied, Some(&saved));
        assert_eq!(std::fs::read(&path).unwrap(), b"video");
    }
}
