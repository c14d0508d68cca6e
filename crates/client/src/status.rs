//! The status of a prediction. The enum is open because the vendor's own lists of statuses disagree.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a prediction. An unknown status is kept as it is and counts as not terminal, so a
/// status that the vendor adds later does not end a wait.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Status {
    /// Accepted and not started.
    Created,
    /// Being computed.
    Processing,
    /// Ended successfully, with outputs.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended by a request to cancel.
    Cancelled,
    /// Ended because the computation took the vendor too long.
    Timeout,
    /// Ended, and the record was deleted.
    Deleted,
    /// A status that is not known to this crate, as it was received.
    Unknown(String),
}

impl Status {
    /// All statuses but [`Unknown`](Self::Unknown).
    const KNOWN: [Self; 7] = [
        Self::Created,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
        Self::Deleted,
    ];

    /// Returns the status as it is on the wire.
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

    /// Returns `true` if this status is terminal: the prediction has ended, successfully or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled | Self::Timeout | Self::Deleted => {
                true
            }
            // No wildcard: a new variant has to be sorted into one of the two.
            Self::Created | Self::Processing | Self::Unknown(_) => false,
        }
    }
}

impl From<&str> for Status {
    fn from(word: &str) -> Self {
        let mut statuses = Self::KNOWN.iter();
        let status = statuses.find(|status| status.name() == word).cloned();
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
