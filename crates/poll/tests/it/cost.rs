//! The cost of a schedule for a known distribution of job durations: the mean delay until a terminal
//! status is noticed plus λ for each poll. Beside it stands the least cost that any schedule can have,
//! found by dynamic programming. Shared by the tests and by two benchmarks.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{
    CostModel, Durations, Fixed, HazardSchedule, LogNormal, PollContext, Schedule,
};

/// Price of one poll, in seconds of delay.
pub(crate) const LAMBDA: f64 = 0.05;

/// The true distribution of job durations, which a schedule only estimates.
#[derive(Clone, Debug)]
pub(crate) enum Distribution {
    /// A mixture of log-normal distributions: the median in seconds, the sigma and the weight of each.
    LogNormals(Vec<(f64, f64, f64)>),
    /// The shortest duration in seconds, and the exponent.
    Pareto(f64, f64),
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pareto(least, exponent) => write!(f, "Pareto, {least} s, α {exponent}"),
            Self::LogNormals(all) => {
                f.write_str("log-normal")?;
                let mut all = all.iter();
                all.try_for_each(|(median, sigma, _)| write!(f, ", {median} s σ {sigma}"))
            }
        }
    }
}

impl Distribution {
    /// All distributions under test: log-normal ones, one with two peaks of equal weight, and one with
    /// a long tail.
    #[must_use]
    pub(crate) fn all() -> Vec<Self> {
        let medians = [15.0, 60.0, 180.0].into_iter();
        let mut all: Vec<_> = medians
            .flat_map(|median| [0.4, 0.5, 0.8].map(|sigma| Self::log_normal(median, sigma)))
            .collect();
        all.push(Self::LogNormals(vec![(20.0, 0.2, 0.5), (90.0, 0.2, 0.5)]));
        all.push(Self::Pareto(20.0, 1.5));
        all
    }

    /// One log-normal distribution.
    #[must_use]
    pub(crate) fn log_normal(median: f64, sigma: f64) -> Self {
        Self::LogNormals(vec![(median, sigma, 1.0)])
    }

    /// Returns `true` for a single log-normal distribution. With one peak and a short tail, the schedule
    /// that is optimal for many polls is close to the optimum.
    #[must_use]
    pub(crate) fn is_log_normal(&self) -> bool {
        matches!(self, Self::LogNormals(all) if all.len() == 1)
    }

    /// Returns the fraction of jobs that take longer than `seconds`.
    #[must_use]
    pub(crate) fn survival(&self, seconds: f64) -> f64 {
        match self {
            Self::LogNormals(all) => {
                let weighted_tail = |(median, sigma, weight): &(f64, f64, f64)| {
                    let z = (seconds.max(1e-9) / median).ln() / sigma;
                    weight * libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
                };
                all.iter().map(weighted_tail).sum()
            }
            Self::Pareto(least, exponent) => (least / seconds.max(*least)).powf(*exponent),
        }
    }

    /// Returns the duration in seconds that only the fraction `rest` of the jobs exceeds.
    #[must_use]
    pub(crate) fn horizon(&self, rest: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1e9);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            match self.survival(middle) > rest {
                true => low = middle,
                false => high = middle,
            }
        }
        high
    }

    /// Draws the duration of one job.
    #[must_use]
    pub(crate) fn draw(&self, random: &mut Rng) -> Duration {
        let rest = 1.0 - random.f64();
        Duration::from_secs_f64(self.horizon(rest).min(1e7))
    }

    /// Returns an estimate from the durations of `count` jobs.
    #[must_use]
    pub(crate) fn observed(&self, count: usize, random: &mut Rng) -> Durations {
        let observed: Vec<_> = (0..count).map(|_| (self.draw(random), 1.0)).collect();
        Durations::default().with_observations(observed)
    }

    /// Returns the best estimate possible: the distribution itself, or 256 evenly spaced quantiles of it.
    #[must_use]
    pub(crate) fn exact(&self) -> Durations {
        if let Self::LogNormals(all) = self
            && let [(median, sigma, _)] = all[..]
        {
            let median = Duration::from_secs_f64(median);
            return Durations::new(LogNormal { median, sigma });
        }
        let count = 256;
        let each = (0..count).map(|at| self.horizon((f64::from(at) + 0.5) / f64::from(count)));
        let each = each.map(|seconds| (Duration::from_secs_f64(seconds.min(1e7)), 1.0));
        Durations::default().with_observations(each)
    }
}

/// The cost of a hazard schedule above the least possible cost, in percent, by what is known of the
/// distribution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtraCosts {
    /// The distribution is known exactly.
    pub(crate) known: f64,
    /// The durations of 50 jobs were observed; the mean of all draws.
    pub(crate) after_50: f64,
    /// The durations of 10 jobs were observed; the mean of all draws.
    pub(crate) after_10: f64,
    /// Only a guess is known, a third of the true median.
    pub(crate) short_guess: f64,
    /// Only a guess is known, three times the true median.
    pub(crate) long_guess: f64,
    /// The cost of the best fixed interval.
    pub(crate) best_fixed: f64,
}

