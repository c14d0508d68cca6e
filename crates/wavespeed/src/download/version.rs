//! The version of a file, by which a transfer is resumed only if the file is unchanged.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};

/// The age from which on the time of the last change, which has whole seconds, identifies a version (RFC 9110,
/// section 8.8.2.2): a younger file can have changed twice within the second.
const STRONG_AGE: Duration = Duration::from_secs(60);

/// The version of a file, as the answer that its first bytes came with states it.
#[derive(Debug, Default)]
pub(super) struct Version {
    /// The validator for If-Range. `None` if the host gave none that identifies the bytes, and the transfer
    /// cannot be resumed.
    pub(super) validator: Option<HeaderValue>,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Version {
    /// Reads the version from the headers of an answer. `now` replaces a missing `Date`.
    pub(super) fn new(headers: &HeaderMap, now: SystemTime) -> Self {
        let etag = headers.get(ETAG).cloned();
        let last_modified = headers.get(LAST_MODIFIED).cloned();
        let validator = match &etag {
            // Two versions that differ in bytes may share a weak ETag, and such a host changes files in
            // place, so that the time of the last change is not believed either.
            Some(etag) if etag.as_bytes().starts_with(b"W/") => None,
            Some(etag) => Some(etag.clone()),
            None => {
                let is_strong = |changed: &HeaderValue| is_strong(changed, headers, now);
                last_modified.clone().filter(is_strong)
            }
        };
        Self {
            validator,
            etag,
            last_modified,
        }
    }

    /// Returns `true` if another answer is of this version. A host that was asked with If-Range may leave
    /// its headers out, but must not contradict itself. An ETag says more than the time of the last change,
    /// in which the servers of one host may differ.
    pub(super) fn is_also_of(&self, headers: &HeaderMap) -> bool {
        let agrees = |name, known: &Option<HeaderValue>| {
            let stated = headers.get(name);
            stated.is_none_or(|stated| Some(stated) == known.as_ref())
        };
        agrees(ETAG, &self.etag)
            && (self.etag.is_some() || agrees(LAST_MODIFIED, &self.last_modified))
    }
}

/// Returns `true` if the time of the last change was long enough ago when the answer was sent.
fn is_strong(changed: &HeaderValue, headers: &HeaderMap, now: SystemTime) -> bool {
    let time = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    let sent = headers.get(DATE).and_then(time).unwrap_or(now);
    let age = time(changed).and_then(|changed| sent.duration_since(changed).ok());
    age.is_some_and(|age| age >= STRONG_AGE)
}
