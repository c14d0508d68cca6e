//! How long jobs of a kind take, estimated from few: the part that takes longer than a time, and the
//! time by which a part has ended.
//!
//! The estimate is a sum of normal distributions of the logarithm: one around each duration that was
//! seen, as wide as makes all others most likely, and two broad ones for what is expected beside
//! them. When to ask, it leaves to others.

use std::time::Duration;

use crate::cost::ScheduleCost;
use crate::cost::expect;
use crate::kernel::{Kernel, LogNormal, logarithm, seconds};
use crate::schedule::{Fixed, Schedule};

/// What is expected before anything was seen counts as so many durations.
const PRIOR: f64 = 4.0;

/// How many durations its middle and its width count as.
const MIDDLE: f64 = 0.3;

const WIDTH: f64 = 2.0;

/// A guess is two broad distributions, one sooner and one later than it says, and as wide as this. Where
/// the guess is wrong by a factor of 3, either way and whatever the jobs are like, polls cost at most
/// half more than they could: a search over such pairs has found it.
const GUESSED: [f64; 2] = [-0.9, 0.6];

const GUESSED_SIGMA: f64 = 0.9;

/// A job that takes longer than all but so few has not much to do with them.
const LOST: f64 = 1e-6;

/// What counts less than this is not worth the time.
const LEAST: f64 = 0.01;

/// More than these say nothing new; the newest count.
const MOST: usize = 256;

/// How long jobs of a kind take, as far as it is known.
#[derive(Clone, Debug)]
pub struct Durations {
    /// What was expected before anything was seen.
    prior: Kernel,
    /// What is expected beside what was seen.
    beside: [Kernel; 2],
    seen: Vec<Kernel>,
}

impl Default for Durations {
    /// Nothing is known: a [`guess`](Self::guess) of a minute.
    fn default() -> Self {
        Self::guess(Duration::from_secs(60))
    }
}

impl Durations {
    /// Nothing seen yet; `prior` is what is expected.
    #[must_use]
    pub fn new(prior: LogNormal) -> Self {
        let sigma = if prior.sigma.is_finite() {
            prior.sigma
        } else {
            1.0
        };
        let prior = Kernel {
            mean: logarithm(prior.median),
            sigma: sigma.clamp(0.05, 3.0),
            weight: PRIOR / 2.0,
        };
        Self {
            prior,
            beside: [prior; 2],
            seen: Vec::new(),
        }
    }

    /// Nothing seen yet, and nothing known: half of the jobs may take no longer than `median`, or
    /// that may be wrong by a factor of 3 either way.
    #[must_use]
    pub fn guess(median: Duration) -> Self {
        let mut guess = Self::new(LogNormal { median, sigma: 1.0 });
        guess.beside = GUESSED.map(|offset| Kernel {
            mean: guess.prior.mean + offset,
            sigma: GUESSED_SIGMA,
            ..guess.prior
        });
        guess
    }

    /// With durations that were seen, the newest last, and how much each counts: 1, or less if it
    /// is old. What counts less than a hundredth is left out.
    #[must_use]
    pub fn with_seen(mut self, seen: impl IntoIterator<Item = (Duration, f64)>) -> Self {
        let weighed = seen.into_iter().filter(|(_, weight)| *weight >= LEAST);
        self.seen = weighed
            .map(|(duration, weight)| Kernel {
                mean: logarithm(duration),
                sigma: 0.0,
                weight: weight.min(1.0),
            })
            .collect();
        let surplus = self.seen.len().saturating_sub(MOST);
        self.seen.drain(..surplus);
        if self.seen.is_empty() {
            return self;
        }
        // One is as broad as before, but where the durations are.
        let informed = self.informed();
        let mean = informed.mean;
        self.beside = [Kernel { mean, ..self.prior }, informed];
        let width = self.width();
        self.seen.iter_mut().for_each(|kernel| kernel.sigma = width);
        self
    }

