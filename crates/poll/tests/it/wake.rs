//! Tests of a wake while the poll of its job is in flight. The polls are answered when the test says
//! so, and the clock does not advance as long as one of them is in flight.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, poll, stream};
use tokio::sync::{Notify, mpsc};
use wavespeed_poll::{
    Deadline, Entry, FirstPoll, Fixed, ManualClock, PollError, Poller, RateLimits, Reply, Update,
};

/// The poll in flight may have read the state before the change that the wake reports.
#[tokio::test]
async fn job_woken_during_a_poll_is_polled_again_after_the_answer() {
    let clock = ManualClock::default();
    let poller = Poller::default().with_clock(clock.clone());
    let mut entry = Entry::new(1, FirstPoll::Now);
    entry.schedule = Some(Arc::new(Fixed(Duration::from_secs(3_600))));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let wakes = stream::poll_fn(move |context| receiver.poll_recv(context));
    let (polls, answer) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
    let mut watched = pin!(poller.watch_many(
        RateLimits::default(),
        Deadline::never(),
        stream::iter([entry]),
        wakes,
        |_| {
            polls.set(polls.get() + 1);
            let answer = Rc::clone(&answer);
            async move {
                answer.notified().await;
                Ok::<_, PollError<()>>(Reply::Pending(()))
            }
        },
    ));
    assert!(poll!(watched.next()).is_pending());
    // The wake does not add a second poll beside the one in flight.
    sender.send(1).unwrap();
    assert!(poll!(watched.next()).is_pending());
    assert_eq!(polls.get(), 1);
    answer.notify_one();
    assert_eq!(watched.next().await, Some((1, Ok(Update::Pending(())))));
    assert!(poll!(watched.next()).is_pending());
    assert_eq!((polls.get(), clock.elapsed()), (2, Duration::ZERO));
    // After the second answer the schedule holds again.
    answer.notify_one();
    assert_eq!(watched.next().await, Some((1, Ok(Update::Pending(())))));
    answer.notify_one();
    assert_eq!(watched.next().await, Some((1, Ok(Update::Pending(())))));
    assert_eq!((polls.get(), clock.elapsed().as_secs()), (3, 3_600));
}
