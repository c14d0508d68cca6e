//! Errors of a download.
//!
//! [`DownloadError`] covers all outputs of a prediction, [`SaveError`] one output. The errors of a
//! single transfer are in `transfer`; `SaveError::from_transfer` adds the URL and the path to them.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;
use wavespeed_client::NotCompleted;
use wavespeed_client::text::hide_logins;

use crate::download::content::ContentFault;
use crate::download::transfer::TransferError;
use crate::store::record::Downloaded;

/// Error of a download. The prediction is completed and billed, and the vendor keeps its outputs for
/// 7 days, so they can be downloaded again by the id.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.message())]
#[non_exhaustive]
pub struct DownloadError {
    /// The id of the prediction.
    pub id: String,
    /// The outputs that were saved.
    pub saved: Vec<Downloaded>,
    /// The outputs that were not saved: the number of each, counted from 1, and the error.
    pub failed: Vec<(usize, SaveError)>,
}

impl DownloadError {
    fn message(&self) -> String {
        let failed = self.failed.iter();
        let each: Vec<String> = failed
            .map(|(number, error)| format!("output {number}: {error}"))
            .collect();
        match &self.failed[..] {
            // A prediction without outputs has no output whose number could be named.
            [(_, error @ SaveError::Nothing)] => format!("{}: {error}", self.id),
            [(_, SaveError::NotCompleted(failure))] => failure.to_string(),
            _ => format!("{} could not be saved: {}", self.id, each.join("; ")),
        }
    }
}

/// Error of one output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The prediction is not completed.
    #[error(transparent)]
    NotCompleted(#[from] NotCompleted),
    /// The prediction is completed and has no outputs.
    #[error("the job has no outputs")]
    Nothing,
    /// The output is not an http or https URL but another JSON value, such as a text.
    #[error("the output is not a URL but {0}")]
    NotUrl(String),
    /// The host answered with an HTTP error.
    #[error("{url} answered HTTP {status}")]
    Refused {
        /// The URL of the output.
        url: String,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// The host answered with a status of success and an HTML page instead of the file, as gateways
    /// and login pages do.
    #[error("{url} answered with an HTML page, not the file")]
    Page {
        /// The URL of the output.
        url: String,
    },
    /// The host answered with a status of success and other content than the file: an error, another
    /// text, compressed data or a part of the file.
    #[error("{url} answered with {found}, not the file{}", message.as_ref().map_or(String::new(), |message| format!(": {message}")))]
    Content {
        /// The URL of the output.
        url: String,
        /// The content, as a noun phrase such as `an XML error`.
        found: &'static str,
        /// The message in the content, if it is an error that has one.
        message: Option<String>,
    },
    /// The host could not be reached, or the connection broke.
    #[error("the transfer from {host} failed ({message})")]
    Transfer {
        /// The host of the output.
        host: String,
        /// The last error of the connection.
        message: String,
    },
    /// The file is empty.
    #[error("{url} is empty")]
    Empty {
        /// The URL of the output.
        url: String,
    },
    /// The length of the file differs from the length that the host announced.
    #[error("{url} has {bytes} bytes, but {announced} were announced")]
    Length {
        /// The URL of the output.
        url: String,
        /// The number of bytes received.
        bytes: u64,
        /// The number of bytes announced.
        announced: u64,
    },
    /// The file is larger than the settings allow.
    #[error("{url} is larger than the settings allow")]
    TooLarge {
        /// The URL of the output.
        url: String,
    },
    /// The template of the target gives no path for this output.
    #[error("{template} is no output path: {message}")]
    Name {
        /// The template.
        template: PathBuf,
        /// The rule that it breaks.
        message: String,
    },
    /// The target exists and may not be replaced.
    #[error("{path} exists")]
    Exists {
        /// The path of the target.
        path: PathBuf,
    },
    /// The disk has not enough free space.
    #[error("{path} needs {missing} bytes more than its disk has free: free some space")]
    DiskFull {
        /// The path of the target.
        path: PathBuf,
        /// The number of bytes missing.
        missing: u64,
    },
    /// The target could not be written.
    #[error("{path} could not be written: {error}")]
    Write {
        /// The path of the target.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The deadline expired.
    #[error("the deadline expired")]
    Deadline,
}

impl SaveError {
    /// Adds URL, path and the number of bytes received to the error of a transfer.
    pub(super) fn from_transfer(url: &Url, path: &Path, error: TransferError, bytes: u64) -> Self {
        let url_text = || hide_logins(url.as_str()).into_owned();
        match error {
            TransferError::Refused(status) => Self::Refused {
                url: url_text(),
                status: status.as_u16(),
            },
            TransferError::Content(fault) if fault.found == ContentFault::PAGE => {
                Self::Page { url: url_text() }
            }
            TransferError::Content(fault) => Self::Content {
                url: url_text(),
                found: fault.found,
                message: fault.message,
            },
            TransferError::Empty => Self::Empty { url: url_text() },
            TransferError::Transfer(error) => Self::Transfer {
                host: url.host_str().unwrap_or_default().to_owned(),
                message: error.to_string(),
            },
            TransferError::Length(announced) => Self::Length {
                url: url_text(),
                bytes,
                announced,
            },
            TransferError::TooLong => Self::TooLarge { url: url_text() },
            TransferError::DiskFull(missing) => Self::DiskFull {
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
