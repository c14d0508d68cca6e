//! Tests of `Poller::watch`, which polls one job: when it polls, how it treats errors, and how it
//! ends. Each test gives a list of answers and compares every item with the time at which it came.

use std::collections::VecDeque;
use std::future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::StreamExt as _;

use wavespeed_poll::{
    Deadline, FirstPoll, Fixed, ManualClock, OnError, PollError, Poller, Reply, Update, WaitError,
};

type Answer = Result<Reply<&'static str>, PollError<&'static str>>;

const PENDING: Answer = Ok(Reply::Pending("pending"));
const DONE: Answer = Ok(Reply::Done("done"));

fn failure(error: &'static str, on_error: OnError) -> Answer {
    Err(PollError::new(error, on_error))
}

fn retry(error: &'static str) -> Answer {
    failure(error, OnError::Retry { retry_after: None })
}

/// Watches a job whose polls get `answers` in order, and the last answer from then on. Returns each
/// item with its time in seconds.
async fn watch(deadline: Option<u64>, first_poll: FirstPoll, answers: &[Answer]) -> Vec<String> {
    let clock = ManualClock::default();
    let deadline = deadline.map_or(Deadline::never(), |seconds| {
        Deadline::after(Duration::from_secs(seconds), &clock)
    });
    let mut answers: VecDeque<Answer> = answers.iter().cloned().collect();
    let poll = || {
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
    let items = poller.watch(deadline, first_poll, poll);
    pin!(items)
        .map(|item| format!("{:.1} {item:?}", clock.elapsed().as_secs_f64()))
        .collect()
        .await
}

#[tokio::test]
async fn watch_ends_at_the_terminal_state() {
    assert_eq!(
        watch(None, FirstPoll::AfterGap, &[PENDING, PENDING, DONE]).await,
        [
            r#"1.0 Ok(Pending("pending"))"#,
            r#"2.1 Ok(Pending("pending"))"#,
            r#"3.3 Ok(Done("done"))"#
        ]
    );
    assert_eq!(
        watch(None, FirstPoll::Now, &[DONE]).await,
        [r#"0.0 Ok(Done("done"))"#]
    );
}

#[tokio::test]
async fn transient_errors_back_off_until_an_answer_resets_it() {
    let items = watch(
        None,
        FirstPoll::Now,
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
    // Without jitter the back-off is half of 1, 2, 4, 8 s, but never less than the schedule's gap.
    assert_eq!(waits, ["0.0", "1.1", "2.3", "4.3", "8.3", "9.9", "11.7"]);
}

#[tokio::test]
async fn retry_after_delays_the_next_poll() {
    let busy = failure(
        "busy",
        OnError::Retry {
            retry_after: Some(Duration::from_secs(120)),
        },
    );
    assert_eq!(
        watch(None, FirstPoll::Now, &[busy, DONE]).await,
        [
            r#"0.0 Ok(Retrying { error: "busy", retry_in: 120s })"#,
            r#"120.0 Ok(Done("done"))"#,
        ]
    );
}

#[tokio::test]
async fn excessive_retry_after_is_capped() {
    let never = failure(
        "busy",
        OnError::Retry {
            retry_after: Some(Duration::MAX),
        },
    );
    let items = watch(None, FirstPoll::Now, &[never.clone(), DONE]).await;
    assert_eq!(items[1], r#"3600.0 Ok(Done("done"))"#);
    let items = watch(Some(60), FirstPoll::Now, &[never]).await;
    assert_eq!(items.last().unwrap(), r#"60.0 Err(Deadline(Some("busy")))"#);
}

#[tokio::test]
async fn permanent_error_ends_the_watch() {
    let refused = failure("refused", OnError::Stop);
    assert_eq!(
        watch(None, FirstPoll::Now, &[PENDING, refused, DONE]).await,
        [
            r#"0.0 Ok(Pending("pending"))"#,
            r#"1.1 Err(Error("refused"))"#,
        ]
    );
}

#[tokio::test]
async fn lasting_error_ends_the_watch_unless_an_answer_intervenes() {
    let missing = || failure("missing", OnError::RetryWithin(Duration::from_secs(30)));
    let items = watch(None, FirstPoll::Now, &[missing()]).await;
    let last = items.last().unwrap();
    assert!(last.ends_with(r#"Err(Error("missing"))"#), "{last}");
    let at: f64 = last.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(at, 30.0);
    // An answer in between restarts the 30 s.
    let mut interrupted = vec![missing(), missing(), missing(), missing(), PENDING];
    interrupted.extend([missing(), missing(), missing(), missing(), DONE]);
    assert!(
        watch(None, FirstPoll::Now, &interrupted)
            .await
            .last()
            .unwrap()
            .contains("Done")
    );
}

#[tokio::test]
async fn deadline_ends_the_watch_after_one_last_poll() {
    let items = watch(Some(60), FirstPoll::Now, &[PENDING]).await;
    let [.., before, end] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(end, "60.0 Err(Deadline(None))");
    assert!(before.starts_with("58.0 Ok"), "{items:?}");
    let items = watch(Some(3), FirstPoll::Now, &[retry("down")]).await;
    assert_eq!(items.last().unwrap(), r#"3.0 Err(Deadline(Some("down")))"#);
}

#[tokio::test]
async fn deadline_cancels_a_stalled_poll() {
    let clock = ManualClock::default();
    let deadline = Deadline::after(Duration::from_secs(5), &clock);
    let stalled = std::future::pending::<Answer>;
    let items =
        Poller::default()
            .with_clock(clock.clone())
            .watch(deadline, FirstPoll::Now, stalled);
    let mut items = pin!(items);
    assert!(futures_util::poll!(items.next()).is_pending());
    clock.advance(Duration::from_secs(4));
    assert!(futures_util::poll!(items.next()).is_pending());
    clock.advance(Duration::from_secs(1));
    assert_eq!(items.next().await, Some(Err(WaitError::Unanswered)));
    assert_eq!(items.next().await, None);
}

#[tokio::test]
async fn job_is_polled_once_if_the_deadline_has_passed_before() {
    assert_eq!(
        watch(Some(0), FirstPoll::Now, &[DONE]).await,
        [r#"0.0 Ok(Done("done"))"#]
    );
    assert_eq!(
        watch(Some(0), FirstPoll::Now, &[PENDING]).await,
        [
            r#"0.0 Ok(Pending("pending"))"#,
            r#"0.0 Err(Deadline(None))"#
        ]
    );
}

/// The pause of all polls after failures must not lengthen the back-off of a job that is alone.
#[tokio::test]
async fn retries_of_one_job_wait_for_its_own_back_off_only() {
    let clock = ManualClock::default();
    // The first random number after an answer is the one of the pause, if there is one. It is larger
    // than that of the job's back-off, so that a pause that is too long shows.
    let is_first = Arc::new(AtomicBool::new(false));
    let random = Arc::clone(&is_first);
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_schedule(Fixed(Duration::from_millis(100)))
        .with_random(move || f64::from(random.swap(false, Relaxed)) * 0.9);
    let items = poller.watch(Deadline::never(), FirstPoll::Now, || {
        is_first.store(true, Relaxed);
        future::ready(retry("down"))
    });
    let times: Vec<Duration> = pin!(items)
        .take(4)
        .map(|item| {
            assert!(matches!(item, Ok(Update::Retrying { .. })), "{item:?}");
            clock.elapsed()
        })
        .collect()
        .await;
    // Without jitter the back-off is half of 1, 2 and 4 s.
    assert_eq!(times, [0, 500, 1_500, 3_500].map(Duration::from_millis));
}
