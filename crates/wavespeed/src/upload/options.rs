//! Options and progress of an upload.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wavespeed_poll::Deadline;

/// What an upload can be told beside its file.
#[derive(Clone)]
#[non_exhaustive]
pub struct UploadOptions {
    /// When it ends, however far it has come.
    pub deadline: Deadline,
    /// Whether the bytes are sent even if they were before.
    pub again: bool,
    /// Who is told how far it has come.
    pub watcher: Option<UploadWatcher>,
}

impl UploadOptions {
    /// With this deadline; what was uploaded before is not sent, and nobody watches.
    #[must_use]
    pub fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            again: false,
            watcher: None,
        }
    }
}

impl fmt::Debug for UploadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadOptions")
            .field("deadline", &self.deadline)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadStep {
    /// It is read, to see whether it was uploaded before.
    Hashing,
    /// It is sent. If it has to be sent again, this begins anew.
    Sending,
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProgress<'a> {
    /// The file, as it was named.
    pub path: &'a Path,
    /// What is done with it.
    pub step: UploadStep,
    /// How many bytes that is done with.
    pub done: u64,
    /// How many it has.
    pub total: u64,
}

/// Is told how far uploads have come, some times a megabyte and on any thread: it should be quick.
pub type UploadWatcher = Arc<dyn Fn(UploadProgress<'_>) + Send + Sync>;

/// Tells whoever watches.
pub(super) struct ProgressReporter {
    path: PathBuf,
    step: UploadStep,
    total: u64,
    watcher: Option<UploadWatcher>,
}

impl ProgressReporter {
    pub(super) fn new(
        path: &Path,
        step: UploadStep,
        total: u64,
        watcher: Option<&UploadWatcher>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            step,
            total,
            watcher: watcher.cloned(),
        }
    }

    pub(super) fn at(&self, done: u64) {
        if let Some(watcher) = &self.watcher {
            watcher(UploadProgress {
                path: &self.path,
                step: self.step,
                done,
                total: self.total,
            });
        }
    }
}
