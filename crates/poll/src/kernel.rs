//! Log-normal distributions, and the kernels that an estimate is a sum of.

use std::time::Duration;

/// So many sigmas off, nothing is left that a number could show beside 1: most of what there is to
/// work out is that.
const FAR: f64 = 8.5;

/// Durations whose logarithm is normally distributed: many small causes, multiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Half of the jobs take no longer.
    pub median: Duration,
    /// The standard deviation of the logarithm: two thirds of the jobs take between the median
    /// divided by its exponential and multiplied by it.
    pub sigma: f64,
}

/// A normal distribution of the logarithm of seconds, with a weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) mean: f64,
    pub(crate) sigma: f64,
    pub(crate) weight: f64,
}

impl Kernel {
    pub(crate) fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        if z.abs() > FAR {
            return 0.0;
        }
        self.weight * (-z * z / 2.0).exp() / (self.sigma * (2.0 * std::f64::consts::PI).sqrt())
    }

    pub(crate) fn survival(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        let part = match z {
            z if z < -FAR => 1.0,
            z if z > FAR => 0.0,
            z => libm::erfc(z / std::f64::consts::SQRT_2) / 2.0,
        };
        self.weight * part
    }
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// No job takes no time, and none takes a year.
pub(crate) fn logarithm(time: Duration) -> f64 {
    time.as_secs_f64().clamp(1e-3, 3e7).ln()
}
