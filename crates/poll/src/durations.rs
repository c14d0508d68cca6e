//! Estimates of job durations from few observations.
//!
//! The estimate is a kernel density estimate in log time: a weighted sum of normal distributions of
//! the logarithm of the duration. There is one kernel around each observed duration. All of these
//! have the same width, chosen so that each observation is as likely as possible given the others.
//! Two broad background kernels stand for what was expected before the first observation, and for
//! durations unlike those observed; they carry the whole estimate as long as there are none. The
//! decay of old observations is up to the caller, who passes a weight with each.

use std::time::Duration;

use crate::cost::{ScheduleCost, schedule_cost};
use crate::kernel::{Kernel, LogNormal, duration, log_seconds};
use crate::schedule::{Fixed, Schedule};
use crate::width::best_width;

/// The weight of the two background kernels together, as a number of observations.
const PRIOR_WEIGHT: f64 = 4.0;

/// The weight of the prior mean against observations. It is low because the first observation says
/// much about the magnitude of durations.
const PRIOR_MEAN_WEIGHT: f64 = 0.3;

/// The weight of the prior variance against observations. It is higher because few observations say
/// little about how much durations vary.
const PRIOR_VARIANCE_WEIGHT: f64 = 2.0;

/// The offsets, in log time, of the two background kernels from a guessed median. One broad kernel is
/// not enough: with this pair, found by a search over such pairs, a guess that is wrong by a factor
/// of 3 either way makes polls and delay cost at most half more than the optimum, whatever the
/// distribution of the durations.
const GUESS_OFFSETS: [f64; 2] = [-0.9, 0.6];

/// The sigma of the two background kernels of a guess, found by the same search.
const GUESS_SIGMA: f64 = 0.9;

/// The survival below which a job takes too long for the estimate to say anything about it.
const MIN_SURVIVAL: f64 = 1e-6;

/// The weight below which an observation is ignored because it does not repay the computation.
const MIN_WEIGHT: f64 = 0.01;

/// The number of observations that are used, the newest ones. More say nothing new, and
/// everything computed from them takes time in proportion to their number.
const MAX_OBSERVATIONS: usize = 256;

/// An estimate of how long jobs of one kind take.
///
/// ```
/// use std::time::Duration;
/// use wavespeed_poll::{CostModel, Durations, HazardSchedule};
///
/// let observed = [50, 60, 70].map(|seconds| (Duration::from_secs(seconds), 1.0));
/// let durations = Durations::guess(Duration::from_secs(90)).with_observations(observed);
/// assert!(durations.survival(Duration::from_secs(10)) > 0.8);
/// let estimate = durations.estimate(Duration::from_secs(30));
/// assert!(estimate.soonest < estimate.expected);
///
/// let mean_gap = CostModel::MeanGap(Duration::from_secs(5));
/// let schedule = HazardSchedule::new(&durations, mean_gap);
/// println!("{:?}", durations.cost_of(&schedule));
/// ```
#[derive(Clone, Debug)]
pub struct Durations {
    /// The expectation before the first observation.
    prior: Kernel,
    /// The kernels that are part of the estimate beside those of the observations.
    background: [Kernel; 2],
    observations: Vec<Kernel>,
}

impl Default for Durations {
    /// Returns a [`guess`](Self::guess) of one minute.
    fn default() -> Self {
        Self::guess(Duration::from_secs(60))
    }
}

impl Durations {
    /// Creates an estimate without observations from a distribution that is known.
    #[must_use]
    pub fn new(prior: LogNormal) -> Self {
        let sigma = if prior.sigma.is_finite() {
            prior.sigma
        } else {
            1.0
        };
        let prior = Kernel {
            mean: log_seconds(prior.median),
            // A sigma of 0 would divide by zero, and a huge one would hide all observations.
            sigma: sigma.clamp(0.05, 3.0),
            weight: PRIOR_WEIGHT / 2.0,
        };
        // Two equal kernels are one kernel of twice the weight.
        Self {
            prior,
            background: [prior; 2],
            observations: Vec::new(),
        }
    }

    /// Creates an estimate without observations from a guessed median, which may be wrong by a factor
    /// of 3 either way.
    #[must_use]
    pub fn guess(median: Duration) -> Self {
        let mut guess = Self::new(LogNormal { median, sigma: 1.0 });
        guess.background = GUESS_OFFSETS.map(|offset| Kernel {
            mean: guess.prior.mean + offset,
            sigma: GUESS_SIGMA,
            ..guess.prior
        });
        guess
    }

