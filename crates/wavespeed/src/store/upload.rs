//! The records that a store keeps of uploads, so that no content is uploaded twice.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The time for which the vendor keeps an upload (`spec/wavespeed.yaml`, operation `create_upload`).
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The least time that an upload must still be kept to be used again. The vendor fetches a file when
/// the prediction starts, which may be long after the submit: after a queue, or after a job was
/// resumed and sent again.
const REUSE_MARGIN: Duration = Duration::from_secs(6 * 60 * 60);

/// The coarsest resolution of modification times: FAT keeps two seconds. A file that was modified
/// less than this before it was read can be modified again afterwards and show the same time.
const MTIME_GRANULARITY: Duration = Duration::from_secs(2);

/// The identity of an upload. Files with equal contents share one upload.
///
/// [`UploadRecord`] has an example.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Content {
    /// The SHA-256 of the bytes, in lowercase hex.
    pub sha256: String,
    /// The extension of the file name, in lower case and without the dot; empty if there is none. It
    /// belongs to the identity because the vendor derives the media type from it and puts it into
    /// the URL.
    pub extension: String,
}

impl Content {
    /// Creates the identity of these bytes under a name with this extension.
    #[must_use]
    pub fn new(sha256: impl Into<String>, extension: impl Into<String>) -> Self {
        Self {
            sha256: sha256.into(),
            extension: extension.into(),
        }
    }
}

/// The record of an upload in a [`Store`](crate::Store).
///
/// ```no_run
/// # async fn example(store: wavespeed::MemoryStore) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::SystemTime;
/// use wavespeed::{Account, Content, FileState, Store as _, UploadRecord};
///
/// let account = Account::new("https://api.wavespeed.ai/api/v3", "production");
/// let content = Content::new("ab".repeat(32), "mp4");
/// let upload = UploadRecord::new(content.clone(), 4, "https://a.example/1.mp4", SystemTime::now());
/// let file = FileState::new("/clips/1.mp4", 4, SystemTime::UNIX_EPOCH);
/// store.record_upload(&account, &upload, Some(&file)).await?;
/// assert_eq!(store.find_upload(&account, &content).await?, Some(upload));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadRecord {
    /// The content.
    pub content: Content,
    /// The length in bytes.
    pub bytes: u64,
    /// The URL that models accept.
    pub url: String,
    /// The time at which the upload began.
    pub at: SystemTime,
    /// The time until which the vendor keeps the upload: 7 days after its beginning.
    pub kept_until: SystemTime,
}

impl UploadRecord {
    /// Creates the record of an upload that began at the time `at`.
    #[must_use]
    pub fn new(content: Content, bytes: u64, url: impl Into<String>, at: SystemTime) -> Self {
        Self {
            content,
            bytes,
            url: url.into(),
            at,
            kept_until: at + RETENTION,
        }
    }

    /// Returns `true` if a job that is submitted `now` can still fetch the upload. After the clock
    /// was set back the age is unknown, so the answer is `false`.
    pub(crate) fn is_reusable(&self, now: SystemTime) -> bool {
        self.at <= now && now + REUSE_MARGIN < self.kept_until
    }
}

/// The state of a file when its content was read. A file in the same state has the same content.
///
/// [`UploadRecord`] has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileState {
    /// The path, absolute and without symbolic links.
    pub path: PathBuf,
    /// The length in bytes.
    pub bytes: u64,
    /// The modification time, as precisely as the file system reports it.
    pub modified: SystemTime,
}

impl FileState {
    /// Creates the state of the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, bytes: u64, modified: SystemTime) -> Self {
        Self {
            path: path.into(),
            bytes,
            modified,
        }
    }

    /// Returns `true` if a modification after `now` would change the modification time.
    pub(crate) fn mtime_is_reliable(&self, now: SystemTime) -> bool {
        now.duration_since(self.modified)
            .is_ok_and(|age| age > MTIME_GRANULARITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    #[test]
    fn an_upload_is_reusable_until_shortly_before_it_expires() {
        let at = SystemTime::UNIX_EPOCH + HOUR * 500_000;
        let upload = UploadRecord::new(Content::new("ab", "mp4"), 1, "https://a.example", at);
        assert_eq!(upload.kept_until, at + HOUR * 24 * 7);
        let second = Duration::from_secs(1);
        for (now, expected) in [
            (at - second, false),
            (at, true),
            (upload.kept_until - HOUR * 6 - second, true),
            (upload.kept_until - HOUR * 6, false),
            (upload.kept_until + HOUR, false),
        ] {
            assert_eq!(upload.is_reusable(now), expected, "{now:?}");
        }
    }

    #[test]
    fn the_mtime_of_a_file_that_was_just_modified_is_not_reliable() {
        let modified = SystemTime::UNIX_EPOCH + HOUR;
        let file = FileState::new("/a", 1, modified);
        for (milliseconds, expected) in [(0, false), (2_000, false), (2_001, true)] {
            let now = modified + Duration::from_millis(milliseconds);
            assert_eq!(file.mtime_is_reliable(now), expected, "{milliseconds}");
        }
        assert!(
            !file.mtime_is_reliable(modified - HOUR),
            "a modification time in the future"
        );
    }
}
