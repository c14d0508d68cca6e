//! Time as a parameter: the clock everything here waits by, and one that tests move by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// What [`Clock::sleep_until`] and [`Clock::timeout_at`] return.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time, and waiting for it.
///
/// There are two ways to wait, because a clock for tests has to tell them apart: a *pause* is
/// nothing but the passing of time, so such a clock may jump over it; a *limit* runs beside
/// something that really happens (a request), so it may not.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present.
    fn now(&self) -> Instant;
    /// Done once `until` has come. Nothing else is going on meanwhile.
    fn sleep_until(&self, until: Instant) -> Sleep;
    /// Done once `limit` has passed. Something else is going on meanwhile, and should end first.
    fn timeout_at(&self, limit: Instant) -> Sleep;
}

/// The real time, by tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        Box::pin(tokio::time::sleep_until(until.into()))
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        self.sleep_until(limit)
    }
}

/// A clock for tests: a pause is over at once and moves the time; otherwise the time stands still
/// until [`advance`](Self::advance) is called. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    start: Instant,
    elapsed: Arc<watch::Sender<Duration>>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            elapsed: Arc::new(watch::Sender::new(Duration::ZERO)),
        }
    }
}

impl ManualClock {
    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// How far the time has moved since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            clock.advance(until.saturating_duration_since(clock.now()));
            // Whatever waits for this moment is to run before the one who paused goes on.
            tokio::task::yield_now().await;
        })
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        let mut elapsed = self.elapsed.subscribe();
        let limit = limit.saturating_duration_since(self.start);
        Box::pin(async move {
            if elapsed.wait_for(|elapsed| *elapsed >= limit).await.is_err() {
                // The clock is gone, so the time will never come.
                std::future::pending::<()>().await;
            }
        })
    }
}
