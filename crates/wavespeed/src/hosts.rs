//! Answers of the hosts that store files, such as a bucket or a CDN. These are not answers of the API.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use wavespeed_client::Answer;

/// Returns `true` if the same request may succeed later: server errors, 408 Request Timeout and
/// 429 Too Many Requests.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429)
}

/// Returns `true` if the signature of a URL may have expired. Common hosts of signed URLs answer one
/// of these.
pub(crate) fn may_be_expired(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

/// Returns `true` if the file may be on its way to the host: the host answers as if the file did not exist,
/// as buckets do without permission to list (403), or that the file is not ready.
pub(crate) fn may_be_late(status: StatusCode) -> bool {
    matches!(status.as_u16(), 202 | 204 | 403 | 404 | 425)
}

/// Returns the time to wait that the header `Retry-After` asks for.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let mut answer = Answer::new(200, "");
    answer.headers = headers.clone();
    answer.retry_after(SystemTime::now())
}

/// The Content-Range of a partial answer.
pub(crate) struct ContentRange {
    /// The offset of the first byte.
    pub(crate) start: u64,
    /// The size of the whole file in bytes, if the host knows it.
    pub(crate) size: Option<u64>,
}

impl ContentRange {
    /// Returns the Content-Range of an answer, if it has one that can be read.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let range = range.strip_prefix("bytes ")?;
        let (part, size) = range.split_once('/').unwrap_or((range, "*"));
        Some(Self {
            start: part.split('-').next()?.parse().ok()?,
            // The size is `*` if the host does not know it.
            size: size.parse().ok(),
        })
    }
}
