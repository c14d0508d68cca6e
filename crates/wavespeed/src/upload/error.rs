//! The error of an upload.

use std::io;
use std::path::PathBuf;

/// Why a file could not be uploaded. Nothing is billed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not what it was when the upload began.
    #[error("{path}: it changed while it was read; upload it when nothing writes to it any more")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The vendor takes no file of this size.
    #[error(
        "{path}: its {bytes} bytes are more than the vendor takes, 200 MiB by its word ({message})"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// What the vendor said.
        message: String,
    },
    /// The API refused.
    #[error("{path}: the vendor refused the upload ({message})")]
    Refused {
        /// The file.
        path: PathBuf,
        /// The HTTP status.
        status: u16,
        /// What the vendor said.
        message: String,
    },
    /// The bytes could not be sent.
    #[error("{path}: the upload failed ({message})")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        message: String,
    },
    /// The deadline came.
    #[error("{path}: the upload did not end before the deadline")]
    Deadline {
        /// The file.
        path: PathBuf,
    },
}

/// What went wrong with the file itself.
#[derive(Debug)]
pub(crate) enum SourceError {
    Read(io::Error),
    Changed,
}

impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl UploadError {
    pub(crate) fn of(path: &std::path::Path, error: SourceError) -> Self {
        let path = path.to_owned();
        match error {
            SourceError::Read(error) => Self::Read { path, error },
            SourceError::Changed => Self::Changed { path },
        }
    }
}
