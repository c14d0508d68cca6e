//! What a poll yields, what an error of a poll means for the wait, and how a wait ends.

use std::time::Duration;

/// What asking brought. Closed on purpose: a job goes on or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The job goes on.
    Pending(T),
    /// The job has ended, well or badly.
    Done(T),
}

/// Asking failed. That says nothing about the job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollError<E> {
    /// What went wrong.
    pub error: E,
    /// What follows from it.
    pub verdict: OnError,
}

impl<E> PollError<E> {
    /// An error, and what follows from it.
    #[must_use]
    pub fn new(error: E, verdict: OnError) -> Self {
        Self { error, verdict }
    }
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Ask again, with back-off, but not before `retry_after` if the other side named a time.
    Retry {
        /// How long the other side asked to wait; what is more than an hour is an hour.
        retry_after: Option<Duration>,
    },
    /// Ask again, unless nothing but this has been learned for so long.
    RetryWithin(Duration),
    /// Waiting cannot mend it.
    Stop,
}

/// One step of waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update<T, E> {
    /// The job goes on.
    Pending(T),
    /// Asking failed and is repeated.
    Retrying {
        /// What went wrong.
        error: E,
        /// How long it will be until the next poll.
        again_in: Duration,
    },
    /// The job has ended. The last item of the stream.
    Done(T),
}

/// Why waiting ended before the job did. Closed on purpose: whoever waits has to answer each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitError<E> {
    /// The deadline came. Carries the error of the last poll if that one failed.
    Deadline(Option<E>),
    /// The deadline came before there was any answer: the job may have ended.
    Unanswered,
    /// An error that waiting cannot mend.
    Error(E),
}

/// When the first poll is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstPoll {
    /// At once: the job may have ended long ago.
    Now,
    /// After the schedule's first gap: the job has just begun.
    AfterGap,
}
