//! The result of an upload.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::store::upload::UploadRecord;
use crate::upload::source::Source;

/// A file that is available to the vendor's models.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The path, as the caller gave it.
    pub path: PathBuf,
    /// The URL under which the vendor's models find the file.
    pub url: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the content, in lowercase hex.
    pub sha256: String,
    /// `true` if an earlier upload of the same content is reused and nothing was sent.
    pub known: bool,
    /// The time until which the vendor keeps the file: 7 days after the upload.
    pub kept_until: SystemTime,
}

impl Uploaded {
    pub(super) fn from_record(source: &Source, record: &UploadRecord, known: bool) -> Self {
        Self {
            path: source.path.clone(),
            url: record.url.clone(),
            bytes: source.bytes,
            sha256: record.content.sha256.clone(),
            known,
            kept_until: record.kept_until,
        }
    }
}
