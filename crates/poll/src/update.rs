//! The values that pass between a wait and its caller: the reply or error of a poll, the updates of
//! the wait, and the errors that end the wait.

use std::time::Duration;

/// A successful poll. Exhaustive on purpose: a job either runs or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The job is still running.
    Pending(T),
    /// The job has ended, successfully or not.
    Done(T),
}

/// A failed poll. The failure says nothing about the state of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollError<E> {
    /// The error of the poll.
    pub error: E,
    /// The consequence of the error for the wait.
    pub on_error: OnError,
}

impl<E> PollError<E> {
    /// Creates an error with its consequence for the wait.
    #[must_use]
    pub fn new(error: E, on_error: OnError) -> Self {
        Self { error, on_error }
    }
}

/// The consequence of a failed poll for the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Poll again, with back-off, and not before `retry_after` if the server named a time.
    Retry {
        /// The time that the server asks to wait; more than one hour counts as one hour.
        retry_after: Option<Duration>,
    },
    /// Poll again, until all polls have failed with this consequence for this long.
    RetryWithin(Duration),
    /// End the wait: more polls cannot fix the error.
    Stop,
}

/// One step of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update<T, E> {
    /// The job is still running.
    Pending(T),
    /// The poll failed and will be repeated.
    Retrying {
        /// The error of the poll.
        error: E,
        /// The time from now until the next poll.
        retry_in: Duration,
    },
    /// The job has ended. This is the last item of the job.
    Done(T),
}

/// The error of a wait that ended before the job did. Exhaustive on purpose: a caller has to handle
/// each variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitError<E> {
    /// The deadline expired. Holds the error of the last poll if that poll failed.
    Deadline(Option<E>),
    /// The deadline expired before any poll was answered: the job may have ended.
    Unanswered,
    /// An error that more polls cannot fix.
    Error(E),
}

/// The time of the first poll of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstPoll {
    /// At once, for a job that may have ended long ago.
    Now,
    /// After the first gap of the schedule, for a job that has just begun.
    AfterGap,
}
