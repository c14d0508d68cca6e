//! The queue of a waiter: the timers of the waiting jobs, and the order of the due ones.
//!
//! More jobs may be due than the rate limits allow to poll. The jobs that have most likely ended are
//! polled first, since a poll of a job that still runs is wasted. Ranking takes time in proportion to
//! the number of due jobs and its result changes with time, so the jobs are ranked per batch: the
//! best ones become the [`Queue::next`] ones, and only when these are used up is the rest ranked
//! again.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::limits::{RateLimits, spacing};
use crate::state::Context;
use crate::watched::{Job, Phase};

/// The smallest batch of due jobs that are ranked at once.
const MIN_BATCH: usize = 32;

/// The number of due jobs is divided by this for the size of a larger batch, so that a poll costs
/// about this many computed ranks at most, however many jobs are due.
const BATCH_DIVISOR: usize = 64;

/// The time for which a due job may be passed over because its end is unlikely.
const STARVED_AFTER: Duration = Duration::from_secs(60);

/// The same time in rounds, a round being the time to poll every job once at the rate limit. The
/// longer of the two counts: with very many jobs every one waits longer than [`STARVED_AFTER`], and
/// the probabilities would never decide.
const STARVED_AFTER_ROUNDS: f64 = 4.0;

/// Urgency of a due job, the instant since which it is due (earlier ranks higher), and its index.
type Rank = (f64, Reverse<Instant>, usize);

fn by_rank(one: &Rank, other: &Rank) -> Ordering {
    one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
}

/// The timers and the due jobs, by their indices in the slab of the waiter.
#[derive(Default)]
pub(super) struct Queue {
    /// The timers of the waiting jobs, the earliest first. May hold obsolete ones.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The due jobs that are not in `next`.
    due: BTreeSet<usize>,
    /// The due jobs that are polled next, in reverse order: the last one is the first to be polled.
    next: Vec<usize>,
}

impl Queue {
    pub(super) fn add_timer(&mut self, at: Instant, index: usize) {
        self.timers.push(Reverse((at, index)));
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Returns a due job, or `None` if no job is due.
    pub(super) fn any_due(&self) -> Option<usize> {
        self.next.last().or(self.due.first()).copied()
    }

    /// Makes a job due, and the first of those that are.
    pub(super) fn move_to_front(&mut self, index: usize) {
        self.remove(index);
        self.next.push(index);
    }

    /// Removes a job from the due ones.
    pub(super) fn remove(&mut self, index: usize) {
        self.due.remove(&index);
        self.next.retain(|next| *next != index);
    }

    /// Moves the jobs whose time has come from the timers to the due jobs.
    pub(super) fn collect_due<K, E>(&mut self, jobs: &mut Slab<Job<K, E>>, now: Instant) {
        while let Some(Reverse((at, index))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            // A timer is not removed when its job is woken or ends, and a later job may have the
            // same index. A timer is valid only if it is the one that the job waits for.
            if let Some(job) = jobs.get_mut(index)
                && job.phase == Phase::Waiting
                && job.state.next_poll == at
            {
                job.phase = Phase::Due;
                self.due.insert(index);
            }
        }
    }

    /// Removes and returns the due job that is to be polled next.
    pub(super) fn pop_due<K, E: Clone>(
        &mut self,
        jobs: &Slab<Job<K, E>>,
        context: &Context,
        limits: RateLimits,
        now: Instant,
    ) -> Option<usize> {
        if self.next.is_empty() {
            self.rank_batch(jobs, context, limits, now);
        }
        self.next.pop()
    }

    /// Moves the most urgent of the due jobs to `next`.
    fn rank_batch<K, E: Clone>(
        &mut self,
        jobs: &Slab<Job<K, E>>,
        context: &Context,
        limits: RateLimits,
        now: Instant,
    ) {
        let rank = |index: &usize| {
            let job = &jobs[*index];
            let urgency = urgency(job, jobs.len(), context, limits, now);
            (urgency, Reverse(job.state.next_poll), *index)
        };
        let mut ranked: Vec<Rank> = self.due.iter().map(rank).collect();
        let batch = MIN_BATCH.max(ranked.len() / BATCH_DIVISOR);
        if ranked.len() > batch {
            // Selecting the best and sorting only those is cheaper than sorting all.
            let rest = ranked.len() - batch;
            ranked.select_nth_unstable_by(rest, by_rank);
            ranked.drain(..rest);
        }
        ranked.sort_by(by_rank);
        self.next = ranked.into_iter().map(|(_, _, index)| index).collect();
        for index in &self.next {
            self.due.remove(index);
        }
    }
}

/// Returns the urgency of a due job: the probability that the job has ended, or more than 1 if it was
/// passed over for too long. Among starved jobs the longest wait counts most.
fn urgency<K, E: Clone>(
    job: &Job<K, E>,
    jobs: usize,
    context: &Context,
    limits: RateLimits,
    now: Instant,
) -> f64 {
    let waited = now.saturating_duration_since(job.state.next_poll);
    let waited = waited.as_secs_f64();
    let round = jobs as f64 * spacing(limits).as_secs_f64();
    if waited
        > STARVED_AFTER
            .as_secs_f64()
            .max(STARVED_AFTER_ROUNDS * round)
    {
        1.0 + waited
    } else {
        job.state.completion_probability(context)
    }
}