    /// How many durations were seen, or of those before [`with_seen`](Self::with_seen) the newest 256.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// How many durations what was seen counts as.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.seen.iter().map(|kernel| kernel.weight).sum()
    }

    /// The part of the jobs that take longer.
    #[must_use]
    pub fn survival(&self, after: Duration) -> f64 {
        self.sum(|kernel| kernel.survival(logarithm(after)))
    }

    /// The time until which this part of those jobs has ended that were still running after
    /// `elapsed`: the answer to "how much longer?".
    #[must_use]
    pub fn quantile(&self, elapsed: Duration, part: f64) -> Duration {
        let rest = self.survival(elapsed) * (1.0 - part.clamp(0.0, 1.0));
        let (mut low, mut high) = (
            logarithm(elapsed),
            logarithm(Duration::from_secs(10_000_000)),
        );
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            match self.sum(|kernel| kernel.survival(middle)) > rest {
                true => low = middle,
                false => high = middle,
            }
        }
        Duration::from_secs_f64(high.exp()).max(elapsed)
    }

    /// How much longer a job will take, likely, that is still running after `elapsed`.
    #[must_use]
    pub fn estimate(&self, elapsed: Duration) -> Estimate {
        let left = |part: f64| match self.survival(elapsed) > LOST {
            true => self.quantile(elapsed, part).saturating_sub(elapsed),
            // Nothing is known of such a job but that it ends some time: so far is as good as halfway.
            false => seconds(elapsed.as_secs_f64() * part / (1.0 - part)),
        };
        Estimate {
            elapsed,
            soonest: left(0.1),
            expected: left(0.5),
            latest: left(0.9),
        }
    }

    /// What a schedule costs if jobs take as long as this expects.
    #[must_use]
    pub fn expect(&self, schedule: &dyn Schedule) -> ScheduleCost {
        expect(
            |now| schedule.gap(now, 0.5),
            |time| self.survival(seconds(time)),
        )
    }

    /// The fixed interval by which an end is noticed this late, on average.
    #[must_use]
    pub fn fixed(&self, delay: Duration) -> Fixed {
        let (mut low, mut high) = (delay, delay.saturating_mul(4));
        for _ in 0..20 {
            let middle = low + (high - low) / 2;
            match self.expect(&Fixed(middle)).delay < delay {
                true => low = middle,
                false => high = middle,
            }
        }
        Fixed(high.max(Duration::from_millis(1)))
    }

    /// The logarithms of the times before and after which no job is expected to end.
    pub(crate) fn range(&self) -> (f64, f64) {
        let spread = |sigmas: f64| {
            self.all()
                .map(move |kernel| kernel.mean + sigmas * kernel.sigma)
        };
        (
            spread(-4.0).fold(f64::INFINITY, f64::min),
            spread(4.0).fold(f64::NEG_INFINITY, f64::max),
        )
    }

    /// At the logarithm of a time: the part of the jobs that end per second, and of those that
    /// take longer.
    pub(crate) fn at(&self, x: f64) -> (f64, f64) {
        let density = self.sum(|kernel| kernel.density(x)) / x.exp();
        (density, self.sum(|kernel| kernel.survival(x)))
    }

    /// A mean over all that is known, of which each counts by its weight.
    fn sum(&self, of: impl Fn(&Kernel) -> f64) -> f64 {
        let weight: f64 = self.all().map(|kernel| kernel.weight).sum();
        self.all().map(of).sum::<f64>() / weight
    }

    fn all(&self) -> impl Iterator<Item = &Kernel> {
        self.seen.iter().chain(&self.beside)
    }

    /// What is expected, after what was seen: its middle soon follows, its width slowly.
    fn informed(&self) -> Kernel {
        let prior = self.prior;
        let weight = self.weight();
        let weighed = |of: &dyn Fn(&Kernel) -> f64| -> f64 {
            self.seen
                .iter()
                .map(|kernel| kernel.weight * of(kernel))
                .sum()
        };
        let mean = (prior.mean * MIDDLE + weighed(&|kernel| kernel.mean)) / (MIDDLE + weight);
        let spread = weighed(&|kernel| (kernel.mean - mean).powi(2));
        let variance = (prior.sigma.powi(2) * WIDTH + spread) / (WIDTH + weight);
        Kernel {
            mean,
            sigma: variance.sqrt(),
            ..prior
        }
    }

    /// How wide the durations are smeared: as makes each most likely by all others.
    fn width(&self) -> f64 {
        let expected = |x: f64| -> f64 { self.beside.iter().map(|kernel| kernel.density(x)).sum() };
        let likelihood = |width: f64| {
            let each = self.seen.iter().enumerate().map(|(at, one)| {
                let others = self
                    .seen
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != at);
                let others = others.map(|(_, other)| {
                    let sigma = width;
                    Kernel { sigma, ..*other }.density(one.mean)
                });
                let density = others.sum::<f64>() + expected(one.mean);
                one.weight * density.max(f64::MIN_POSITIVE).ln()
            });
            each.sum::<f64>()
        };
        let widths = (0..18).map(|step| 0.03 * 1.25_f64.powi(step));
        let best = widths.map(|width| (width, likelihood(width)));
        best.fold((1.0, f64::NEG_INFINITY), |best, next| {
            if next.1 > best.1 { next } else { best }
        })
        .0
    }
}

/// How much longer a job will take, likely. It follows from how long the job has been running, so it
/// is never at its end before the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// How long the job has been running.
    pub elapsed: Duration,
    /// Of ten such jobs, one ends within this time from now.
    pub soonest: Duration,
    /// Half of such jobs end within this time from now.
    pub expected: Duration,
    /// Of ten such jobs, one takes longer than this from now.
    pub latest: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_than_all_others_may_take_as_long_again() {
        let median = Duration::from_secs(70);
        let durations = Durations::new(LogNormal { median, sigma: 0.1 });
        let mut last = Duration::ZERO;
        for elapsed in [60, 80, 100, 300, 100_000] {
            let outlook = durations.estimate(Duration::from_secs(elapsed));
            assert!(!outlook.soonest.is_zero(), "{outlook:?}");
            assert!(outlook.soonest < outlook.expected, "{outlook:?}");
            assert!(outlook.expected < outlook.latest, "{outlook:?}");
            // What it is expected to take in all never gets less.
            assert!(outlook.elapsed + outlook.expected > last, "{outlook:?}");
            last = outlook.elapsed + outlook.expected;
        }
    }

    #[test]
    fn a_fixed_interval_is_as_late_as_asked_for() {
        for seconds in [0.2, 1.0, 5.0] {
            let delay = Duration::from_secs_f64(seconds);
            let fixed = Durations::default().fixed(delay);
            let cost = Durations::default().expect(&fixed);
            assert!(cost.delay.abs_diff(delay) < delay / 100, "{cost:?}");
            // Where ends come at any time, that is half of it.
            assert!(fixed.0.abs_diff(delay * 2) < delay / 10, "{fixed:?}");
        }
    }

    #[test]
    fn what_is_forgotten_leaves_a_guess() {
        let old = (Duration::from_secs(3), 1e-6);
        let durations = Durations::default().with_seen([old; 128]);
        let guess = Durations::default();
        assert_eq!((durations.count(), durations.weight()), (0, 0.0));
        for seconds in [1, 10, 100, 1_000] {
            let after = Duration::from_secs(seconds);
            assert_eq!(durations.survival(after), guess.survival(after));
        }
    }
}
