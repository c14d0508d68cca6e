//! The error of a wait.

use wavespeed_client::PredictionId;

use crate::call::FetchError;

/// Why waiting ended before the task did. The task goes on; waiting again from the id finds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline came.
    #[error("{}", match .trouble {
        None => format!("the deadline came, and {id} was running when it was last asked about"),
        Some(error) => format!("the deadline came, and where {id} stands is not known: {error}"),
    })]
    Deadline {
        /// The id of the task.
        id: PredictionId,
        /// The error of the last poll, if that one failed.
        trouble: Option<FetchError>,
    },
    /// The deadline came before there was any answer.
    #[error("the deadline came before anything was learned of {id}; it may have ended")]
    Unanswered {
        /// The id of the task.
        id: PredictionId,
    },
    /// An error that waiting cannot mend.
    #[error("waiting for {id} cannot go on: {error}")]
    Stopped {
        /// The id of the task.
        id: PredictionId,
        /// The error.
        error: FetchError,
    },
}

impl WaitError {
    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        match self {
            Self::Deadline { id, .. } | Self::Unanswered { id } | Self::Stopped { id, .. } => id,
        }
    }
}
