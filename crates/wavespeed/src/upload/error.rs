//! Errors of an upload.
//!
//! [`UploadError`] is what callers receive. `SourceError` is the part of it that concerns the
//! local file, before its path is known to the code that fails.

use std::io;
use std::path::{Path, PathBuf};

/// Error of an upload. Uploads are not billed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The file changed during the upload.
    #[error(
        "{path}: the file changed while it was read; upload it again once nothing writes to it"
    )]
    Changed {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file is larger than the vendor accepts (HTTP 413).
    #[error(
        "{path}: the file has {bytes} bytes, more than the vendor accepts (documented limit: 200 MiB): {message}"
    )]
    TooLarge {
        /// The path of the file.
        path: PathBuf,
        /// The length of the file in bytes.
        bytes: u64,
        /// The answer of the vendor.
        message: String,
    },
    /// The API refused the upload.
    #[error("{path}: the vendor refused the upload ({message})")]
    Refused {
        /// The path of the file.
        path: PathBuf,
        /// The HTTP status of the answer.
        status: u16,
        /// The answer of the vendor.
        message: String,
    },
    /// The transfer failed, also after retries.
    #[error("{path}: the upload failed ({message})")]
    Failed {
        /// The path of the file.
        path: PathBuf,
        /// The last error.
        message: String,
    },
    /// The deadline expired.
    #[error("{path}: the upload was not finished before the deadline")]
    Deadline {
        /// The path of the file.
        path: PathBuf,
    },
}

/// Error of reading the file that is uploaded.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The operating system reported an error.
    Read(io::Error),
    /// The content is not the content that was hashed.
    Changed,
}

impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl UploadError {
    /// Adds the path to an error of the file itself.
    pub(crate) fn from_source(path: &Path, error: SourceError) -> Self {
        let path = path.to_owned();
        match error {
            SourceError::Read(error) => Self::Read { path, error },
            SourceError::Changed => Self::Changed { path },
        }
    }
}
