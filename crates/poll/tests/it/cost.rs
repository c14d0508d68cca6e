//! What schedules cost where it is known how long jobs take: the mean delay until an end is noticed,
//! and λ for each poll; and the least that it could cost.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{
    CostModel, Durations, Fixed, HazardSchedule, LogNormal, PollContext, Schedule,
};

/// The seconds of delay that a poll is worth.
pub(crate) const LAMBDA: f64 = 0.05;

/// How long jobs take, in truth.
#[derive(Clone, Debug)]
pub(crate) enum Truth {
    /// Medians, sigmas and weights of log-normal distributions.
    LogNormals(Vec<(f64, f64, f64)>),
    /// The shortest time, and the exponent.
    Pareto(f64, f64),
}

impl fmt::Display for Truth {
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

impl Truth {
    /// All for which there are figures: log-normals, two peaks of equal weight, and a long tail.
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

    /// Whether the theory for many polls holds: one peak, and no tail to speak of.
    #[must_use]
    pub(crate) fn is_log_normal(&self) -> bool {
        matches!(self, Self::LogNormals(all) if all.len() == 1)
    }

    /// The part of the jobs that take longer than so many seconds.
    #[must_use]
    pub(crate) fn survival(&self, seconds: f64) -> f64 {
        match self {
            Self::LogNormals(all) => {
                let part = |(median, sigma, weight): &(f64, f64, f64)| {
                    let z = (seconds.max(1e-9) / median).ln() / sigma;
                    weight * libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
                };
                all.iter().map(part).sum()
            }
            Self::Pareto(least, exponent) => (least / seconds.max(*least)).powf(*exponent),
        }
    }

    /// The time that all but this part of the jobs take at most.
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

    /// How long a job takes.
    #[must_use]
    pub(crate) fn draw(&self, random: &mut Rng) -> Duration {
        let part = 1.0 - random.f64();
        Duration::from_secs_f64(self.horizon(part).min(1e7))
    }

    /// What was seen of so many jobs.
    #[must_use]
    pub(crate) fn seen(&self, count: usize, random: &mut Rng) -> Durations {
        let seen: Vec<_> = (0..count).map(|_| (self.draw(random), 1.0)).collect();
        Durations::default().with_seen(seen)
    }

    /// What is expected of jobs of this kind, if all is known.
    #[must_use]
    pub(crate) fn known(&self) -> Durations {
        if let Self::LogNormals(all) = self
            && let [(median, sigma, _)] = all[..]
        {
            let median = Duration::from_secs_f64(median);
            return Durations::new(LogNormal { median, sigma });
        }
        let count = 256;
        let each = (0..count).map(|at| self.horizon((f64::from(at) + 0.5) / f64::from(count)));
        let each = each.map(|seconds| (Duration::from_secs_f64(seconds.min(1e7)), 1.0));
        Durations::default().with_seen(each)
    }
}

/// What a learned schedule costs more than the least that is possible, in percent of that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// If it is known how long jobs take.
    pub(crate) known: f64,
    /// If 50 jobs were seen, and 10 of them: the mean of all draws.
    pub(crate) fifty: f64,
    /// See [`fifty`](Self::fifty).
    pub(crate) ten: f64,
    /// With nothing but a guess that is a third of what is right.
    pub(crate) sooner: f64,
    /// With nothing but a guess that is 3 times what is right.
    pub(crate) later: f64,
    /// What the fixed interval costs that would have been the best.
    pub(crate) best_fixed: f64,
}

/// The figures for a truth, by so many draws of what was seen.
#[must_use]
pub(crate) fn figures(truth: &Truth, draws: u32) -> Figures {
    let best = optimum(truth, LAMBDA);
    let more = |all: f64| (all / best - 1.0) * 100.0;
    let over = |durations: &Durations| more(all(&learned(durations, LAMBDA), truth));
    let after = |count| mean(draws, |random| over(&truth.seen(count, random)));
    let guess = |factor: f64| {
        let median = Duration::from_secs_f64(truth.horizon(0.5) * factor);
        over(&Durations::guess(median))
    };
    Figures {
        known: over(&truth.known()),
        fifty: after(50),
        ten: after(10),
        sooner: guess(1.0 / 3.0),
        later: guess(3.0),
        best_fixed: more(best_fixed(truth)),
    }
}

