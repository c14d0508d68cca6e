//! Where the asking about one job stands: when the next poll is due, and what an answer means for
//! the one after it. Asking, and waiting until it is due, it leaves to others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::poller::Poller;
use crate::schedule::{PollContext, Schedule};
use crate::update::{FirstPoll, OnError, PollError, Reply, Update, WaitError};

/// The longest wait the other side can ask for: a header must not put a waiter to sleep for good.
pub(crate) const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// How long before the deadline the last poll is made, so that a job which ended in a long gap is
/// not reported as running.
const LAST_CALL: Duration = Duration::from_secs(2);

/// The wait in place of one that no clock can show.
const FALLBACK_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct JobState<E> {
    schedule: Arc<dyn Schedule>,
    /// When it was first watched.
    began: Instant,
    /// How long it had been watched when it was last known to be running.
    running: Duration,
    pub(crate) polls: u32,
    /// Whether there was any answer, be it an error.
    answered: bool,
    pub(crate) next: Instant,
    streak: Option<FailureStreak<E>>,
}

/// A row of polls that failed.
struct FailureStreak<E> {
    times: u32,
    /// Since when the row has held nothing but the error now at its end.
    same_since: Option<Instant>,
    last: E,
}

/// What holds for every job.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) poller: Poller,
    pub(crate) deadline: Deadline,
}

impl Context {
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.poller.clock()
    }

    pub(crate) fn is_out_of_time(&self) -> bool {
        let left = self.deadline.remaining(self.clock());
        left.is_some_and(|left| left.is_zero())
    }
}

impl<E: Clone> JobState<E> {
    pub(crate) fn new(context: &Context, schedule: Arc<dyn Schedule>, start: FirstPoll) -> Self {
        let began = context.clock().now();
        let mut state = Self {
            schedule,
            began,
            running: Duration::ZERO,
            polls: 0,
            answered: false,
            next: began,
            streak: None,
        };
        if start == FirstPoll::AfterGap {
            state.next = clamp_to_deadline(context, state.gap(context));
        }
        state
    }

    /// What an answer says, and when to ask again; none is one that the deadline cut off.
    pub(crate) fn answered<T>(
        &mut self,
        context: &Context,
        answer: Option<Result<Reply<T>, PollError<E>>>,
    ) -> Result<Update<T, E>, WaitError<E>> {
        self.polls = self.polls.saturating_add(1);
        self.answered |= answer.is_some();
        match answer {
            None => Err(self.out_of_time()),
            Some(Ok(Reply::Done(record))) => Ok(Update::Done(record)),
            Some(Ok(Reply::Pending(record))) => {
                self.streak = None;
                self.running = self.elapsed(context);
                self.next = clamp_to_deadline(context, self.gap(context));
                Ok(Update::Pending(record))
            }
            Some(Err(trouble)) => self.troubled(context, trouble),
        }
    }

    fn troubled<T>(
        &mut self,
        context: &Context,
        trouble: PollError<E>,
    ) -> Result<Update<T, E>, WaitError<E>> {
        let PollError { error, verdict } = trouble;
        let now = context.clock().now();
        let before = self.streak.take();
        let times = before.as_ref().map_or(0, |row| row.times) + 1;
        let mut same_since = None;
        let mut retry_after = None;
        let mut patience_left = Duration::MAX;
        match verdict {
            OnError::Stop => return Err(WaitError::Error(error)),
            OnError::Retry { retry_after: asked } => {
                retry_after = asked.map(|asked| asked.min(RETRY_AFTER_CAP));
            }
            OnError::RetryWithin(patience) => {
                let since = before.and_then(|row| row.same_since).unwrap_or(now);
                if now.duration_since(since) >= patience {
                    return Err(WaitError::Error(error));
                }
                same_since = Some(since);
                patience_left = patience - now.duration_since(since);
            }
        }
        let gap = self
            .gap(context)
            .max(context.poller.backoff(times - 1))
            .max(retry_after.unwrap_or_default());
        self.next = clamp_to_deadline(context, gap.min(patience_left));
        self.streak = Some(FailureStreak {
            times,
            same_since,
            last: error.clone(),
        });
        Ok(Update::Retrying {
            error,
            again_in: self.next.saturating_duration_since(now),
        })
    }

    /// The deadline has come.
    pub(crate) fn out_of_time(&mut self) -> WaitError<E> {
        match self.answered {
            true => WaitError::Deadline(self.streak.take().map(|row| row.last)),
            false => WaitError::Unanswered,
        }
    }

    /// How likely it is that the job has ended since it was last known to be running.
    pub(crate) fn completion_probability(&self, context: &Context) -> f64 {
        self.schedule
            .completion_probability(self.running, self.elapsed(context))
    }

    fn elapsed(&self, context: &Context) -> Duration {
        context.clock().now().saturating_duration_since(self.began)
    }

    fn gap(&self, context: &Context) -> Duration {
        let moment = PollContext::new(self.elapsed(context), self.polls);
        self.schedule.gap(moment, (context.poller.random)())
    }
}

/// The moment of the next poll: not so close to the deadline that it could not be answered.
pub(crate) fn clamp_to_deadline(context: &Context, gap: Duration) -> Instant {
    let now = context.clock().now();
    let gap = match context.deadline.remaining(context.clock()) {
        Some(left) if gap.saturating_add(LAST_CALL) <= left => gap,
        Some(left) if left > LAST_CALL * 2 => left - LAST_CALL,
        Some(left) => gap.min(left),
        None => gap,
    };
    now.checked_add(gap).unwrap_or(now + FALLBACK_WAIT)
}
