//! Watching jobs: polling one or many until they have ended, as a stream of what each poll yields.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, stream};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::limits::RateLimits;
use crate::poller::Poller;
use crate::schedule::{Geometric, Schedule};
use crate::state::Context;
use crate::update::{FirstPoll, PollError, Reply, Update, WaitError};
use crate::waiter::{Entry, Waiter};

impl Poller {
    /// Asks by the schedule until the job has ended, an error stops it, or the deadline comes,
    /// which also cuts off a poll that stalls. Each poll yields one item; [`Update::Done`] and an
    /// error are the last. Nothing happens unless the stream is polled, and dropping it at any
    /// moment loses nothing.
    pub fn watch<T, E, A, F>(
        self,
        deadline: Deadline,
        start: FirstPoll,
        ask: A,
    ) -> impl Stream<Item = Result<Update<T, E>, WaitError<E>>>
    where
        A: FnMut() -> F,
        F: Future<Output = Result<Reply<T>, PollError<E>>>,
        E: Clone,
    {
        let mut ask = ask;
        let entries = stream::iter([Entry::new((), start)]);
        let alone = RateLimits {
            at_once: 1,
            per_second: f64::INFINITY,
        };
        self.watch_many(alone, deadline, entries, stream::empty::<()>(), move |()| {
            ask()
        })
        .map(|((), item)| item)
    }

    /// Watches any number of jobs as [`watch`](Self::watch) does one, within `limits`: the items are
    /// those of all of them, each with the key of its job. An error that ends the waiting for one
    /// job ends it for that job only, and the deadline for all. If the other side asks to wait
    /// ([`OnError::Retry`](crate::OnError::Retry)), nothing is asked until then; if it answers nobody, all are asked about
    /// the more seldom the longer that lasts, up to half a minute apart.
    ///
    /// `entries` may go on for as long as it likes: jobs can be added at any time. One whose key
    /// `wakes` yields is the next to be asked about, as is one that is entered again. The stream ends when
    /// `entries` has, and every job.
    pub fn watch_many<K, Q, T, E, A, F>(
        self,
        limits: RateLimits,
        deadline: Deadline,
        entries: impl Stream<Item = Entry<K>>,
        wakes: impl Stream<Item = Q>,
        mut ask: A,
    ) -> impl Stream<Item = (K, Result<Update<T, E>, WaitError<E>>)>
    where
        K: std::borrow::Borrow<Q> + Clone + Eq + Hash,
        Q: Eq + Hash,
        A: FnMut(&K) -> F,
        F: Future<Output = Result<Reply<T>, PollError<E>>>,
        E: Clone,
    {
        let default: Arc<dyn Schedule> = match self.schedule() {
            Some(schedule) => Arc::clone(schedule),
            None => Arc::new(Geometric::default()),
        };
        let clock = Arc::clone(&self.clock);
        let fly = move |index, key: &K| fly(index, Arc::clone(&clock), deadline, ask(key));
        let context = Context {
            poller: self,
            deadline,
        };
        let waiter = Waiter::new(context, limits, default, entries, wakes, fly);
        stream::unfold(waiter, async |mut waiter| {
            Some((waiter.next().await?, waiter))
        })
    }
}

/// A poll on its way.
async fn fly<F: Future>(
    index: usize,
    clock: Arc<dyn Clock>,
    deadline: Deadline,
    asked: F,
) -> (usize, Option<F::Output>) {
    (index, deadline.timeout(&*clock, asked).await)
}
