//! The errors of a download.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;
use wavespeed_client::text::chain;

use crate::download::transfer::TransferError;
use crate::store::record::Downloaded;

/// Outputs could not be saved. The task is done and paid for, and its outputs are kept by the
/// vendor for 7 days: download them again by the id.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.line())]
#[non_exhaustive]
pub struct DownloadError {
    /// The id of the task, as its record has it.
    pub id: String,
    /// What was saved all the same.
    pub saved: Vec<Downloaded>,
    /// What was not: the number of each output, counted from 1, and why.
    pub failed: Vec<(usize, SaveError)>,
}

impl DownloadError {
    fn line(&self) -> String {
        let failed = self.failed.iter();
        let each: Vec<String> = failed
            .map(|(number, error)| format!("output {number}: {error}"))
            .collect();
        match &self.failed[..] {
            [(_, error @ SaveError::Nothing)] => format!("{}: {error}", self.id),
            _ => format!("{} could not be saved: {}", self.id, each.join("; ")),
        }
    }
}

/// Why an output could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The task has no outputs.
    #[error("the task has no outputs")]
    Nothing,
    /// It is not a file somewhere, but something else the model makes.
    #[error("it is not a URL, but {0}")]
    NotUrl(String),
    /// The host did not give it.
    #[error("{url} answered HTTP {status}")]
    Refused {
        /// Where it should be.
        url: String,
        /// What was answered.
        status: u16,
    },
    /// A page came in its place, as a gateway or a login page does with a status of success.
    #[error("{url} answered with an HTML page, not the file")]
    Page {
        /// Where it should be.
        url: String,
    },
    /// The host could not be reached, or the transfer broke.
    #[error("the transfer from {host} failed ({message})")]
    Transfer {
        /// The host.
        host: String,
        /// What went wrong.
        message: String,
    },
    /// It came without content.
    #[error("{url} is empty")]
    Empty {
        /// Where it is.
        url: String,
    },
    /// It came with another length than announced.
    #[error("{url} has {bytes} bytes, but {announced} were announced")]
    Length {
        /// Where it is.
        url: String,
        /// What came.
        bytes: u64,
        /// What was announced.
        announced: u64,
    },
    /// It is larger than the settings allow.
    #[error("{url} is larger than the settings allow")]
    TooLarge {
        /// Where it is.
        url: String,
    },
    /// There is something in its place, which is not to be replaced.
    #[error("{path} exists")]
    Exists {
        /// Where it should go.
        path: PathBuf,
    },
    /// The disk has no room for it.
    #[error("{path} needs {missing} bytes more than its disk has left: make room")]
    NoRoom {
        /// Where it should go.
        path: PathBuf,
        /// How many bytes are missing.
        missing: u64,
    },
    /// It could not be written.
    #[error("{path} could not be written: {error}")]
    Write {
        /// Where it should go.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The deadline came.
    #[error("the deadline came")]
    Deadline,
}

impl SaveError {
    pub(super) fn of(url: &Url, path: &Path, error: TransferError, bytes: u64) -> Self {
        let at = || url.to_string();
        match error {
            TransferError::Refused(status) => Self::Refused {
                url: at(),
                status: status.as_u16(),
            },
            TransferError::Page => Self::Page { url: at() },
            TransferError::Transfer(error) => Self::Transfer {
                host: url.host_str().unwrap_or_default().to_owned(),
                message: chain(&error.without_url()),
            },
            TransferError::Length(announced) => Self::Length {
                url: at(),
                bytes,
                announced,
            },
            TransferError::TooLong => Self::TooLarge { url: at() },
            TransferError::NoRoom(missing) => Self::NoRoom {
                path: path.to_owned(),
                missing,
            },
            TransferError::Write(error) => Self::Write {
                path: path.to_owned(),
                error,
            },
        }
    }
}
