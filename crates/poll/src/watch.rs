//! Asking until the job has ended, as a stream of what was learned.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};

use crate::{Clock, Deadline, Entry, Limits, Schedule, TokioClock};

/// The first wait after an error; each further one in a row doubles it.
const BACKOFF_FLOOR: Duration = Duration::from_secs(1);
/// The longest wait after an error, unless the other side asked for a longer one.
const BACKOFF_CAP: Duration = Duration::from_secs(30);

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
pub struct Trouble<E> {
    /// What went wrong.
    pub error: E,
    /// What follows from it.
    pub verdict: Verdict,
}

impl<E> Trouble<E> {
    /// An error, and what follows from it.
    #[must_use]
    pub fn new(error: E, verdict: Verdict) -> Self {
        Self { error, verdict }
    }
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
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
pub enum Stopped<E> {
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
pub enum Start {
    /// At once: the job may have ended long ago.
    Now,
    /// After the schedule's first gap: the job has just begun.
    AfterGap,
}

/// Waits for jobs: a schedule, a clock and a source of random numbers. Cheap to clone.
#[derive(Clone)]
pub struct Poller {
    schedule: Option<Arc<dyn Schedule>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Default for Poller {
    fn default() -> Self {
        Self {
            schedule: None,
            clock: Arc::new(TokioClock),
            random: Arc::new(fastrand::f64),
        }
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("schedule", &self.schedule)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl Poller {
    /// With another schedule.
    #[must_use]
    pub fn with_schedule(mut self, schedule: impl Schedule + 'static) -> Self {
        self.schedule = Some(Arc::new(schedule));
        self
    }

    /// The schedule it was given, if it was. Without one, it asks by [`Geometric`](crate::Geometric).
    #[must_use]
    pub fn schedule(&self) -> Option<&Arc<dyn Schedule>> {
        self.schedule.as_ref()
    }

    /// By another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// With another source of random numbers in `0.0..1.0`.
    #[must_use]
    pub fn with_random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// The clock this waits by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// How long to wait after so many errors in a row before: it doubles from a second to half a
    /// minute. Half of it is certain and half is chance, so that those who failed together do not
    /// come back together.
    #[must_use]
    pub fn backoff(&self, before: u32) -> Duration {
        let doubled = BACKOFF_FLOOR
            .saturating_mul(1 << before.min(10))
            .min(BACKOFF_CAP);
        doubled.mul_f64(0.5 + (self.random)() / 2.0)
    }

    /// Asks by the schedule until the job has ended, an error stops it, or the deadline comes,
    /// which also cuts off a poll that stalls. Each poll yields one item; [`Update::Done`] and an
    /// error are the last. Nothing happens unless the stream is polled, and dropping it at any
    /// moment loses nothing.
    pub fn watch<T, E, A, F>(
        self,
        deadline: Deadline,
        start: Start,
        ask: A,
    ) -> impl Stream<Item = Result<Update<T, E>, Stopped<E>>>
    where
        A: FnMut() -> F,
        F: Future<Output = Result<Reply<T>, Trouble<E>>>,
        E: Clone,
    {
        let mut ask = ask;
        let entries = stream::iter([Entry::new((), start)]);
        let alone = Limits {
            at_once: 1,
            per_second: f64::INFINITY,
        };
        self.watch_many(alone, deadline, entries, stream::empty::<()>(), move |()| {
            ask()
        })
        .map(|((), item)| item)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::pin;

    use futures_util::StreamExt as _;

    use super::*;
    use crate::ManualClock;

    type Answer = Result<Reply<&'static str>, Trouble<&'static str>>;

    const PENDING: Answer = Ok(Reply::Pending("pending"));
    const DONE: Answer = Ok(Reply::Done("done"));

    fn trouble(error: &'static str, verdict: Verdict) -> Answer {
        Err(Trouble { error, verdict })
    }

    fn retry(error: &'static str) -> Answer {
        trouble(error, Verdict::Retry { retry_after: None })
    }

    /// Plays the answers in order, the last one for ever, and lists each item with its time.
    async fn play(deadline: Option<u64>, start: Start, answers: &[Answer]) -> Vec<String> {
        let clock = ManualClock::default();
        let deadline = deadline.map_or(Deadline::never(), |seconds| {
            Deadline::after(Duration::from_secs(seconds), &clock)
        });
        let mut answers: VecDeque<Answer> = answers.iter().cloned().collect();
        let ask = || {
            let answer = if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            };
            async move { answer.unwrap() }
        };
        let poller = Poller::default()
            .with_clock(clock.clone())
            .with_random(|| 0.0);
        let items = poller.watch(deadline, start, ask);
        pin!(items)
            .map(|item| format!("{:.1} {item:?}", clock.elapsed().as_secs_f64()))
            .collect()
            .await
    }

    #[tokio::test]
    async fn ends_with_the_terminal_state() {
        assert_eq!(
            play(None, Start::AfterGap, &[PENDING, PENDING, DONE]).await,
            [
                r#"1.0 Ok(Pending("pending"))"#,
                r#"2.1 Ok(Pending("pending"))"#,
                r#"3.3 Ok(Done("done"))"#
            ]
        );
        assert_eq!(
            play(None, Start::Now, &[DONE]).await,
            [r#"0.0 Ok(Done("done"))"#]
        );
    }

    #[tokio::test]
    async fn waits_through_errors_with_backoff_and_forgets_them_after_an_answer() {
        let items = play(
            None,
            Start::Now,
            &[
                retry("a"),
                retry("b"),
                retry("c"),
                retry("d"),
                PENDING,
                retry("e"),
                DONE,
            ],
        )
        .await;
        let waits: Vec<&str> = items
            .iter()
            .map(|item| item.split(' ').next().unwrap())
            .collect();
        // Back-off without chance is half of 1, 2, 4, 8 s, but never less than the schedule.
        assert_eq!(waits, ["0.0", "1.1", "2.3", "4.3", "8.3", "9.9", "11.7"]);
    }

    #[tokio::test]
    async fn obeys_retry_after() {
        let busy = trouble(
            "busy",
            Verdict::Retry {
                retry_after: Some(Duration::from_secs(120)),
            },
        );
        assert_eq!(
            play(None, Start::Now, &[busy, DONE]).await,
            [
                r#"0.0 Ok(Retrying { error: "busy", again_in: 120s })"#,
                r#"120.0 Ok(Done("done"))"#,
            ]
        );
    }

    #[tokio::test]
    async fn a_senseless_retry_after_neither_panics_nor_sleeps_for_good() {
        let never = trouble(
            "busy",
            Verdict::Retry {
                retry_after: Some(Duration::MAX),
            },
        );
        let items = play(None, Start::Now, &[never.clone(), DONE]).await;
        assert_eq!(items[1], r#"3600.0 Ok(Done("done"))"#);
        let items = play(Some(60), Start::Now, &[never]).await;
        assert_eq!(items.last().unwrap(), r#"60.0 Err(Deadline(Some("busy")))"#);
    }

    #[tokio::test]
    async fn an_error_that_waiting_cannot_mend_ends_it() {
        let refused = trouble("refused", Verdict::Stop);
        assert_eq!(
            play(None, Start::Now, &[PENDING, refused, DONE]).await,
            [
                r#"0.0 Ok(Pending("pending"))"#,
                r#"1.1 Err(Error("refused"))"#,
            ]
        );
    }

    #[tokio::test]
    async fn a_lasting_error_ends_it_only_when_nothing_else_came_between() {
        let missing = || trouble("missing", Verdict::RetryWithin(Duration::from_secs(30)));
        let items = play(None, Start::Now, &[missing()]).await;
        let last = items.last().unwrap();
        assert!(last.ends_with(r#"Err(Error("missing"))"#), "{last}");
        let at: f64 = last.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(at, 30.0);
        // With an answer in between, the 30 s begin anew.
        let mut interrupted = vec![missing(), missing(), missing(), missing(), PENDING];
        interrupted.extend([missing(), missing(), missing(), missing(), DONE]);
        assert!(
            play(None, Start::Now, &interrupted)
                .await
                .last()
                .unwrap()
                .contains("Done")
        );
    }

    #[tokio::test]
    async fn the_deadline_ends_it_after_one_last_poll() {
        let items = play(Some(60), Start::Now, &[PENDING]).await;
        let [.., before, end] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(end, "60.0 Err(Deadline(None))");
        assert!(before.starts_with("58.0 Ok"), "{items:?}");
        let items = play(Some(3), Start::Now, &[retry("down")]).await;
        assert_eq!(items.last().unwrap(), r#"3.0 Err(Deadline(Some("down")))"#);
    }

    #[tokio::test]
    async fn the_deadline_cuts_a_stalled_poll() {
        let clock = ManualClock::default();
        let deadline = Deadline::after(Duration::from_secs(5), &clock);
        let stalled = std::future::pending::<Answer>;
        let items =
            Poller::default()
                .with_clock(clock.clone())
                .watch(deadline, Start::Now, stalled);
        let mut items = pin!(items);
        assert!(futures_util::poll!(items.next()).is_pending());
        clock.advance(Duration::from_secs(4));
        assert!(futures_util::poll!(items.next()).is_pending());
        clock.advance(Duration::from_secs(1));
        assert_eq!(items.next().await, Some(Err(Stopped::Unanswered)));
        assert_eq!(items.next().await, None);
    }
}
