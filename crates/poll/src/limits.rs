//! Rate limits of polls, and the arithmetic of the token bucket that enforces them.
//!
//! The bucket is kept as one instant, the time slot of the next poll. Each poll takes that slot and
//! moves it one [`spacing`] into the future, so the mean rate is kept. A slot in the past stands for
//! tokens that were saved; [`earliest_slot`] limits how far it may lie in the past, and with that the
//! size of a burst.

use std::time::{Duration, Instant};

/// The longest time between two polls, so that a tiny rate still gives one poll per day.
const MAX_SPACING: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits of the polls of all jobs together, which hold whatever the schedules ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RateLimits {
    /// The number of polls in flight at once: 8 by default. 0 counts as 1.
    pub at_once: usize,
    /// The mean number of polls per second: 100 by default. 0 means no limit. After a time without
    /// polls, a burst of up to `at_once` polls may be made, but never of more than the polls of one
    /// second.
    pub per_second: f64,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            at_once: 8,
            per_second: 100.0,
        }
    }
}

impl RateLimits {
    /// Sets the number of polls in flight at once.
    #[must_use]
    pub fn at_once(mut self, polls: usize) -> Self {
        self.at_once = polls;
        self
    }

    /// Sets the mean number of polls per second; 0 means no limit.
    #[must_use]
    pub fn per_second(mut self, polls: f64) -> Self {
        self.per_second = polls;
        self
    }
}

/// Returns the earliest instant to which the slot of the next poll may fall behind `now`: the slots
/// between it and `now` are the polls of a burst.
pub(crate) fn earliest_slot(limits: RateLimits, now: Instant) -> Instant {
    // A rate below one poll per second allows no burst at all: "5 per minute" must not mean that all
    // 5 polls are made in the first second of a minute.
    let burst = (limits.at_once as f64).min(limits.per_second.max(1.0));
    // A slot at `now` allows one poll by itself, so only the others reach back.
    let burst = spacing(limits).mul_f64((burst - 1.0).max(0.0));
    // Not every earlier instant is representable; without it there is no burst.
    now.checked_sub(burst).unwrap_or(now)
}

/// Returns the mean time between two polls; zero if the rate is not limited.
pub(crate) fn spacing(limits: RateLimits) -> Duration {
    // Written so that NaN counts as no limit, too.
    if limits.per_second > 0.0 {
        let spacing = Duration::try_from_secs_f64(limits.per_second.recip());
        spacing.unwrap_or(MAX_SPACING).min(MAX_SPACING)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_is_bounded() {
        let limits = RateLimits::default();
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                spacing(RateLimits {
                    per_second,
                    ..limits
                }),
                Duration::ZERO
            );
        }
        let never = f64::MIN_POSITIVE / 4.0;
        assert_eq!(
            spacing(RateLimits {
                per_second: never,
                ..limits
            }),
            MAX_SPACING
        );
    }
}
