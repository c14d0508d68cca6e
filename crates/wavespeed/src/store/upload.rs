//! What is remembered of uploads and of the files they were made from, so that no bytes are sent
//! twice.

use std::hash::Hash;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long the vendor keeps an upload.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An upload that has less of its life left is made again. The vendor fetches it when the task
/// begins, not when it is submitted: after a queue, or after `resume` has sent the job again.
const REUSE_MARGIN: Duration = Duration::from_secs(6 * 60 * 60);

/// Some file systems keep times of two seconds. A file that was changed within these before it was
/// read may be changed again after it, and show the same time.
const MTIME_GRANULARITY: Duration = Duration::from_secs(2);

/// What an upload stands for: two files that are the same in this need one upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Content {
    /// The SHA-256 of the bytes, in lowercase hex.
    pub sha256: String,
    /// What the name of the file ends with, in lower case and without the dot; or nothing. The
    /// vendor takes the kind of the media from it, and puts it into the URL.
    pub extension: String,
}

impl Content {
    /// These bytes under a name with this extension.
    #[must_use]
    pub fn new(sha256: impl Into<String>, extension: impl Into<String>) -> Self {
        Self {
            sha256: sha256.into(),
            extension: extension.into(),
        }
    }
}

/// What a [`Store`](crate::Store) knows of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadRecord {
    /// What was uploaded.
    pub content: Content,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where the vendor's models find it.
    pub url: String,
    /// When the upload was begun.
    pub at: SystemTime,
    /// Until when the vendor keeps it: 7 days.
    pub kept_until: SystemTime,
}

impl UploadRecord {
    /// An upload that was begun at this time.
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

    /// Whether the vendor still has it when a task that is submitted now fetches it. By a clock
    /// that was set back, nobody knows.
    pub(crate) fn is_reusable(&self, now: SystemTime) -> bool {
        self.at <= now && now + REUSE_MARGIN < self.kept_until
    }
}

/// A file as it was when its content was read: as long as it is in this state, it has that content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileState {
    /// The path, absolute and without links.
    pub path: PathBuf,
    /// The length in bytes.
    pub bytes: u64,
    /// When it was last changed, as precisely as the file system says it.
    pub modified: SystemTime,
}

impl FileState {
    /// The file at this path, of this length and age.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, bytes: u64, modified: SystemTime) -> Self {
        Self {
            path: path.into(),
            bytes,
            modified,
        }
    }

    /// Whether a change after it was read at `now` would show in its time.
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
    fn an_upload_does_until_shortly_before_its_end() {
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
    fn a_file_that_was_just_changed_is_not_settled() {
        let modified = SystemTime::UNIX_EPOCH + HOUR;
        let file = FileState::new("/a", 1, modified);
        for (milliseconds, expected) in [(0, false), (2_000, false), (2_001, true)] {
            let now = modified + Duration::from_millis(milliseconds);
            assert_eq!(file.mtime_is_reliable(now), expected, "{milliseconds}");
        }
        assert!(
            !file.mtime_is_reliable(modified - HOUR),
            "it is of the future"
        );
    }
}
