//! A schedule from durations that were seen: polls stand closest where jobs tend to end.
//!
//! If a poll is worth λ seconds of delay, the cost of a schedule is the mean delay until an end is
//! noticed and λ for each poll. Where jobs end at the rate h(t) (the hazard: of those that still
//! run, how many end in the next second), that cost is least if there are √(h(t) / 2λ) polls per
//! second: J. B. Keller, *Optimum checking schedules for systems subject to random failure*,
//! Management Science 21 (1974). What is left is to estimate h from few durations.

use std::time::Duration;

use crate::schedule::{Moment, Schedule};

/// What is expected before anything was seen counts as so many durations.
const PRIOR: f64 = 4.0;
/// How many durations its middle and its width count as.
const MIDDLE: f64 = 0.3;
const WIDTH: f64 = 2.0;
/// More than these say nothing new; the newest count.
const MOST: usize = 256;
/// The points of time at which the rate is worked out.
const POINTS: usize = 512;

/// Time goes on, whatever the floor.
const SHORTEST: Duration = Duration::from_millis(1);

/// Durations whose logarithm is normally distributed: many small causes, multiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Half of the jobs take no longer.
    pub median: Duration,
    /// The standard deviation of the logarithm: two thirds of the jobs take between the median
    /// divided by its exponential and multiplied by it.
    pub sigma: f64,
}

impl Default for LogNormal {
    /// From seconds to a quarter of an hour: nothing is known.
    fn default() -> Self {
        Self {
            median: Duration::from_secs(60),
            sigma: 1.0,
        }
    }
}

/// How long jobs of a kind take, as far as it is known.
#[derive(Clone, Debug)]
pub struct Durations {
    /// What was expected before anything was seen, and since then.
    prior: [Kernel; 2],
    seen: Vec<Kernel>,
}

/// A normal distribution of the logarithm of seconds, with a weight.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    mean: f64,
    sigma: f64,
    weight: f64,
}

impl Kernel {
    fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        self.weight * (-z * z / 2.0).exp() / (self.sigma * (2.0 * std::f64::consts::PI).sqrt())
    }

    fn survival(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sigma;
        self.weight * libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
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
        Self {
            prior: [Kernel {
                mean: logarithm(prior.median),
                sigma: sigma.clamp(0.05, 3.0),
                weight: PRIOR / 2.0,
            }; 2],
            seen: Vec::new(),
        }
    }

    /// With durations that were seen, the newest last, and how much each counts: 1, or less if it
    /// is old.
    #[must_use]
    pub fn with_seen(mut self, seen: impl IntoIterator<Item = (Duration, f64)>) -> Self {
        let weighed = seen.into_iter().filter(|(_, weight)| *weight > 0.0);
        self.seen = weighed
            .map(|(duration, weight)| Kernel {
                mean: logarithm(duration),
                sigma: 0.0,
                weight: weight.min(1.0),
            })
            .collect();
        let surplus = self.seen.len().saturating_sub(MOST);
        self.seen.drain(..surplus);
        let informed = self.informed();
        // The broad one stays broad, but where the durations are.
        self.prior[0].mean = informed.mean;
        self.prior[1] = informed;
        let width = self.width();
        self.seen.iter_mut().for_each(|kernel| kernel.sigma = width);
        self
    }

    /// How many durations were seen.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
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

    /// A mean over all that is known, of which each counts by its weight.
    fn sum(&self, of: impl Fn(&Kernel) -> f64) -> f64 {
        let all = || self.seen.iter().chain(&self.prior);
        all().map(of).sum::<f64>() / all().map(|kernel| kernel.weight).sum::<f64>()
    }

    /// What is expected, after what was seen: its middle soon follows, its width slowly.
    fn informed(&self) -> Kernel {
        let prior = &self.prior[0];
        let weight: f64 = self.seen.iter().map(|kernel| kernel.weight).sum();
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
            ..*prior
        }
    }

    /// How wide the durations are smeared: as makes each most likely by all others.
    fn width(&self) -> f64 {
        let expected = |x: f64| -> f64 { self.prior.iter().map(|prior| prior.density(x)).sum() };
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

/// No job takes no time, and none takes a year.
fn logarithm(time: Duration) -> f64 {
    time.as_secs_f64().clamp(1e-3, 3e7).ln()
}

/// What a poll is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Worth {
    /// So much delay is taken to save a poll.
    Delay(Duration),
    /// As much as makes the mean time between the polls of a job this.
    MeanGap(Duration),
}

