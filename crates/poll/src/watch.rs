//! The public entry points: watching one job, or many, as a stream with one item per poll.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, stream};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::entry::Entry;
use crate::limits::RateLimits;
use crate::poller::Poller;
use crate::schedule::{Geometric, Schedule};
use crate::state::Context;
use crate::update::{FirstPoll, PollError, Reply, Update, WaitError};
use crate::waiter::Waiter;

impl Poller {
    /// Polls a job by the schedule until the job has ended, an error ends the wait, or the deadline
    /// expires. The deadline also cuts off a poll that stalls.
    ///
    /// Each poll yields one item; [`Update::Done`] and an error are the last. Polls are made only
    /// while the stream is polled, and dropping the stream at any time loses nothing.
    pub fn watch<T, E, P, F>(
        self,
        deadline: Deadline,
        first_poll: FirstPoll,
        mut poll: P,
    ) -> impl Stream<Item = Result<Update<T, E>, WaitError<E>>>
    where
        P: FnMut() -> F,
        F: Future<Output = Result<Reply<T>, PollError<E>>>,
        E: Clone,
    {
        let entries = stream::iter([Entry::new((), first_poll)]);
        // One job is limited by its schedule alone.
        let limits = RateLimits {
            at_once: 1,
            per_second: f64::INFINITY,
        };
        self.watch_many(
            limits,
            deadline,
            entries,
            stream::empty::<()>(),
            move |()| poll(),
        )
        .map(|((), item)| item)
    }

    /// Polls any number of jobs as [`watch`](Self::watch) does one, within common `limits`. Each item
    /// carries the key of its job.
    ///
    /// An error that ends the wait for one job does not affect the others; the deadline holds for
    /// all. If the server asks to wait ([`OnError::Retry`](crate::OnError::Retry)), no job is polled
    /// until then. While every poll fails, the polls of all jobs back off together, up to 30 s apart.
    ///
    /// `entries` may yield jobs at any time. A job whose key is yielded by `wakes`, or that is entered
    /// again, is the next one to be polled. The stream ends when `entries` and all jobs have ended.
    pub fn watch_many<K, Q, T, E, P, F>(
        self,
        limits: RateLimits,
        deadline: Deadline,
        entries: impl Stream<Item = Entry<K>>,
        wakes: impl Stream<Item = Q>,
        mut poll: P,
    ) -> impl Stream<Item = (K, Result<Update<T, E>, WaitError<E>>)>
    where
        K: std::borrow::Borrow<Q> + Clone + Eq + Hash,
        Q: Eq + Hash,
        P: FnMut(&K) -> F,
        F: Future<Output = Result<Reply<T>, PollError<E>>>,
        E: Clone,
    {
        let default_schedule: Arc<dyn Schedule> = match self.schedule() {
            Some(schedule) => Arc::clone(schedule),
            None => Arc::new(Geometric::default()),
        };
        let clock = Arc::clone(&self.clock);
        let poll_one =
            move |index, key: &K| poll_one(index, Arc::clone(&clock), deadline, poll(key));
        let context = Context {
            poller: self,
            deadline,
        };
        let waiter = Waiter::new(context, limits, default_schedule, entries, wakes, poll_one);
        stream::unfold(waiter, async |mut waiter| {
            Some((waiter.next().await?, waiter))
        })
    }
}

/// Makes one poll and returns its output with the index of its job; `None` if the deadline cut off
/// the poll.
async fn poll_one<F: Future>(
    index: usize,
    clock: Arc<dyn Clock>,
    deadline: Deadline,
    poll: F,
) -> (usize, Option<F::Output>) {
    (index, deadline.timeout(&*clock, poll).await)
}