    /// Sets the observed durations, the newest last, each with its weight: 1, or less if the
    /// observation is old. Observations of a weight below 0.01 are ignored.
    #[must_use]
    pub fn with_observations(
        mut self,
        observations: impl IntoIterator<Item = (Duration, f64)>,
    ) -> Self {
        let weighed = observations
            .into_iter()
            .filter(|(_, weight)| *weight >= MIN_WEIGHT);
        self.observations = weighed
            .map(|(duration, weight)| Kernel {
                mean: log_seconds(duration),
                // The width is chosen below, once all observations are known.
                sigma: 0.0,
                weight: weight.min(1.0),
            })
            .collect();
        let surplus = self.observations.len().saturating_sub(MAX_OBSERVATIONS);
        self.observations.drain(..surplus);
        if self.observations.is_empty() {
            return self;
        }
        // Both background kernels move to the mean of the observations. One keeps the width of the
        // prior, so that durations unlike those observed stay possible; the other has the width of
        // the observations, which smooths the estimate while there are few of them.
        let updated = self.updated_prior();
        let broad = Kernel {
            mean: updated.mean,
            ..self.prior
        };
        self.background = [broad, updated];
        // The width depends on the background, so it comes after it.
        let width = best_width(&self.observations, &self.background);
        for kernel in &mut self.observations {
            kernel.sigma = width;
        }
        self
    }

    /// Returns the number of observations in use, at most 256.
    #[must_use]
    pub fn count(&self) -> usize {
        self.observations.len()
    }

    /// Returns the sum of the weights of the observations in use.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.observations.iter().map(|kernel| kernel.weight).sum()
    }

    /// Returns the fraction of the jobs that take longer than `after`.
    #[must_use]
    pub fn survival(&self, after: Duration) -> f64 {
        self.survival_at(log_seconds(after))
    }

    /// Returns the age by which a fraction `part` has ended of those jobs that were still running at
    /// the age `elapsed`.
    #[must_use]
    pub fn quantile(&self, elapsed: Duration, part: f64) -> Duration {
        let target = self.survival(elapsed) * (1.0 - part.clamp(0.0, 1.0));
        // A sum of kernels has no closed inverse, so the survival is bisected in log time. The upper
        // end is about 116 days; 60 halvings exhaust the precision of `f64`.
        let longest = Duration::from_secs(10_000_000);
        let (mut low, mut high) = (log_seconds(elapsed), log_seconds(longest));
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.survival_at(middle) > target {
                low = middle;
            } else {
                high = middle;
            }
        }
        duration(high.exp()).max(elapsed)
    }

    /// Estimates how much longer a job takes that is still running at the age `elapsed`.
    #[must_use]
    pub fn estimate(&self, elapsed: Duration) -> Estimate {
        let is_outlier = self.survival(elapsed) <= MIN_SURVIVAL;
        let left = |part: f64| {
            if is_outlier {
                // The observations say nothing about such a job. If every magnitude of its duration
                // is equally likely, half of such jobs take as long again as they have taken so far.
                duration(elapsed.as_secs_f64() * part / (1.0 - part))
            } else {
                self.quantile(elapsed, part).saturating_sub(elapsed)
            }
        };
        Estimate {
            elapsed,
            soonest: left(0.1),
            expected: left(0.5),
            latest: left(0.9),
        }
    }

    /// Returns the expected cost of a schedule for jobs of these durations.
    #[must_use]
    pub fn cost_of(&self, schedule: &dyn Schedule) -> ScheduleCost {
        // 0.5 is the mean of the random numbers.
        schedule_cost(
            |now| schedule.gap(now, 0.5),
            |seconds| self.survival(duration(seconds)),
        )
    }

    /// Returns the fixed interval whose mean delay is `delay`.
    #[must_use]
    pub fn fixed_interval(&self, delay: Duration) -> Fixed {
        // The mean delay is about half the interval, and never more than all of it. The factor of 4
        // leaves room for jobs that tend to end shortly before a poll.
        let (mut low, mut high) = (delay, delay.saturating_mul(4));
        for _ in 0..20 {
            let middle = low + (high - low) / 2;
            if self.cost_of(&Fixed(middle)).delay < delay {
                low = middle;
            } else {
                high = middle;
            }
        }
        // An interval of zero would never let time pass.
        Fixed(high.max(Duration::from_millis(1)))
    }

    /// Returns the logarithms of the times before and after which no job is expected to end: 4 sigmas
    /// from the means of all kernels.
    pub(crate) fn log_range(&self) -> (f64, f64) {
        let ends = |sigmas: f64| {
            self.kernels()
                .map(move |kernel| kernel.mean + sigmas * kernel.sigma)
        };
        (
            ends(-4.0).fold(f64::INFINITY, f64::min),
            ends(4.0).fold(f64::NEG_INFINITY, f64::max),
        )
    }

    /// Returns the fraction of the jobs that end per unit of log time, at `count` logarithms of times:
    /// at `from` and further every `step`.
    pub(crate) fn log_densities(&self, from: f64, step: f64, count: usize) -> Vec<f64> {
        let mut densities = vec![0.0; count];
        for kernel in self.kernels() {
            kernel.add_densities(&mut densities, from, step);
        }
        let weight = self.total_weight();
        for density in &mut densities {
            *density /= weight;
        }
        densities
    }

    /// Returns the fraction of the jobs that take longer than the time with the logarithm `x`.
    pub(crate) fn survival_at(&self, x: f64) -> f64 {
        let survivals = self.kernels().map(|kernel| kernel.survival(x));
        survivals.sum::<f64>() / self.total_weight()
    }

    /// Returns the sum of the weights of all kernels.
    fn total_weight(&self) -> f64 {
        self.kernels().map(|kernel| kernel.weight).sum()
    }

    fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.observations.iter().chain(&self.background)
    }

    /// Returns the prior updated by the observations: its mean follows them quickly, its width slowly.
    fn updated_prior(&self) -> Kernel {
        let prior = self.prior;
        let weight = self.weight();
        let weighted_sum = |value: &dyn Fn(&Kernel) -> f64| -> f64 {
            self.observations
                .iter()
                .map(|kernel| kernel.weight * value(kernel))
                .sum()
        };
        let mean = (prior.mean * PRIOR_MEAN_WEIGHT + weighted_sum(&|kernel| kernel.mean))
            / (PRIOR_MEAN_WEIGHT + weight);
        let squares = weighted_sum(&|kernel| (kernel.mean - mean).powi(2));
        let variance = (prior.sigma.powi(2) * PRIOR_VARIANCE_WEIGHT + squares)
            / (PRIOR_VARIANCE_WEIGHT + weight);
        Kernel {
            mean,
            sigma: variance.sqrt(),
            ..prior
        }
    }
}

