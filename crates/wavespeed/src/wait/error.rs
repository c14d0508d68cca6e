//! The error of a wait.

use wavespeed_client::PredictionId;

use crate::call::FetchError;

/// Error of a wait that ended before the job did. The job continues; another wait for its id picks
/// it up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline expired.
    ///
    /// In a test with virtual time, this happens when the clock of the server did not move with that of
    /// the client; see [`ManualClock`](crate::poll::ManualClock).
    #[error("{}", match .last_error {
        None => format!("the deadline expired while {id} was running"),
        Some(error) => format!("the deadline expired, and the state of {id} is not known: {error}"),
    })]
    Deadline {
        /// The id of the job.
        id: PredictionId,
        /// The error of the last poll, if it failed.
        last_error: Option<FetchError>,
    },
    /// The deadline expired before the first answer.
    #[error("the deadline expired before the first answer about {id}; it may have ended")]
    Unanswered {
        /// The id of the job.
        id: PredictionId,
    },
    /// A poll failed with an error that waiting cannot fix.
    #[error("waiting for {id} was stopped: {error}")]
    Stopped {
        /// The id of the job.
        id: PredictionId,
        /// The error.
        error: FetchError,
    },
}

impl WaitError {
    /// Returns the id of the job.
    ///
    /// [`Next`](crate::Next) has an example.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        match self {
            Self::Deadline { id, .. } | Self::Unanswered { id } | Self::Stopped { id, .. } => id,
        }
    }
}