/// Polls where [`Durations`] expect an end.
#[derive(Clone, Debug)]
pub struct Learned {
    floor: Duration,
    cap: Duration,
    /// Times in seconds, and how many polls there should have been until then.
    table: Vec<(f64, f64)>,
}

impl Learned {
    /// The schedule for jobs that take so long. The floor is 1 s, the cap 60 s.
    #[must_use]
    pub fn new(durations: &Durations, worth: Worth) -> Self {
        let spread = |kernel: &Kernel, sigmas: f64| kernel.mean + sigmas * kernel.sigma;
        let all = || durations.seen.iter().chain(&durations.prior);
        let from = all()
            .map(|kernel| spread(kernel, -4.0))
            .fold(f64::INFINITY, f64::min);
        let to = all()
            .map(|kernel| spread(kernel, 4.0))
            .fold(f64::NEG_INFINITY, f64::max);
        let step = (to - from) / POINTS as f64;
        // By the middles of steps: the root of the hazard, and the part of the jobs still there.
        let steps: Vec<(f64, f64, f64)> = (0..POINTS)
            .map(|at| {
                let (x, end) = (
                    from + (at as f64 + 0.5) * step,
                    (from + (at + 1) as f64 * step).exp(),
                );
                let survival = durations.sum(|kernel| kernel.survival(x));
                let density = durations.sum(|kernel| kernel.density(x)) / x.exp();
                (end, (density / survival.max(1e-12)).sqrt(), survival)
            })
            .collect();
        let widths = || {
            let starts = std::iter::once(from.exp()).chain(steps.iter().map(|step| step.0));
            steps
                .iter()
                .zip(starts)
                .map(|((end, root, survival), start)| (end - start, *root, *survival))
        };
        // The polls per second are this times the root of the hazard.
        let rate = match worth {
            Worth::Delay(delay) => 1.0 / (2.0 * delay.as_secs_f64().max(1e-6)).sqrt(),
            Worth::MeanGap(gap) => {
                let polls: f64 = widths()
                    .map(|(width, root, survival)| width * root * survival)
                    .sum();
                let time: f64 = from.exp()
                    + widths()
                        .map(|(width, _, survival)| width * survival)
                        .sum::<f64>();
                time / (gap.as_secs_f64().max(1e-3) * polls)
            }
        };
        let mut polls = 0.0;
        let mut table = vec![(0.0, 0.0), (from.exp(), 0.0)];
        for (width, root, _) in widths() {
            polls += width * root * rate;
            let (time, _) = table[table.len() - 1];
            table.push((time + width, polls));
        }
        Self {
            floor: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            table,
        }
    }

    /// With another shortest and longest gap. A wrong guess costs at most the longest.
    #[must_use]
    pub fn between(mut self, floor: Duration, cap: Duration) -> Self {
        (self.floor, self.cap) = (floor, cap.max(floor));
        self
    }
}

/// The value of a function at `x`, by its points; behind the last of them it goes on as it was.
fn at(points: impl Fn(usize) -> (f64, f64), count: usize, x: f64) -> f64 {
    let (mut low, mut high) = (0, count - 1);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        match points(middle).0 <= x {
            true => low = middle,
            false => high = middle,
        }
    }
    let ((x0, y0), (x1, y1)) = (points(low), points(high));
    match x1 > x0 {
        true => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        false => y1,
    }
}

impl Schedule for Learned {
    fn gap(&self, now: Moment, random: f64) -> Duration {
        let count = self.table.len();
        let elapsed = now.elapsed.as_secs_f64();
        let polls = at(|index| self.table[index], count, elapsed);
        // One poll further, a tenth more or less, so that many waiters do not march in step.
        let further = polls + 0.9 + random / 5.0;
        let then = at(
            |index| (self.table[index].1, self.table[index].0),
            count,
            further,
        );
        // Where none is expected, the cap is what stays.
        let gap = if then > elapsed {
            then - elapsed
        } else {
            f64::INFINITY
        };
        let gap = Duration::try_from_secs_f64(gap).unwrap_or(self.cap);
        gap.min(self.cap).max(self.floor).max(SHORTEST)
    }
}
