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

    /// Adds the probability densities, times the weight, at `from` and further every `step`, as many
    /// as there are `densities`.
    pub(crate) fn add_densities(&self, densities: &mut [f64], from: f64, step: f64) {
        let nearest = ((self.mean - from) / step).round().max(0.0) as usize;
        let nearest = nearest.min(densities.len().saturating_sub(1));
        let x = from + nearest as f64 * step;
        let (z, dz) = ((x - self.mean) / self.sigma, step / self.sigma);
        // With even steps the ratio of two neighbors changes by a constant factor from pair to pair,
        // so two products replace each exponential function. It starts at the peak, because values
        // and ratios then only fall: rounding errors do not grow.
        let factor = (-dz * dz).exp();
        let reach = (MAX_SIGMAS / dz) as usize + 1;
        let peak = self.density(x);
        let add = |density: &mut f64, (value, ratio): (f64, f64)| {
            *density += value;
            (value * ratio, ratio * factor)
        };
        let (left, right) = densities.split_at_mut(nearest);
        let fall = |direction: f64| (-direction * z * dz - dz * dz / 2.0).exp();
        right
            .iter_mut()
            .take(reach)
            .fold((peak, fall(1.0)), |next, density| add(density, next));
        let before = peak * fall(-1.0);
        left.iter_mut()
            .rev()
            .take(reach)
            .fold((before, fall(-1.0) * factor), |next, density| {
                add(density, next)
            });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_of_even_steps_are_those_of_each() {
        for (mean, sigma) in [(4.0, 0.03), (4.0, 0.3), (-1.0, 0.1), (4.1, 3.0), (9.0, 1.0)] {
            let kernel = Kernel {
                mean,
                sigma,
                weight: 2.0,
            };
            let mut densities = [1.0; 500];
            kernel.add_densities(&mut densities, 0.0, 0.01);
            for (index, density) in densities.iter().enumerate() {
                let exact = kernel.density(index as f64 * 0.01);
                let error = (density - 1.0 - exact).abs();
                assert!(
                    error < 1e-9 * (1.0 + exact),
                    "{mean} {sigma} at {index}: {error}"
                );
            }
        }
    }
}
