//! Where a task stands; open, because the vendor's own lists of statuses disagree.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a task stands. A word that is not known here is kept, and means that the task goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Status {
    /// Accepted, not begun.
    Created,
    /// At work.
    Processing,
    /// Ended well: the outputs are there.
    Completed,
    /// Ended badly.
    Failed,
    /// Ended by somebody's wish.
    Cancelled,
    /// Ended because it took the vendor too long.
    Timeout,
    /// Ended, and its record was deleted.
    Deleted,
    /// Another word.
    Unknown(String),
}

impl Status {
    const KNOWN: [Self; 7] = [
        Self::Created,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
        Self::Deleted,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::Deleted => "deleted",
            Self::Unknown(word) => word,
        }
    }

    /// Whether the task has ended, well or badly.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled | Self::Timeout | Self::Deleted => {
                true
            }
            Self::Created | Self::Processing | Self::Unknown(_) => false,
        }
    }
}

impl From<&str> for Status {
    fn from(word: &str) -> Self {
        let mut known = Self::KNOWN.iter();
        let status = known.find(|status| status.name() == word).cloned();
        status.unwrap_or_else(|| Self::Unknown(word.to_owned()))
    }
}

impl From<String> for Status {
    fn from(word: String) -> Self {
        Self::from(word.as_str())
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.name().to_owned()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