/// Returns the extra costs for a distribution; observed durations are drawn `draws` times.
#[must_use]
pub(crate) fn extra_costs(distribution: &Distribution, draws: u32) -> ExtraCosts {
    let least = least_cost(distribution, LAMBDA);
    let extra = |cost: f64| (cost / least - 1.0) * 100.0;
    let of = |durations: &Durations| {
        extra(total_cost(
            &hazard_schedule(durations, LAMBDA),
            distribution,
        ))
    };
    let after = |count| mean(draws, |random| of(&distribution.observed(count, random)));
    let guess = |factor: f64| {
        let median = Duration::from_secs_f64(distribution.horizon(0.5) * factor);
        of(&Durations::guess(median))
    };
    ExtraCosts {
        known: of(&distribution.exact()),
        after_50: after(50),
        after_10: after(10),
        short_guess: guess(1.0 / 3.0),
        long_guess: guess(3.0),
        best_fixed: extra(least_fixed_cost(distribution)),
    }
}

/// Returns by how many percent a hazard schedule reduces the number of polls, compared with a fixed
/// interval in seconds that has the same mean delay: with the distribution known exactly, and after 50
/// observed durations (the mean of all draws).
#[must_use]
pub(crate) fn polls_saved(distribution: &Distribution, interval: f64, draws: u32) -> (f64, f64) {
    let (delay, polls) = cost(&fixed(interval), distribution);
    let saved = |durations: &Durations| {
        // Finds the price of a poll at which the delays are equal.
        let (mut low, mut high) = (1e-4_f64, 10.0_f64);
        for _ in 0..20 {
            let middle = (low * high).sqrt();
            match cost(&hazard_schedule(durations, middle), distribution).0 < delay {
                true => low = middle,
                false => high = middle,
            }
        }
        (1.0 - cost(&hazard_schedule(durations, low), distribution).1 / polls) * 100.0
    };
    let after_50 = mean(draws, |random| saved(&distribution.observed(50, random)));
    (saved(&distribution.exact()), after_50)
}

/// Returns the mean over `draws` draws from a seeded generator.
fn mean(draws: u32, mut of: impl FnMut(&mut Rng) -> f64) -> f64 {
    let mut random = Rng::with_seed(1);
    (0..draws).map(|_| of(&mut random)).sum::<f64>() / f64::from(draws)
}

fn hazard_schedule(durations: &Durations, lambda: f64) -> HazardSchedule {
    let model = CostModel::Delay(Duration::from_secs_f64(lambda));
    HazardSchedule::new(durations, model).with_gap_limits(Duration::ZERO, Duration::from_secs(60))
}

fn total_cost(schedule: &dyn Schedule, distribution: &Distribution) -> f64 {
    let (delay, polls) = cost(schedule, distribution);
    delay + LAMBDA * polls
}

/// Fraction of jobs that the computation leaves out: those that take longest.
const REST: f64 = 2e-4;

/// Returns the mean delay in seconds and the mean number of polls of a schedule.
#[must_use]
pub(crate) fn cost(schedule: &dyn Schedule, distribution: &Distribution) -> (f64, f64) {
    let end = distribution.horizon(REST);
    let (mut time, mut delay, mut polls, mut made) = (0.0, 0.0, 0.0, 0);
    while time < end {
        let context = PollContext::new(Duration::from_secs_f64(time), made);
        let next = time + schedule.gap(context, 0.5).as_secs_f64();
        made += 1;
        polls += distribution.survival(time);
        delay += delay_between(distribution, time, next);
        time = next;
    }
    (delay, polls)
}

/// Returns the contribution to the mean delay of jobs that end between two polls: the area above the
/// survival function, by Simpson's rule.
fn delay_between(distribution: &Distribution, from: f64, to: f64) -> f64 {
    const PARTS: usize = 8;
    let start = distribution.survival(from);
    let width = (to - from) / PARTS as f64;
    let values = (0..=PARTS).map(|at| {
        let factor = match at {
            0 | PARTS => 1.0,
            at if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        factor * (start - distribution.survival(from + width * at as f64))
    });
    values.sum::<f64>() * width / 3.0
}

/// Returns the least possible sum of delay and priced polls, by dynamic programming from the end.
fn least_cost(distribution: &Distribution, lambda: f64) -> f64 {
    const POINTS: usize = 6_000;
    let end = distribution.horizon(REST);
    // Steps grow with time, so that they are short where jobs begin to end.
    let time = |at: usize| end * (at as f64 / POINTS as f64).powf(1.5);
    let survival: Vec<f64> = (0..=POINTS)
        .map(|at| distribution.survival(time(at)))
        .collect();
    // Integral of the survival function up to each point.
    let mut area = vec![0.0; POINTS + 1];
    for at in 1..=POINTS {
        area[at] =
            area[at - 1] + (survival[at] + survival[at - 1]) / 2.0 * (time(at) - time(at - 1));
    }
    // Least cost from each point to the end; each step chooses when to poll next.
    let mut best = vec![0.0; POINTS + 1];
    for from in (0..POINTS).rev() {
        let (mut least, mut worse) = (f64::INFINITY, 0);
        for to in from + 1..=POINTS {
            let delay = survival[from] * (time(to) - time(from)) - (area[to] - area[from]);
            let cost = lambda * survival[from] + delay + best[to];
            if cost < least {
                (least, worse) = (cost, 0);
            } else {
                worse += 1;
            }
            // Later polls only cost more once the delay alone exceeds the best sum.
            if delay > least || worse > 400 {
                break;
            }
        }
        best[from] = least;
    }
    best[0]
}

fn fixed(seconds: f64) -> Fixed {
    Fixed(Duration::from_secs_f64(seconds))
}

/// Returns the cost of the best fixed interval between 0.1 s and 80 s.
fn least_fixed_cost(distribution: &Distribution) -> f64 {
    let costs = (0..60).map(|step| total_cost(&fixed(0.1 * 1.12_f64.powi(step)), distribution));
    costs.fold(f64::INFINITY, f64::min)
}
