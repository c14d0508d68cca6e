//! The waiter: one loop that polls any number of jobs within common rate limits.
//!
//! A job is in one of three phases. While it is *waiting*, a timer in a common queue stands for its
//! next poll. Once that time has come, the job is *due*: it waits for a free slot of the rate limits,
//! and the [`queue`] decides which of the due jobs is polled first. Then a poll of it is *in flight*.
//!
//! [`Waiter::next`] drives this cycle: it collects the jobs whose time has come, starts as many polls
//! as the limits allow, and waits for the next event (an answer, a new job, a wake-up, or a time at
//! which there is something to do). It returns one item per answer.

mod queue;

use std::borrow::Borrow;
use std::collections::hash_map::{Entry as MapEntry, HashMap};
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, Stream};
use slab::Slab;

use self::queue::Queue;
use crate::entry::Entry;
use crate::limits::{RateLimits, earliest_slot, spacing};
use crate::schedule::Schedule;
use crate::state::{Context, JobState, RETRY_AFTER_CAP, clamp_to_deadline};
use crate::update::{OnError, PollError, Reply, Update, WaitError};
use crate::watched::{Job, Phase};

/// The result of one poll, with the key of its job.
pub(crate) type Item<K, T, E> = (K, Result<Update<T, E>, WaitError<E>>);

/// The answer to a poll; `None` if the deadline cut off the poll.
type Answer<T, E> = Option<Result<Reply<T>, PollError<E>>>;

/// The state of a watch of many jobs.
pub(crate) struct Waiter<K, E, S, W, P, F> {
    context: Context,
    limits: RateLimits,
    default_schedule: Arc<dyn Schedule>,
    /// The stream of new jobs; `None` once it has ended.
    entries: Option<Pin<Box<S>>>,
    /// The stream of the keys of jobs to poll at once; `None` once it has ended.
    wakes: Option<Pin<Box<W>>>,
    /// The closure that polls the job of an index and key.
    poll_one: P,
    jobs: Slab<Job<K, E>>,
    indices: HashMap<K, usize>,
    queue: Queue,
    in_flight: FuturesUnordered<F>,
    /// The instant from which on the next poll may be made.
    next_slot: Instant,
    /// The number of polls, over all jobs, that failed in a row with [`OnError::Retry`].
    failures_in_row: usize,
    /// The number of jobs entered since the start, those that have ended included.
    entered: usize,
}

/// An event that the waiter waits for.
enum Event<K, Q, A> {
    /// A poll has finished.
    Answer(A),
    /// A job was entered, or `None` at the end of the entries.
    Entry(Option<Entry<K>>),
    /// A job is to be polled at once, or `None` at the end of the wake-ups.
    Wake(Option<Q>),
    /// A job became due, a slot became free, or the deadline expired.
    Time,
}

