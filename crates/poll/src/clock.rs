//! The clock as a parameter: the trait, the real clock, and a clock that tests move by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

/// The real time for which a timeout holds a paused time of tokio. An answer from this machine takes
/// milliseconds; the rest is a margin for a busy one.
const PAUSED_GRACE: Duration = Duration::from_secs(5);

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
///
/// # Paused time
///
/// In a test with `#[tokio::test(start_paused = true)]`, tokio moves its time to the next timer whenever
/// it has nothing to run, also while an answer is on its way over a socket. Every request would then time
/// out at once. A timeout of this clock therefore holds the paused time while the work beside it is in
/// progress, for at most 5 s of real time, and sleeps are skipped as usual. Timers that do not belong to
/// this clock, such as those of an HTTP library, do not hold the time.
///
/// The paused time is seen by this runtime alone. An emulator or another server has a time of its own,
/// in which the jobs do not end: the deadline of the wait expires first. Such tests use a
/// [`ManualClock`], which can [move the other time as well](ManualClock::on_advance).
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
        let held =
            is_paused().then(|| hold_paused_time(limit.saturating_duration_since(self.now())));
        let sleep = self.sleep_until(limit);
        Box::pin(async move {
            sleep.await;
            drop(held);
        })
    }
}

/// Returns `true` if the time of tokio stands still, which it does only in tests.
fn is_paused() -> bool {
    let tokio_now = tokio::time::Instant::now();
    let now = Instant::now();
    // Some systems measure time in coarse steps, so the next one is awaited.
    while Instant::now() <= now {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == tokio_now
}

/// Prevents tokio from moving its paused time until the returned value is dropped, or for as long as
/// the timeout or the grace allows. There is no call for it, but tokio does not move its time while
/// blocking work is in progress, so a thread waits here.
fn hold_paused_time(timeout: Duration) -> Option<mpsc::Sender<()>> {
    let runtime = Handle::try_current().ok()?;
    let (held, released) = mpsc::channel();
    runtime.spawn_blocking(move || released.recv_timeout(timeout.min(PAUSED_GRACE)));
    Some(held)
}

/// A clock for tests. A sleep ends at once and moves the time to its end; otherwise the time stands
/// still until [`advance`](Self::advance) is called. Hours of waiting take milliseconds.
///
/// Clones share the same time, and two clocks that were created separately do not. If the server of a
/// test has a time of its own, both must move together, or the jobs never end and the deadline of the
/// wait expires. [`on_advance`](Self::on_advance) connects them. With the crate `wavespeed-emulator`
/// (`examples/virtual_time.rs` of `wavespeed` is the whole program):
///
/// ```ignore
/// use wavespeed::poll::{ManualClock, Poller};
/// use wavespeed_emulator::{Clock, Emulator};
///
/// let emulator = Emulator::builder().clock(Clock::manual()).start().await?;
/// let clock = ManualClock::default();
/// let server = emulator.clock().clone();
/// clock.on_advance(move |by| server.advance(by));
///
/// let ws = Wavespeed::builder()
///     .key("emulator")
///     .base_url(emulator.origin())
///     .poller(Poller::default().with_clock(clock.clone()))
///     .build()?;
/// ```
///
/// Use one waiter per clock: a second one that sleeps moves the time while the first one awaits an
/// answer, whose timeout may then expire. A clock moves [`Instant`]s only. The system time is still used
/// where a date is needed, such as in the records of a store.
#[derive(Clone)]
pub struct ManualClock {
    start: Instant,
    elapsed: Arc<watch::Sender<Duration>>,
    observers: Arc<Mutex<Vec<Observer>>>,
}

/// A function that is called with each advance of a clock.
type Observer = Arc<dyn Fn(Duration) + Send + Sync>;

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            elapsed: Arc::new(watch::Sender::new(Duration::ZERO)),
            observers: Arc::default(),
        }
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl ManualClock {
    /// Moves the time forward and wakes all timeouts that have expired.
    pub fn advance(&self, by: Duration) {
        // The lock is not held during the calls, so that an observer may add another one.
        let observers = self.observers().clone();
        // The other clocks move first, so that a task that wakes up here finds them in the new time.
        for observer in observers {
            observer(by);
        }
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Calls a function with the duration of each advance from now on, before the timeouts of this clock
    /// wake up: [`advance`](Self::advance) and the sleeps, of this clock and of its clones. Another clock
    /// that moves with this one, such as the clock of a server, is moved by it.
    ///
    /// The function should not advance this clock, which would call it again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wavespeed_poll::{Clock as _, ManualClock};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (client, server) = (ManualClock::default(), ManualClock::default());
    /// let follower = server.clone();
    /// client.on_advance(move |by| follower.advance(by));
    ///
    /// client.sleep(Duration::from_secs(3600)).await;
    /// assert_eq!(server.elapsed(), Duration::from_secs(3600));
    /// # }
    /// ```
    pub fn on_advance(&self, observer: impl Fn(Duration) + Send + Sync + 'static) {
        self.observers().push(Arc::new(observer));
    }

    /// Returns the time by which the clock was moved since it was created.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn observers(&self) -> MutexGuard<'_, Vec<Observer>> {
        self.observers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