/// An estimate of the remaining time of a job. It is conditional on the age of the job, so it never
/// reaches zero while the job is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The age of the job.
    pub elapsed: Duration,
    /// The time from now within which one of ten such jobs ends.
    pub soonest: Duration,
    /// The time from now within which half of such jobs end.
    pub expected: Duration,
    /// The time from now within which nine of ten such jobs end.
    pub latest: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_of_an_outlier_never_reaches_zero() {
        let median = Duration::from_secs(70);
        let durations = Durations::new(LogNormal { median, sigma: 0.1 });
        let mut last = Duration::ZERO;
        for elapsed in [60, 80, 100, 300, 100_000] {
            let estimate = durations.estimate(Duration::from_secs(elapsed));
            assert!(!estimate.soonest.is_zero(), "{estimate:?}");
            assert!(estimate.soonest < estimate.expected, "{estimate:?}");
            assert!(estimate.expected < estimate.latest, "{estimate:?}");
            // The expected total duration never decreases.
            assert!(estimate.elapsed + estimate.expected > last, "{estimate:?}");
            last = estimate.elapsed + estimate.expected;
        }
    }

    #[test]
    fn fixed_interval_has_the_requested_delay() {
        for seconds in [0.2, 1.0, 5.0] {
            let delay = Duration::from_secs_f64(seconds);
            let fixed = Durations::default().fixed_interval(delay);
            let cost = Durations::default().cost_of(&fixed);
            assert!(cost.delay.abs_diff(delay) < delay / 100, "{cost:?}");
            // Ends are spread evenly over such a short interval, so the mean delay is half of it.
            assert!(fixed.0.abs_diff(delay * 2) < delay / 10, "{fixed:?}");
        }
    }

    #[test]
    fn ignored_observations_leave_the_guess() {
        let old = (Duration::from_secs(3), 1e-6);
        let durations = Durations::default().with_observations([old; 128]);
        let guess = Durations::default();
        assert_eq!((durations.count(), durations.weight()), (0, 0.0));
        for seconds in [1, 10, 100, 1_000] {
            let after = Duration::from_secs(seconds);
            assert_eq!(durations.survival(after), guess.survival(after));
        }
    }
}