/// By how many percent a learned schedule asks more seldom than a fixed interval in seconds that
/// notices as soon: if it is known how long jobs take, and after 50 were seen, the mean of all draws.
#[must_use]
pub(crate) fn saved(truth: &Truth, interval: f64, draws: u32) -> (f64, f64) {
    let (delay, polls) = cost(&fixed(interval), truth);
    let saved = |durations: &Durations| {
        let (mut low, mut high) = (1e-4_f64, 10.0_f64);
        for _ in 0..20 {
            let middle = (low * high).sqrt();
            match cost(&learned(durations, middle), truth).0 < delay {
                true => low = middle,
                false => high = middle,
            }
        }
        (1.0 - cost(&learned(durations, low), truth).1 / polls) * 100.0
    };
    let seen = mean(draws, |random| saved(&truth.seen(50, random)));
    (saved(&truth.known()), seen)
}

/// The mean of seeded draws.
fn mean(draws: u32, mut of: impl FnMut(&mut Rng) -> f64) -> f64 {
    let mut random = Rng::with_seed(1);
    (0..draws).map(|_| of(&mut random)).sum::<f64>() / f64::from(draws)
}

fn learned(durations: &Durations, lambda: f64) -> HazardSchedule {
    let worth = CostModel::Delay(Duration::from_secs_f64(lambda));
    HazardSchedule::new(durations, worth).with_gap_limits(Duration::ZERO, Duration::from_secs(60))
}

fn all(schedule: &dyn Schedule, truth: &Truth) -> f64 {
    let (delay, polls) = cost(schedule, truth);
    delay + LAMBDA * polls
}

/// What is not looked at: the jobs that take longest.
const REST: f64 = 2e-4;

/// The mean delay in seconds and the mean number of polls of a schedule.
#[must_use]
pub(crate) fn cost(schedule: &dyn Schedule, truth: &Truth) -> (f64, f64) {
    let end = truth.horizon(REST);
    let (mut time, mut delay, mut polls, mut made) = (0.0, 0.0, 0.0, 0);
    while time < end {
        let moment = PollContext::new(Duration::from_secs_f64(time), made);
        let next = time + schedule.gap(moment, 0.5).as_secs_f64();
        made += 1;
        polls += truth.survival(time);
        delay += waited(truth, time, next);
        time = next;
    }
    (delay, polls)
}

/// The delay of those that end between two polls: the area over what is left, by Simpson's rule.
fn waited(truth: &Truth, from: f64, to: f64) -> f64 {
    const PARTS: usize = 8;
    let start = truth.survival(from);
    let width = (to - from) / PARTS as f64;
    let values = (0..=PARTS).map(|at| {
        let factor = match at {
            0 | PARTS => 1.0,
            at if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        factor * (start - truth.survival(from + width * at as f64))
    });
    values.sum::<f64>() * width / 3.0
}

/// The least that delay and polls can cost together, by dynamic programming from the end.
fn optimum(truth: &Truth, lambda: f64) -> f64 {
    const POINTS: usize = 6_000;
    let end = truth.horizon(REST);
    // Even steps in the square root: they are short where jobs begin to end.
    let time = |at: usize| end * (at as f64 / POINTS as f64).powf(1.5);
    let survival: Vec<f64> = (0..=POINTS).map(|at| truth.survival(time(at))).collect();
    // The area below what is left, up to each point.
    let mut area = vec![0.0; POINTS + 1];
    for at in 1..=POINTS {
        area[at] =
            area[at - 1] + (survival[at] + survival[at - 1]) / 2.0 * (time(at) - time(at - 1));
    }
    let mut best = vec![0.0; POINTS + 1];
    for from in (0..POINTS).rev() {
        let (mut least, mut worse) = (f64::INFINITY, 0);
        for to in from + 1..=POINTS {
            let delay = survival[from] * (time(to) - time(from)) - (area[to] - area[from]);
            let all = lambda * survival[from] + delay + best[to];
            if all < least {
                (least, worse) = (all, 0);
            } else {
                worse += 1;
            }
            // The delay alone is more than the best of all.
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

/// What the best of all fixed intervals would have cost.
fn best_fixed(truth: &Truth) -> f64 {
    let costs = (0..60).map(|step| all(&fixed(0.1 * 1.12_f64.powi(step)), truth));
    costs.fold(f64::INFINITY, f64::min)
}
