//! The waiter behind a watch of many jobs.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::{Entry as Slot, HashMap};
use std::collections::{BTreeSet, BinaryHeap};
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, Stream};
use slab::Slab;

use crate::limits::{RateLimits, spacing, unused};
use crate::schedule::Schedule;
use crate::state::{Context, JobState, RETRY_AFTER_CAP, clamp_to_deadline};
use crate::update::{FirstPoll, OnError, PollError, Reply, Update, WaitError};

/// How many of those that are due are picked at once, or which part of them: who comes first is worked
/// out anew for the next ones only.
const BATCH: usize = 32;

const PART: usize = 64;

/// However unlikely its end, a job is asked about when it has waited this long; or so many times as
/// long as it takes to ask about all.
const STARVED: Duration = Duration::from_secs(60);

const ROUNDS: f64 = 4.0;

/// A job for [`Poller::watch_many`](crate::Poller::watch_many).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry<K> {
    /// What it is told from the others by.
    pub key: K,
    /// When to ask about it; by the poller's schedule unless it has its own.
    pub schedule: Option<Arc<dyn Schedule>>,
    /// When it is first asked about.
    pub start: FirstPoll,
}

impl<K> Entry<K> {
    /// A job that has just begun.
    #[must_use]
    pub fn new(key: K, start: FirstPoll) -> Self {
        Self {
            key,
            schedule: None,
            start,
        }
    }
}

/// How urgent it is to ask about a job, since when it is due, and which one it is.
type Rank = (f64, Reverse<Instant>, usize);

fn by_rank(one: &Rank, other: &Rank) -> Ordering {
    one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
}

/// What was learned of one job.
pub(crate) type Item<K, T, E> = (K, Result<Update<T, E>, WaitError<E>>);

pub(crate) struct Waiter<K, E, S, W, L, F> {
    context: Context,
    limits: RateLimits,
    default: Arc<dyn Schedule>,
    /// Absent once it has ended.
    entries: Option<Pin<Box<S>>>,
    wakes: Option<Pin<Box<W>>>,
    fly: L,
    jobs: Slab<Job<K, E>>,
    indices: HashMap<K, usize>,
    /// The jobs that wait. One that was woken leaves its timer behind.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The jobs to be asked about, and those of them that are next, the first one last.
    due: BTreeSet<usize>,
    picked: Vec<usize>,
    flying: FuturesUnordered<F>,
    /// From when on there may be another poll.
    free: Instant,
    /// How many polls have failed in a row, of all jobs.
    streak: usize,
    /// How many jobs there have been.
    entered: usize,
}

struct Job<K, E> {
    key: K,
    state: JobState<E>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Due,
    Flying {
        /// It was woken meanwhile, so that the answer may be out of date.
        again: bool,
    },
}

/// What was waited for.
enum Event<K, Q, T> {
    Landed(T),
    Entry(Option<Entry<K>>),
    Wake(Option<Q>),
    Time,
}

