//! The entry that adds a job to a watch of many.

use std::sync::Arc;

use crate::schedule::Schedule;
use crate::update::FirstPoll;

/// A job for [`Poller::watch_many`](crate::Poller::watch_many).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry<K> {
    /// The key that identifies the job among all jobs of the watch.
    pub key: K,
    /// The schedule of the job; the schedule of the poller if `None`.
    pub schedule: Option<Arc<dyn Schedule>>,
    /// The time of the first poll.
    pub first_poll: FirstPoll,
}

impl<K> Entry<K> {
    /// Creates the entry of a job that uses the schedule of the poller.
    #[must_use]
    pub fn new(key: K, first_poll: FirstPoll) -> Self {
        Self {
            key,
            schedule: None,
            first_poll,
        }
    }
}
