//! Watching jobs: polling one or many until they have ended, as a stream of what each poll yields.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, stream};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::limits::Limits;
use crate::poller::Poller;
use crate::schedule::{Geometric, Schedule};
use crate::state::Rules;
use crate::update::{Reply, Start, Stopped, Trouble, Update};
use crate::waiter::{Entry, Waiter};

impl Poller {
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

    /// Watches any number of jobs as [`watch`](Self::watch) does one, within `limits`: the items are
    /// those of all of them, each with the key of its job. An error that ends the waiting for one
    /// job ends it for that job only, and the deadline for all. If the other side asks to wait
    /// ([`Verdict::Retry`](crate::Verdict::Retry)), nothing is asked until then; if it answers nobody, all are asked about
    /// the more seldom the longer that lasts, up to half a minute apart.
    ///
    /// `entries` may go on for as long as it likes: jobs can be added at any time. One whose key
    /// `wakes` yields is the next to be asked about, as is one that is entered again. The stream ends when
    /// `entries` has, and every job.
    pub fn watch_many<K, Q, T, E, A, F>(
        self,
        limits: Limits,
        deadline: Deadline,
        entries: impl Stream<Item = Entry<K>>,
        wakes: impl Stream<Item = Q>,
        mut ask: A,
    ) -> impl Stream<Item = (K, Result<Update<T, E>, Stopped<E>>)>
    where
        K: std::borrow::Borrow<Q> + Clone + Eq + Hash,
        Q: Eq + Hash,
        A: FnMut(&K) -> F,
        F: Future<Output = Result<Reply<T>, Trouble<E>>>,
        E: Clone,
    {
        let default: Arc<dyn Schedule> = match self.schedule() {
            Some(schedule) => Arc::clone(schedule),
            None => Arc::new(Geometric::default()),
        };
        let clock = Arc::clone(&self.clock);
        let fly = move |index, key: &K| fly(index, Arc::clone(&clock), deadline, ask(key));
        let rules = Rules {
            poller: self,
            deadline,
        };
        let waiter = Waiter::new(rules, limits, default, entries, wakes, fly);
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
    (index, deadline.cut(&*clock, asked).await)
}

#[cfg(test)]
use {
    crate::limits::{LONGEST, spacing},
    crate::update::Verdict,
    std::time::Duration,
};

#[cfg(test)]
#[path = "many/tests.rs"]
mod many_tests;

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
