//! Schedules of polls: the trait, and the schedules that need no knowledge of earlier jobs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A rule for the time between two polls. Implementations have no state: everything that they need
/// is passed in.
pub trait Schedule: fmt::Debug + Send + Sync {
    /// Returns the time from now to the next poll. `random` is uniform in `0.0..1.0`; schedules use
    /// it so that many waiters do not poll in step.
    fn gap(&self, now: PollContext, random: f64) -> Duration;

    /// Returns the probability, from 0 to 1, that a job which was still running at the age `polled`
    /// has ended by the age `now`. If more jobs are due than the rate limits allow to poll, the jobs
    /// with the highest probability come first.
    fn completion_probability(&self, polled: Duration, now: Duration) -> f64 {
        // Without knowledge of earlier jobs every order of magnitude of the duration is equally
        // likely, so the probability to survive from `polled` to `now` is their ratio.
        if now.is_zero() {
            0.0
        } else {
            1.0 - (polled.as_secs_f64() / now.as_secs_f64()).min(1.0)
        }
    }
}

/// Implements [`Schedule`] for a pointer to a schedule. Both methods are forwarded: the default of
/// the second must not replace what the schedule knows.
macro_rules! forward_schedule {
    ($pointer:ident) => {
        impl<S: Schedule + ?Sized> Schedule for $pointer<S> {
            fn gap(&self, now: PollContext, random: f64) -> Duration {
                (**self).gap(now, random)
            }

            fn completion_probability(&self, polled: Duration, now: Duration) -> f64 {
                (**self).completion_probability(polled, now)
            }
        }
    };
}

forward_schedule!(Arc);
forward_schedule!(Box);

/// The facts about a job that a [`Schedule`] depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollContext {
    /// The age of the job, as far as that is known.
    pub elapsed: Duration,
    /// The number of polls made so far.
    pub polls: u32,
}

impl PollContext {
    /// Creates the context of a job of age `elapsed` after `polls` polls.
    #[must_use]
    pub fn new(elapsed: Duration, polls: u32) -> Self {
        Self { elapsed, polls }
    }
}

/// A schedule whose gaps are all equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(pub Duration);

impl Schedule for Fixed {
    fn gap(&self, _: PollContext, _: f64) -> Duration {
        self.0
    }
}

/// A schedule whose gaps grow by a factor from a floor to a cap.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Geometric {
    /// The first gap, which is also the shortest.
    pub floor: Duration,
    /// The ratio of each gap to the gap before; 1 keeps all gaps equal.
    pub growth: f64,
    /// The longest gap.
    pub cap: Duration,
}

impl Default for Geometric {
    /// Returns a schedule with gaps from 1 s to 5 s, each a tenth longer than the one before.
    fn default() -> Self {
        Self::from_floor(Duration::from_secs(1))
    }
}

impl Geometric {
    /// Creates a schedule with the default growth and cap from another floor. The cap is raised to
    /// the floor if it would be below.
    #[must_use]
    pub fn from_floor(floor: Duration) -> Self {
        Self {
            floor,
            growth: 1.1,
            cap: floor.max(Duration::from_secs(5)),
        }
    }
}

impl Schedule for Geometric {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let exponent = i32::try_from(now.polls).unwrap_or(i32::MAX);
        // The power may overflow to infinity; `min` then yields the cap.
        let grown = self.floor.as_secs_f64() * self.growth.powi(exponent);
        let capped = grown.min(self.cap.as_secs_f64());
        // The random part only lengthens a gap, so the floor of the caller holds.
        Duration::try_from_secs_f64(capped * (1.0 + random / 10.0)).unwrap_or(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(schedule: Geometric, polls: u32, random: f64) -> f64 {
        schedule
            .gap(PollContext::new(Duration::ZERO, polls), random)
            .as_secs_f64()
    }

    #[test]
    fn gap_grows_from_the_floor_to_the_cap() {
        let gaps: Vec<f64> = [0, 1, 2, 16, 17, 100, u32::MAX]
            .map(|polls| (gap(Geometric::default(), polls, 0.0) * 100.0).round() / 100.0)
            .into();
        assert_eq!(gaps, [1.0, 1.1, 1.21, 4.59, 5.0, 5.0, 5.0]);
    }

    #[test]
    fn gap_is_never_shorter_than_the_floor() {
        let slow = Geometric::from_floor(Duration::from_secs(60));
        assert_eq!(gap(slow, 0, 0.0), 60.0);
        assert_eq!(gap(slow, 9, 0.0), 60.0);
        assert!((65.9..66.0).contains(&gap(slow, 0, 0.999)));
    }

    #[test]
    fn gap_is_bounded_if_growth_is_nan() {
        let schedule = Geometric {
            growth: f64::NAN,
            ..Geometric::default()
        };
        assert!(schedule.gap(PollContext::new(Duration::ZERO, 3), 0.5) <= Duration::from_secs(6));
    }

    #[derive(Debug)]
    struct Certain;

    impl Schedule for Certain {
        fn gap(&self, _: PollContext, random: f64) -> Duration {
            Duration::from_secs_f64(random)
        }

        fn completion_probability(&self, _: Duration, _: Duration) -> f64 {
            1.0
        }
    }

    #[test]
    fn pointer_to_a_schedule_is_that_schedule() {
        fn values(schedule: impl Schedule) -> (Duration, f64) {
            let gap = schedule.gap(PollContext::new(Duration::ZERO, 0), 0.5);
            (gap, schedule.completion_probability(gap, gap))
        }
        let expected = (Duration::from_millis(500), 1.0);
        assert_eq!(values(Arc::new(Certain)), expected);
        let object: Box<dyn Schedule> = Box::new(Certain);
        assert_eq!(values(object), expected);
    }
}
