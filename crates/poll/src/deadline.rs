//! The deadline of a wait, and the timeout that cuts off work at a deadline.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::clock::{Clock, TokioClock};

/// The instant at which a wait ends, or no end at all.
///
/// ```
/// use std::time::Duration;
/// use wavespeed_poll::{Deadline, ManualClock};
///
/// let clock = ManualClock::default();
/// let deadline = Deadline::after(Duration::from_secs(60), &clock);
/// clock.advance(Duration::from_secs(20));
/// assert_eq!(deadline.remaining(&clock), Some(Duration::from_secs(40)));
/// assert!(deadline.allows(Duration::from_secs(30), &clock));
/// assert_eq!(Deadline::never().remaining(&clock), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Creates a deadline at an instant of a [`Clock`].
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// Creates a deadline `duration` from now. If that instant is not representable, there is no
    /// deadline.
    #[must_use]
    pub fn after(duration: Duration, clock: &dyn Clock) -> Self {
        Self(clock.now().checked_add(duration))
    }

    /// Creates a deadline `duration` from now, by the real clock. A client with another clock needs
    /// [`after`](Self::after).
    #[must_use]
    pub fn within(duration: Duration) -> Self {
        Self::after(duration, &TokioClock)
    }

    /// Creates a deadline that never expires.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// Returns the time left, which is zero once the deadline has expired; `None` if there is no deadline.
    #[must_use]
    pub fn remaining(&self, clock: &dyn Clock) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(clock.now()))
    }

    /// Returns `true` if more than `time` is left.
    #[must_use]
    pub fn allows(&self, time: Duration, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_none_or(|left| left > time)
    }

    /// Returns the output of `work`, or `None` if the deadline expires first; `work` is then dropped.
    pub async fn timeout<F: Future>(&self, clock: &dyn Clock, work: F) -> Option<F::Output> {
        let Some(at) = self.0 else {
            return Some(work.await);
        };
        // `select` polls its first future first, so an output that is ready at the deadline is kept.
        match select(pin!(work), clock.timeout_at(at)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(((), _)) => None,
        }
    }
}