impl<K, Q, T, E, S, W, P, F> Waiter<K, E, S, W, P, F>
where
    K: Borrow<Q> + Clone + Eq + Hash,
    Q: Eq + Hash,
    S: Stream<Item = Entry<K>>,
    W: Stream<Item = Q>,
    P: FnMut(usize, &K) -> F,
    F: Future<Output = (usize, Answer<T, E>)>,
    E: Clone,
{
    pub(crate) fn new(
        context: Context,
        limits: RateLimits,
        default_schedule: Arc<dyn Schedule>,
        entries: S,
        wakes: W,
        poll_one: P,
    ) -> Self {
        let now = context.clock().now();
        Self {
            context,
            limits,
            default_schedule,
            entries: Some(Box::pin(entries)),
            wakes: Some(Box::pin(wakes)),
            poll_one,
            jobs: Slab::new(),
            indices: HashMap::new(),
            queue: Queue::default(),
            in_flight: FuturesUnordered::new(),
            // The token bucket starts full, so the first polls may be a burst.
            next_slot: earliest_slot(limits, now),
            failures_in_row: 0,
            entered: 0,
        }
    }

    /// Returns the next item, or `None` once the entries and all jobs have ended.
    pub(crate) async fn next(&mut self) -> Option<Item<K, T, E>> {
        loop {
            let now = self.context.clock().now();
            self.queue.collect_due(&mut self.jobs, now);
            // Polls in flight are cut off by the deadline and no timer lies after it, so only the due
            // jobs have to be ended here, one per call.
            if self.context.is_out_of_time()
                && let Some(item) = self.expire_one()
            {
                return Some(item);
            }
            self.start_polls();
            if self.jobs.is_empty() && self.entries.is_none() {
                return None;
            }
            match self.next_event().await {
                Event::Answer((index, answer)) => return Some(self.handle_answer(index, answer)),
                Event::Entry(Some(entry)) => self.enter(entry),
                Event::Entry(None) => self.entries = None,
                Event::Wake(Some(key)) => {
                    // A wake-up may name a job that has ended or was never entered.
                    if let Some(index) = self.indices.get(&key) {
                        self.wake(*index);
                    }
                }
                Event::Wake(None) => self.wakes = None,
                Event::Time => {}
            }
        }
    }

    /// Adds a job. A job that is being watched already is woken instead.
    fn enter(&mut self, entry: Entry<K>) {
        match self.indices.entry(entry.key) {
            MapEntry::Occupied(watched) => {
                let index = *watched.get();
                self.wake(index);
            }
            MapEntry::Vacant(vacant) => {
                let schedule = entry
                    .schedule
                    .unwrap_or_else(|| Arc::clone(&self.default_schedule));
                let state = JobState::new(&self.context, schedule, entry.first_poll);
                let next_poll = state.next_poll;
                let index = self.jobs.insert(Job {
                    key: vacant.key().clone(),
                    state,
                    phase: Phase::Waiting,
                });
                vacant.insert(index);
                self.entered = self.entered.saturating_add(1);
                self.queue.add_timer(next_poll, index);
            }
        }
    }

    /// Makes a job the next one to be polled, whatever its schedule and the other jobs ask for.
    fn wake(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        match &mut job.phase {
            // The poll in flight may have read the state before the change that the wake-up reports,
            // so another poll has to follow it.
            Phase::InFlight { woken } => {
                *woken = true;
                return;
            }
            Phase::Due => {}
            // The timer stays behind; `collect_due` recognizes it as obsolete by `next_poll`.
            Phase::Waiting => {
                job.state.next_poll = self.context.clock().now();
                job.phase = Phase::Due;
            }
        }
        self.queue.move_to_front(index);
    }

    /// Ends the wait for one due job because the deadline has expired. Returns `None` if no job is
    /// due. Also returns `None` for a job that was never polled and is the only one ever entered: it
    /// is polled once, however short the deadline.
    fn expire_one(&mut self) -> Option<Item<K, T, E>> {
        let index = self.queue.any_due()?;
        if self.entered == 1 && self.jobs[index].state.polls == 0 {
            return None;
        }
        self.queue.remove(index);
        let mut job = self.remove(index);
        Some((job.key, Err(job.state.deadline_error())))
    }

    fn remove(&mut self, index: usize) -> Job<K, E> {
        let job = self.jobs.remove(index);
        self.indices.remove(job.key.borrow());
        job
    }

    fn max_in_flight(&self) -> usize {
        self.limits.at_once.max(1)
    }

    /// Starts polls of due jobs, as many as the limits allow.
    fn start_polls(&mut self) {
        let now = self.context.clock().now();
        let spacing = spacing(self.limits);
        while self.in_flight.len() < self.max_in_flight() && self.next_slot <= now {
            let next = self
                .queue
                .pop_due(&self.jobs, &self.context, self.limits, now);
            let Some(index) = next else { return };
            // The poll takes the slot. Unused slots older than a burst are lost, or a long silence
            // would be followed by a flood of polls.
            self.next_slot = self.next_slot.max(earliest_slot(self.limits, now)) + spacing;
            let job = &mut self.jobs[index];
            job.phase = Phase::InFlight { woken: false };
            self.in_flight.push((self.poll_one)(index, &job.key));
        }
    }

    /// Updates a job by the answer to its poll, and plans its next poll unless it has ended.
    fn handle_answer(&mut self, index: usize, answer: Answer<T, E>) -> Item<K, T, E> {
        let now = self.context.clock().now();
        // Only `Retry` errors may concern the server as a whole, and hold the polls of all jobs. Every
        // other answer shows that the server can answer.
        if let Some(Err(error)) = &answer
            && let OnError::Retry { retry_after } = error.on_error
        {
            self.hold(now, retry_after);
        } else {
            self.failures_in_row = 0;
        }
        let job = &mut self.jobs[index];
        let mut item = job.state.apply_answer(&self.context, answer);
        match &mut item {
            Ok(Update::Pending(_)) => {}
            // The update states the real time of the retry, which is not before the next slot.
            Ok(Update::Retrying { retry_in, .. }) => {
                *retry_in = (*retry_in).max(self.next_slot.saturating_duration_since(now));
            }
            Ok(Update::Done(_)) | Err(_) => return (self.remove(index).key, item),
        }
        let (key, phase) = (job.key.clone(), job.phase);
        job.phase = Phase::Waiting;
        if phase == (Phase::InFlight { woken: true }) {
            self.wake(index);
        } else {
            self.queue.add_timer(job.state.next_poll, index);
        }
        (key, item)
    }

    /// Moves the next slot into the future, so that no job is polled for a while: for as long as the
    /// server asks, and with a growing back-off while every poll fails, since polls of the other jobs
    /// would fail the same way.
    fn hold(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        if let Some(requested) = retry_after {
            let until = now + requested.min(RETRY_AFTER_CAP);
            self.next_slot = self.next_slot.max(until);
        }
        // Polls that are in flight together fail together, so they count as one round. The back-off
        // starts with the second round: one job alone has a back-off of its own.
        let rounds = self.failures_in_row / self.max_in_flight();
        if let Some(before) = rounds.checked_sub(2) {
            let before = u32::try_from(before).unwrap_or(u32::MAX);
            let backoff = self.context.poller.backoff(before);
            let until = clamp_to_deadline(&self.context, backoff);
            self.next_slot = self.next_slot.max(until);
        }
    }

    /// Waits for the next event.
    async fn next_event(&mut self) -> Event<K, Q, F::Output> {
        let clock = Arc::clone(&self.context.poller.clock);
        let mut sleep = self.next_time().map(|at| {
            // A clock for tests may jump over a sleep, but not while a poll is in progress.
            if self.in_flight.is_empty() {
                clock.sleep_until(at)
            } else {
                clock.timeout_at(at)
            }
        });
        // If several events are ready, the order decides. Answers come first because they make room
        // for other polls. Time comes last, so a clock that jumps does so only if nothing else is
        // left to do.
        poll_fn(|context| {
            if let Poll::Ready(Some(answer)) = self.in_flight.poll_next_unpin(context) {
                return Poll::Ready(Event::Answer(answer));
            }
            if let Some(entries) = &mut self.entries
                && let Poll::Ready(entry) = entries.poll_next_unpin(context)
            {
                return Poll::Ready(Event::Entry(entry));
            }
            if let Some(wakes) = &mut self.wakes
                && let Poll::Ready(wake) = wakes.poll_next_unpin(context)
            {
                return Poll::Ready(Event::Wake(wake));
            }
            match &mut sleep {
                Some(sleep) => sleep.as_mut().poll(context).map(|()| Event::Time),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Returns the next instant at which there is something to do if no other event comes first.
    fn next_time(&self) -> Option<Instant> {
        let timer = self.queue.next_timer();
        // No timer lies after the deadline, so without due jobs the first timer is all there is to
        // wait for.
        if self.queue.any_due().is_none() {
            return timer;
        }
        // Due jobs wait for a slot, and the deadline ends that wait. If too many polls are in flight,
        // the slot is of no use before one of them ends, which is an event of its own.
        let clock = self.context.clock();
        let left = self.context.deadline.remaining(clock);
        let deadline = left.map(|left| clock.now() + left);
        let is_full = self.in_flight.len() >= self.max_in_flight();
        let slot = (!is_full).then_some(self.next_slot);
        [timer, deadline, slot].into_iter().flatten().min()
    }
}
