//! Log-normal distributions, and the weighted kernels whose sum is an estimate of durations.

use std::time::Duration;

/// The number of sigmas beyond which the tail of a normal distribution is below `f64` precision. Most
/// kernels are that far away from most times, so this saves most of the computation.
pub(crate) const MAX_SIGMAS: f64 = 8.5;

/// A distribution of durations whose logarithm is normally distributed, as is the product of many
/// small causes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// The duration that half of the jobs do not exceed.
    pub median: Duration,
    /// The standard deviation of the natural logarithm of the duration: two thirds of the jobs take
    /// between `median / exp(sigma)` and `median * exp(sigma)`.
    pub sigma: f64,
}

/// A normal distribution over the natural logarithm of seconds, with a weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) mean: f64,
    pub(crate) sigma: f64,
    /// The number of observed durations that the kernel counts as.
    pub(crate) weight: f64,
}

impl Kernel {
    /// Returns the probability density at `x`, times the weight.
    pub(crate) fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        if z.abs() > MAX_SIGMAS {
            return 0.0;
        }
        self.weight * (-z * z / 2.0).exp() / (self.sigma * (2.0 * std::f64::consts::PI).sqrt())
    }

    /// Returns the probability of a value above `x`, times the weight.
    pub(crate) fn survival(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        let probability = match z {
            z if z < -MAX_SIGMAS => 1.0,
            z if z > MAX_SIGMAS => 0.0,
            // `erfc` and not `1 - erf`, which would round a small tail to 0.
            z => libm::erfc(z / std::f64::consts::SQRT_2) / 2.0,
        };
        self.weight * probability
    }
}

/// Returns a duration of that many seconds; the longest duration if it is not representable.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Returns the natural logarithm of a time in seconds. The time is first limited to between a
/// millisecond and about a year, outside of which no job ends, so the result is finite.
pub(crate) fn log_seconds(time: Duration) -> f64 {
    time.as_secs_f64().clamp(1e-3, 3e7).ln()
}
