//! The settings of a wait: schedule, clock, random numbers and back-off.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, TokioClock};
use crate::schedule::Schedule;

/// The back-off after the first error; each further error in a row doubles it.
const BACKOFF_FLOOR: Duration = Duration::from_secs(1);

/// The longest back-off, unless the server asks for a longer wait.
const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// The settings of a wait: a schedule, a clock and a source of random numbers. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use wavespeed_poll::{Fixed, ManualClock, Poller};
///
/// let poller = Poller::default()
///     .with_schedule(Fixed(Duration::from_secs(5)))
///     .with_clock(ManualClock::default())
///     .with_random(|| 0.5);
/// assert_eq!(poller.backoff(1), Duration::from_millis(1_500));
/// ```
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
    /// Sets the schedule.
    #[must_use]
    pub fn with_schedule(mut self, schedule: impl Schedule + 'static) -> Self {
        self.schedule = Some(Arc::new(schedule));
        self
    }

    /// Returns the schedule that was set. If there is none, polls follow the default of
    /// [`Geometric`](crate::Geometric).
    #[must_use]
    pub fn schedule(&self) -> Option<&Arc<dyn Schedule>> {
        self.schedule.as_ref()
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of random numbers, uniform in `0.0..1.0`.
    #[must_use]
    pub fn with_random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the back-off after an error that follows `before` errors in a row: 1 s, doubled with
    /// each error, up to 30 s. Half of that time is fixed and half is random, so that clients that
    /// failed together do not return together.
    #[must_use]
    pub fn backoff(&self, before: u32) -> Duration {
        // The exponent is bounded because the shift would overflow; the cap is reached long before.
        let doubled = BACKOFF_FLOOR
            .saturating_mul(1 << before.min(10))
            .min(BACKOFF_CAP);
        doubled.mul_f64(0.5 + (self.random)() / 2.0)
    }
}
