//! Options of an upload and the reports of its progress.
//!
//! `UploadOptions` holds what the caller chose with an `UploadBuilder`.
//! Hashing and sending report to the watcher of the options through `ProgressReporter`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wavespeed_poll::Deadline;

/// Options of an upload.
#[derive(Clone)]
pub(crate) struct UploadOptions {
    /// The time at which the upload is given up, including its retries.
    pub(crate) deadline: Deadline,
    /// `true` to send the file even if the vendor has its content from an earlier upload.
    pub(crate) again: bool,
    /// The function that receives the progress.
    pub(crate) watcher: Option<UploadWatcher>,
}

impl UploadOptions {
    /// Creates options with this deadline, which reuse earlier uploads and report no progress.
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            again: false,
            watcher: None,
        }
    }

    pub(crate) fn set_watcher(
        &mut self,
        watcher: impl Fn(UploadProgress<'_>) + Send + Sync + 'static,
    ) {
        self.watcher = Some(Arc::new(watcher));
    }
}

/// A step of an upload that reads the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadStep {
    /// The file is hashed, to find an earlier upload of the same content.
    Hashing,
    /// The file is sent. A retry starts this step again from zero.
    Sending,
}

/// The progress of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProgress<'a> {
    /// The path, as the caller gave it.
    pub path: &'a Path,
    /// The current step.
    pub step: UploadStep,
    /// The number of bytes that the step has processed.
    pub done: u64,
    /// The length of the file in bytes.
    pub total: u64,
}

/// A function that receives the progress of uploads.
pub(crate) type UploadWatcher = Arc<dyn Fn(UploadProgress<'_>) + Send + Sync>;

/// A sender of progress reports for one step of one file.
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

    /// Reports that `done` bytes are processed.
    pub(super) fn report(&self, done: u64) {
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
