//! The settings of a wait: schedule, clock and random numbers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, TokioClock};
use crate::schedule::Schedule;

/// The first wait after an error; each further one in a row doubles it.
const BACKOFF_FLOOR: Duration = Duration::from_secs(1);

/// The longest wait after an error, unless the other side asked for a longer one.
const BACKOFF_CAP: Duration = Duration::from_secs(30);

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
}