impl<K, Q, T, E, S, W, L, F> Waiter<K, E, S, W, L, F>
where
    K: Borrow<Q> + Clone + Eq + Hash,
    Q: Eq + Hash,
    S: Stream<Item = Entry<K>>,
    W: Stream<Item = Q>,
    L: FnMut(usize, &K) -> F,
    F: Future<Output = (usize, Option<Result<Reply<T>, PollError<E>>>)>,
    E: Clone,
{
    pub(crate) fn new(
        context: Context,
        limits: RateLimits,
        default: Arc<dyn Schedule>,
        entries: S,
        wakes: W,
        fly: L,
    ) -> Self {
        let now = context.clock().now();
        Self {
            context,
            limits,
            default,
            entries: Some(Box::pin(entries)),
            wakes: Some(Box::pin(wakes)),
            fly,
            jobs: Slab::new(),
            indices: HashMap::new(),
            timers: BinaryHeap::new(),
            due: BTreeSet::new(),
            picked: Vec::new(),
            flying: FuturesUnordered::new(),
            free: unused(limits, now),
            streak: 0,
            entered: 0,
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Item<K, T, E>> {
        loop {
            self.collect();
            if self.context.is_out_of_time()
                && let Some(stopped) = self.give_up()
            {
                return Some(stopped);
            }
            self.launch();
            if self.jobs.is_empty() && self.entries.is_none() {
                return None;
            }
            match self.event().await {
                Event::Landed((index, answer)) => return Some(self.landed(index, answer)),
                Event::Entry(Some(entry)) => self.enter(entry),
                Event::Entry(None) => self.entries = None,
                Event::Wake(Some(key)) => {
                    if let Some(index) = self.indices.get(&key) {
                        self.wake(*index);
                    }
                }
                Event::Wake(None) => self.wakes = None,
                Event::Time => {}
            }
        }
    }

    fn enter(&mut self, entry: Entry<K>) {
        match self.indices.entry(entry.key) {
            Slot::Occupied(known) => {
                let index = *known.get();
                self.wake(index);
            }
            Slot::Vacant(new) => {
                let schedule = entry.schedule.unwrap_or_else(|| Arc::clone(&self.default));
                let state = JobState::new(&self.context, schedule, entry.start);
                let next = state.next;
                let index = self.jobs.insert(Job {
                    key: new.key().clone(),
                    state,
                    place: Place::Waiting,
                });
                new.insert(index);
                self.entered = self.entered.saturating_add(1);
                self.timers.push(Reverse((next, index)));
            }
        }
    }

    /// Asks about a job next, whatever its schedule and the others say.
    fn wake(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        match &mut job.place {
            Place::Flying { again } => {
                *again = true;
                return;
            }
            Place::Due => {
                self.due.remove(&index);
                self.picked.retain(|picked| *picked != index);
            }
            Place::Waiting => {
                job.state.next = self.context.clock().now();
                job.place = Place::Due;
            }
        }
        self.picked.push(index);
    }

    /// Takes those whose time has come from the queue.
    fn collect(&mut self) {
        let now = self.context.clock().now();
        while let Some(Reverse((at, index))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            // The timer may be of a job that was woken, or of one that was there before this one.
            let is_meant =
                |job: &&mut Job<K, E>| job.place == Place::Waiting && job.state.next == at;
            if let Some(job) = self.jobs.get_mut(index).filter(is_meant) {
                job.place = Place::Due;
                self.due.insert(index);
            }
        }
    }

    /// One that is due and has to go without an answer, as there is no time left. If there never was
    /// another, and it was never asked about, it is asked once, however short.
    fn give_up(&mut self) -> Option<Item<K, T, E>> {
        let index = self.picked.last().or(self.due.first()).copied()?;
        if self.entered == 1 && self.jobs[index].state.polls == 0 {
            return None;
        }
        self.picked.retain(|picked| *picked != index);
        self.due.remove(&index);
        let mut job = self.remove(index);
        Some((job.key, Err(job.state.out_of_time())))
    }

    fn remove(&mut self, index: usize) -> Job<K, E> {
        let job = self.jobs.remove(index);
        self.indices.remove(job.key.borrow());
        job
    }

    /// Asks about those that are due, as far as the limits let it.
    fn launch(&mut self) {
        let now = self.context.clock().now();
        let spacing = spacing(self.limits);
        while self.flying.len() < self.limits.at_once.max(1) && self.free <= now {
            let Some(index) = self.pick(now) else { return };
            // What was not used in time is lost, but for what can be on its way at once.
            self.free = self.free.max(unused(self.limits, now)) + spacing;
            let job = &mut self.jobs[index];
            job.place = Place::Flying { again: false };
            self.flying.push((self.fly)(index, &job.key));
        }
    }

    /// The next one to be asked about.
    fn pick(&mut self, now: Instant) -> Option<usize> {
        if self.picked.is_empty() {
            let rank = |index: &usize| {
                (
                    self.urgency(*index, now),
                    Reverse(self.jobs[*index].state.next),
                    *index,
                )
            };
            let mut ranked: Vec<Rank> = self.due.iter().map(rank).collect();
            let batch = BATCH.max(ranked.len() / PART);
            if ranked.len() > batch {
                let rest = ranked.len() - batch;
                ranked.select_nth_unstable_by(rest, by_rank);
                ranked.drain(..rest);
            }
            ranked.sort_by(by_rank);
            self.picked = ranked.into_iter().map(|(_, _, index)| index).collect();
            self.picked.iter().for_each(|index| {
                self.due.remove(index);
            });
        }
        self.picked.pop()
    }

    /// How likely the job has ended; more than 1 if it has waited too long.
    fn urgency(&self, index: usize, now: Instant) -> f64 {
        let state = &self.jobs[index].state;
        let waited = now.saturating_duration_since(state.next).as_secs_f64();
        let round = self.jobs.len() as f64 * spacing(self.limits).as_secs_f64();
        match waited > STARVED.as_secs_f64().max(ROUNDS * round) {
            true => 1.0 + waited,
            false => state.completion_probability(&self.context),
        }
    }

    fn landed(
        &mut self,
        index: usize,
        answer: Option<Result<Reply<T>, PollError<E>>>,
    ) -> Item<K, T, E> {
        let now = self.context.clock().now();
        match answer
            .as_ref()
            .map(|answer| answer.as_ref().map_err(|trouble| trouble.verdict))
        {
            Some(Err(OnError::Retry { retry_after })) => self.hold(now, retry_after),
            _ => self.streak = 0,
        }
        let job = &mut self.jobs[index];
        let mut item = job.state.answered(&self.context, answer);
        match &mut item {
            Ok(Update::Pending(_)) => {}
            Ok(Update::Retrying { again_in, .. }) => {
                *again_in = (*again_in).max(self.free.saturating_duration_since(now));
            }
            _ => return (self.remove(index).key, item),
        }
        let (key, place) = (job.key.clone(), job.place);
        job.place = Place::Waiting;
        match place {
            Place::Flying { again: true } => self.wake(index),
            _ => self.timers.push(Reverse((job.state.next, index))),
        }
        (key, item)
    }

    /// Asks about nothing for a while: for as long as the other side wants, and if every poll fails,
    /// longer with each round of them, as nobody else's would do better.
    fn hold(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.streak = self.streak.saturating_add(1);
        if let Some(wait) = retry_after {
            self.free = self.free.max(now + wait.min(RETRY_AFTER_CAP));
        }
        let rounds = self.streak / self.limits.at_once.max(1);
        // One job alone has its own back-off.
        if let Some(before) = rounds.checked_sub(2) {
            let before = u32::try_from(before).unwrap_or(u32::MAX);
            let pause = self.context.poller.backoff(before);
            self.free = self.free.max(clamp_to_deadline(&self.context, pause));
        }
    }

    /// Waits for an answer, another job, or the time at which there is something to do.
    async fn event(&mut self) -> Event<K, Q, F::Output> {
        let clock = Arc::clone(&self.context.poller.clock);
        let mut sleep = self.next_time().map(|at| match self.flying.is_empty() {
            true => clock.sleep_until(at),
            false => clock.timeout_at(at),
        });
        poll_fn(|context| {
            if let Poll::Ready(Some(landed)) = self.flying.poll_next_unpin(context) {
                return Poll::Ready(Event::Landed(landed));
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

    /// When there is something to do, if nothing happens before.
    fn next_time(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        if self.due.is_empty() && self.picked.is_empty() {
            return timer;
        }
        let clock = self.context.clock();
        let end = self
            .context
            .deadline
            .remaining(clock)
            .map(|left| clock.now() + left);
        let is_full = self.flying.len() >= self.limits.at_once.max(1);
        let free = (!is_full).then_some(self.free);
        [timer, end, free].into_iter().flatten().min()
    }
}
