//! Limits of the rate of polls.

use std::time::{Duration, Instant};

/// However few polls there may be, there is one a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How much may be asked, whatever the schedules say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RateLimits {
    /// How many polls are on their way at once: 8.
    pub at_once: usize,
    /// How many polls there are in a second, on average: 100. 0 is no limit. After a while without any,
    /// as many as may be on their way may be made at once, but not those of more than a second.
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

/// The time from which on polls that were not made are made up for.
pub(crate) fn unused(limits: RateLimits, now: Instant) -> Instant {
    let burst = (limits.at_once as f64).min(limits.per_second.max(1.0));
    let burst = spacing(limits).mul_f64((burst - 1.0).max(0.0));
    now.checked_sub(burst).unwrap_or(now)
}

/// The time between two polls.
pub(crate) fn spacing(limits: RateLimits) -> Duration {
    if limits.per_second > 0.0 {
        let spacing = Duration::try_from_secs_f64(limits.per_second.recip());
        spacing.unwrap_or(LONGEST).min(LONGEST)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_polls_is_never_too_long() {
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
            LONGEST
        );
    }
}
