//! The clock as a parameter: the trait, the real clock, and a clock that tests move by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The future returned by [`Clock::sleep_until`] and [`Clock::timeout_at`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of the current time that can also wait for a time.
///
/// The two ways to wait differ for a clock that tests control. During a *sleep* nothing but time
/// passes, so such a clock may jump to its end. A *timeout* runs beside work that really happens (a
/// request), so such a clock must let that work finish first.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Instant;
    /// Waits until `until`, while no other work is in progress.
    fn sleep_until(&self, until: Instant) -> Sleep;
    /// Waits until `limit`, while other work is in progress that should finish before.
    fn timeout_at(&self, limit: Instant) -> Sleep;

    /// Sleeps for `duration`. A duration beyond the range of [`Instant`] never ends.
    fn sleep(&self, duration: Duration) -> Sleep {
        match self.now().checked_add(duration) {
            Some(until) => self.sleep_until(until),
            None => Box::pin(std::future::pending()),
        }
    }

    /// Waits for `duration`, while other work is in progress that should finish before. A duration
    /// beyond the range of [`Instant`] never ends.
    fn timeout(&self, duration: Duration) -> Sleep {
        match self.now().checked_add(duration) {
            Some(limit) => self.timeout_at(limit),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// Implements [`Clock`] for a pointer to a clock.
macro_rules! forward_clock {
    ($pointer:ident) => {
        impl<C: Clock + ?Sized> Clock for $pointer<C> {
            fn now(&self) -> Instant {
                (**self).now()
            }

            fn sleep_until(&self, until: Instant) -> Sleep {
                (**self).sleep_until(until)
            }

            fn timeout_at(&self, limit: Instant) -> Sleep {
                (**self).timeout_at(limit)
            }

            fn sleep(&self, duration: Duration) -> Sleep {
                (**self).sleep(duration)
            }

            fn timeout(&self, duration: Duration) -> Sleep {
                (**self).timeout(duration)
            }
        }
    };
}

forward_clock!(Arc);
forward_clock!(Box);

/// The real time, measured by the timer of tokio.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        // Not `Instant::now`: tokio's time can be paused in tests.
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        Box::pin(tokio::time::sleep_until(until.into()))
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        self.sleep_until(limit)
    }
}

/// A clock for tests. A sleep ends at once and moves the time to its end; otherwise the time stands
/// still until [`advance`](Self::advance) is called. Clones share the same time.
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
    /// Moves the time forward and wakes all timeouts that have expired.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Returns the time by which the clock was moved since it was created.
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
            // Lets the timeouts that have just expired run before the sleeper continues.
            tokio::task::yield_now().await;
        })
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        let mut elapsed = self.elapsed.subscribe();
        let limit = limit.saturating_duration_since(self.start);
        Box::pin(async move {
            if elapsed.wait_for(|elapsed| *elapsed >= limit).await.is_err() {
                // All clones of the clock were dropped, so the time can never come.
                std::future::pending::<()>().await;
            }
        })
    }
}
