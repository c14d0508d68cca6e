//! How long to wait between two polls.

use std::fmt;
use std::time::Duration;

/// Decides how long to wait before the next poll. Pure: what it needs to know comes in.
pub trait Schedule: fmt::Debug + Send + Sync {
    /// The time from now to the next poll. `random` is uniform in `0.0..1.0`; schedules use it so
    /// that many waiters do not march in step.
    fn gap(&self, now: PollContext, random: f64) -> Duration;

    /// How likely it is, from 0 to 1, that a job which was still running when it was `asked` about
    /// has ended `now`, both counted from its beginning. If there are more jobs to be asked about
    /// than may be, those most likely to have ended come first.
    fn completion_probability(&self, asked: Duration, now: Duration) -> f64 {
        // Nothing is known: it may take any time, and each order of magnitude is as likely.
        match now.is_zero() {
            true => 0.0,
            false => 1.0 - (asked.as_secs_f64() / now.as_secs_f64()).min(1.0),
        }
    }
}

/// What a [`Schedule`] knows of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollContext {
    /// How old the job is, as far as that is known.
    pub elapsed: Duration,
    /// How many polls were made.
    pub polls: u32,
}

impl PollContext {
    /// After so much time and so many polls.
    #[must_use]
    pub fn new(elapsed: Duration, polls: u32) -> Self {
        Self { elapsed, polls }
    }
}

/// Gaps that are all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(pub Duration);

impl Schedule for Fixed {
    fn gap(&self, _: PollContext, _: f64) -> Duration {
        self.0
    }
}

/// Gaps that grow by a factor from a floor to a cap.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Geometric {
    /// The first gap, and the shortest.
    pub floor: Duration,
    /// What each gap is multiplied by to get the next; 1 keeps them equal.
    pub growth: f64,
    /// The longest gap.
    pub cap: Duration,
}

impl Default for Geometric {
    /// From 1 s by a tenth each time to 5 s: the vendor's own clients ask every second, its guide
    /// asks for 5 s between polls of a video.
    fn default() -> Self {
        Self::from_floor(Duration::from_secs(1))
    }
}

impl Geometric {
    /// The default growth and cap from another floor; the cap is never below the floor.
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
        let grown = self.floor.as_secs_f64() * self.growth.powi(exponent);
        let capped = grown.min(self.cap.as_secs_f64());
        // Up to a tenth longer, never shorter than the floor that was asked for.
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
    fn grows_from_the_floor_to_the_cap() {
        let gaps: Vec<f64> = [0, 1, 2, 16, 17, 100, u32::MAX]
            .map(|polls| (gap(Geometric::default(), polls, 0.0) * 100.0).round() / 100.0)
            .into();
        assert_eq!(gaps, [1.0, 1.1, 1.21, 4.59, 5.0, 5.0, 5.0]);
    }

    #[test]
    fn is_never_shorter_than_its_floor() {
        let slow = Geometric::from_floor(Duration::from_secs(60));
        assert_eq!(gap(slow, 0, 0.0), 60.0);
        assert_eq!(gap(slow, 9, 0.0), 60.0);
        assert!((65.9..66.0).contains(&gap(slow, 0, 0.999)));
    }

    #[test]
    fn survives_a_senseless_growth() {
        let wild = Geometric {
            growth: f64::NAN,
            ..Geometric::default()
        };
        assert!(wild.gap(PollContext::new(Duration::ZERO, 3), 0.5) <= Duration::from_secs(6));
    }
}
