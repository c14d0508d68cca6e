//! Until when to wait, and cutting off what takes longer.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::clock::Clock;

/// The moment at which waiting ends; or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// At this moment of a [`Clock`].
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// This long after the clock's present. A duration that no clock can show means never.
    #[must_use]
    pub fn after(duration: Duration, clock: &dyn Clock) -> Self {
        Self(clock.now().checked_add(duration))
    }

    /// No deadline.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// How much time is left; `None` if there is no deadline.
    #[must_use]
    pub fn remaining(&self, clock: &dyn Clock) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(clock.now()))
    }

    /// Whether there is more time left than this.
    #[must_use]
    pub fn allows(&self, time: Duration, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_none_or(|left| left > time)
    }

    /// The output of `work`, or `None` if the deadline came first; `work` is then dropped.
    pub async fn timeout<F: Future>(&self, clock: &dyn Clock, work: F) -> Option<F::Output> {
        let Some(at) = self.0 else {
            return Some(work.await);
        };
        match select(pin!(work), clock.timeout_at(at)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(((), _)) => None,
        }
    }
}
