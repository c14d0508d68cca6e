//! The polling state of one job: the time of its next poll, and the effect of each answer on it.
//!
//! [`JobState`] is a pure state machine. The waiter makes the polls, passes each answer to
//! [`JobState::apply_answer`], and reads the time of the next poll from [`JobState::next_poll`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::poller::Poller;
use crate::schedule::{PollContext, Schedule};
use crate::update::{FirstPoll, OnError, PollError, Reply, Update, WaitError};

/// The longest wait that a server can ask for, so that a header cannot make a waiter sleep forever.
pub(crate) const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// The time before the deadline at which the last poll is made, so that a job which ended during a
/// long gap is not reported as running.
const LAST_POLL_LEAD: Duration = Duration::from_secs(2);

/// The wait used if the instant of the next poll is not representable.
const FALLBACK_WAIT: Duration = Duration::from_secs(30);

/// The polling state of one job.
pub(crate) struct JobState<E> {
    schedule: Arc<dyn Schedule>,
    /// The instant at which the watch of the job began.
    watched_since: Instant,
    /// The time from `watched_since` to the last answer that said that the job was running.
    last_pending: Duration,
    /// The number of polls that were answered, failed or were cut off.
    pub(crate) polls: u32,
    /// `true` once a poll was answered, even by an error.
    has_answer: bool,
    pub(crate) next_poll: Instant,
    streak: Option<FailureStreak<E>>,
}

/// Failed polls in a row.
struct FailureStreak<E> {
    count: u32,
    /// The instant of the first of the [`OnError::RetryWithin`] errors that end the streak; `None` if
    /// the streak ends with another error.
    retry_within_since: Option<Instant>,
    last_error: E,
}

/// The settings shared by all jobs of a watch.
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
    pub(crate) fn new(
        context: &Context,
        schedule: Arc<dyn Schedule>,
        first_poll: FirstPoll,
    ) -> Self {
        let now = context.clock().now();
        let mut state = Self {
            schedule,
            watched_since: now,
            last_pending: Duration::ZERO,
            polls: 0,
            has_answer: false,
            next_poll: now,
            streak: None,
        };
        if first_poll == FirstPoll::AfterGap {
            state.next_poll = clamp_to_deadline(context, state.gap(context));
        }
        state
    }

    /// Updates the state by the answer to a poll, and returns the update for the caller. `None` is a
    /// poll that the deadline cut off.
    pub(crate) fn apply_answer<T>(
        &mut self,
        context: &Context,
        answer: Option<Result<Reply<T>, PollError<E>>>,
    ) -> Result<Update<T, E>, WaitError<E>> {
        self.polls = self.polls.saturating_add(1);
        self.has_answer |= answer.is_some();
        match answer {
            None => Err(self.deadline_error()),
            Some(Ok(Reply::Done(record))) => Ok(Update::Done(record)),
            Some(Ok(Reply::Pending(record))) => {
                self.streak = None;
                self.last_pending = self.elapsed(context);
                self.next_poll = clamp_to_deadline(context, self.gap(context));
                Ok(Update::Pending(record))
            }
            Some(Err(error)) => self.apply_error(context, error),
        }
    }

    /// Ends the wait, or extends the failure streak and plans the retry.
    fn apply_error<T>(
        &mut self,
        context: &Context,
        PollError { error, on_error }: PollError<E>,
    ) -> Result<Update<T, E>, WaitError<E>> {
        let now = context.clock().now();
        let previous = self.streak.take();
        let count = previous.as_ref().map_or(0, |streak| streak.count) + 1;
        let mut retry_within_since = None;
        let mut retry_after = None;
        let mut patience_left = Duration::MAX;
        match on_error {
            OnError::Stop => return Err(WaitError::Error(error)),
            OnError::Retry {
                retry_after: requested,
            } => {
                retry_after = requested.map(|wait| wait.min(RETRY_AFTER_CAP));
            }
            OnError::RetryWithin(patience) => {
                // The patience counts from the first such error in a row. Any other answer in
                // between has set the field to `None`, and with that starts the time anew.
                let since = previous
                    .and_then(|streak| streak.retry_within_since)
                    .unwrap_or(now);
                let lasted = now.duration_since(since);
                if lasted >= patience {
                    return Err(WaitError::Error(error));
                }
                retry_within_since = Some(since);
                patience_left = patience - lasted;
            }
        }
        // An error is never a reason to poll sooner than the schedule, the back-off or the server
        // allows, so the longest of the three holds.
        let wait = self
            .gap(context)
            .max(context.poller.backoff(count - 1))
            .max(retry_after.unwrap_or_default());
        // But the last poll within the patience is made at its very end, not after it.
        self.next_poll = clamp_to_deadline(context, wait.min(patience_left));
        self.streak = Some(FailureStreak {
            count,
            retry_within_since,
            last_error: error.clone(),
        });
        Ok(Update::Retrying {
            error,
            retry_in: self.next_poll.saturating_duration_since(now),
        })
    }

    /// Returns the error that ends the wait for this job at the deadline.
    pub(crate) fn deadline_error(&mut self) -> WaitError<E> {
        if self.has_answer {
            WaitError::Deadline(self.streak.take().map(|streak| streak.last_error))
        } else {
            WaitError::Unanswered
        }
    }

    /// Returns the probability that the job has ended since it was last known to be running.
    pub(crate) fn completion_probability(&self, context: &Context) -> f64 {
        self.schedule
            .completion_probability(self.last_pending, self.elapsed(context))
    }

    fn elapsed(&self, context: &Context) -> Duration {
        let now = context.clock().now();
        now.saturating_duration_since(self.watched_since)
    }

    fn gap(&self, context: &Context) -> Duration {
        let now = PollContext::new(self.elapsed(context), self.polls);
        self.schedule.gap(now, (context.poller.random)())
    }
}

/// Returns the instant of the poll after `gap`, moved so that a last poll is made, and can be
/// answered, before the deadline. The result is never after the deadline.
pub(crate) fn clamp_to_deadline(context: &Context, gap: Duration) -> Instant {
    let now = context.clock().now();
    let gap = match context.deadline.remaining(context.clock()) {
        None => gap,
        // The poll is early enough.
        Some(left) if gap.saturating_add(LAST_POLL_LEAD) <= left => gap,
        // The poll would be too late to be answered: it is moved to shortly before the deadline.
        Some(left) if left > LAST_POLL_LEAD * 2 => left - LAST_POLL_LEAD,
        // A poll was made a moment ago, or the whole wait is short: moving the poll would only make
        // two polls in quick succession.
        Some(left) => gap.min(left),
    };
    now.checked_add(gap).unwrap_or(now + FALLBACK_WAIT)
}
