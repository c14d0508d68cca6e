//! One job of a watch: its key, its polling state and its phase.

use crate::state::JobState;

/// A job of the watch.
pub(crate) struct Job<K, E> {
    pub(crate) key: K,
    pub(crate) state: JobState<E>,
    pub(crate) phase: Phase,
}

/// The phase of a job in the cycle of polls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The job has a timer.
    Waiting,
    /// The job is to be polled as soon as the limits allow.
    Due,
    /// A poll of the job is in progress.
    InFlight {
        /// The job was woken after its poll was started, so the answer may be out of date.
        woken: bool,
    },
}
