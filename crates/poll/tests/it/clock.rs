//! Tests of the clocks: what moves with a manual clock, and the paused time of tokio.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use wavespeed_poll::{Clock as _, Deadline, ManualClock, TokioClock};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn observers_of_a_manual_clock_are_called_before_its_timeouts_wake_up() {
    let (clock, server) = (ManualClock::default(), ManualClock::default());
    let advances = Arc::new(Mutex::new(Vec::new()));
    let (follower, seen) = (server.clone(), Arc::clone(&advances));
    clock.on_advance(move |by| {
        follower.advance(by);
        seen.lock().unwrap().push(by);
    });
    let timeout = clock.timeout(HOUR);
    let woken = tokio::spawn({
        let server = server.clone();
        async move {
            timeout.await;
            server.elapsed()
        }
    });
    clock.clone().sleep(HOUR / 2).await;
    clock.advance(HOUR);
    assert_eq!(woken.await.unwrap(), HOUR * 3 / 2);
    assert_eq!(*advances.lock().unwrap(), [HOUR / 2, HOUR]);
}

#[tokio::test]
async fn observer_may_add_another_observer() {
    let clock = ManualClock::default();
    let added = clock.clone();
    clock.on_advance(move |_| added.on_advance(|_| {}));
    clock.advance(HOUR);
    assert_eq!(clock.elapsed(), HOUR);
}

/// The answers come from another thread. The runtime is idle until one is there, and not idle when
/// another one happens to be quick, hence a thousand.
#[tokio::test(start_paused = true)]
async fn paused_time_does_not_overtake_work_that_really_happens() {
    let (answer, mut answered) = unbounded_channel();
    let (ask, asked) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        while let Ok(question) = asked.recv() {
            answer.send(question).unwrap();
        }
    });
    let clock = TokioClock::default();
    let began = clock.now();
    let work = async {
        for question in 0..1_000 {
            ask.send(question).unwrap();
            assert_eq!(answered.recv().await, Some(question));
        }
    };
    let output = Deadline::after(HOUR, &clock).timeout(&clock, work).await;
    assert_eq!(output, Some(()));
    assert_eq!(clock.now(), began);
    drop(ask);
    thread.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn paused_time_ends_a_timeout_whose_work_never_ends() {
    let timeout = Duration::from_millis(1);
    let deadline = Deadline::after(timeout, &TokioClock::default());
    let output = deadline
        .timeout(&TokioClock::default(), pending::<()>())
        .await;
    assert_eq!(output, None);
}
