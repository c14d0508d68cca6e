//! The conversions between values of records and values of columns.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wavespeed::JobNumber;

use crate::error::JournalError;

/// Returns the milliseconds since 1970. An earlier time, which only a wrong clock shows, counts as 1970.
pub(crate) fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the time of a number of milliseconds since 1970.
pub(super) fn time(milliseconds: i64) -> Result<SystemTime, &'static str> {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    at.ok_or("it is out of range")
}

/// Returns a length or a count as SQLite stores it. No file is longer than its largest number.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the number of a job as it is in the tables. A number beyond the range of SQLite was never
/// given to a job; it becomes NULL, which matches no row.
pub(super) fn row_number(job: JobNumber) -> Option<i64> {
    i64::try_from(job.get()).ok()
}

/// Checks the fingerprint of an API key: 12 lowercase hex digits, or nothing. A caller that passes the
/// API key in its place must not get it written down.
pub(crate) fn check_fingerprint(fingerprint: &str) -> Result<(), JournalError> {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_fingerprint = fingerprint.len() == 12 && fingerprint.bytes().all(is_hex);
    if is_fingerprint || fingerprint.is_empty() {
        Ok(())
    } else {
        Err(JournalError::Fingerprint)
    }
}

#[cfg(unix)]
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, JournalError> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(path.as_os_str().as_bytes().to_owned())
}

#[cfg(not(unix))]
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, JournalError> {
    let text = path
        .to_str()
        .ok_or_else(|| JournalError::Path(path.to_owned()))?;
    Ok(text.as_bytes().to_owned())
}

#[cfg(unix)]
pub(super) fn path(bytes: &[u8]) -> Result<PathBuf, std::str::Utf8Error> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
pub(super) fn path(bytes: &[u8]) -> Result<PathBuf, std::str::Utf8Error> {
    std::str::from_utf8(bytes).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_fingerprint_rejects_api_keys() {
        for (fingerprint, expected) in [
            ("0123456789ab", true),
            ("", true),
            ("0123456789AB", false),
            ("0123456789abc", false),
            ("wsk_live_123", false),
        ] {
            let is_ok = check_fingerprint(fingerprint).is_ok();
            assert_eq!(is_ok, expected, "{fingerprint}");
        }
    }

    #[test]
    fn time_out_of_range_is_an_error() {
        assert_eq!(
            time(1_500).unwrap(),
            UNIX_EPOCH + Duration::from_millis(1_500)
        );
        assert!(time(-1).is_err());
    }
}
