//! A schedule from durations that were seen: polls stand closest where jobs tend to end.
//!
//! If a poll is worth λ seconds of delay, the cost of a schedule is the mean delay until an end is
//! noticed and λ for each poll. Where jobs end at the rate h(t) (the hazard: of those that still
//! run, how many end in the next second), that cost is least if there are √(h(t) / 2λ) polls per
//! second: J. B. Keller, *Optimum checking schedules for systems subject to random failure*,
//! Management Science 21 (1974). What is left is to estimate h from few durations.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cost::expect;
use crate::durations::Durations;
use crate::schedule::{PollContext, Schedule};

/// The points of time at which the rate is worked out.
const POINTS: usize = 512;

/// Time goes on, whatever the floor.
const SHORTEST: Duration = Duration::from_millis(1);

/// What a poll is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CostModel {
    /// So much delay is taken to save a poll.
    Delay(Duration),
    /// As much as makes the time until an end is noticed, by the number of polls until then, this on
    /// average; shortest and longest gap are taken into account.
    MeanGap(Duration),
}

/// Polls where [`Durations`] expect an end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HazardSchedule {
    worth: CostModel,
    floor: Duration,
    cap: Duration,
    /// A gap is at most this part of the time that has passed.
    share: f64,
    points: Arc<[Point]>,
    /// The polls per second, by the root of the hazard; worked out when it is first needed.
    rate: OnceLock<f64>,
}

/// What is expected until a time.
#[derive(Clone, Copy, Debug)]
struct Point {
    seconds: f64,
    /// The root of the hazard, over the time until then.
    roots: f64,
    /// The part of the jobs that take longer.
    survival: f64,
}

impl HazardSchedule {
    /// The schedule for jobs that take so long. The floor is 1 s, the cap 60 s.
    #[must_use]
    pub fn new(durations: &Durations, worth: CostModel) -> Self {
        Self {
            worth,
            floor: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            share: f64::INFINITY,
            points: points(durations).into(),
            rate: OnceLock::new(),
        }
    }

    /// With another shortest and longest gap, but for a tenth by which gaps differ. A wrong guess costs
    /// at most the longest.
    #[must_use]
    pub fn between(mut self, floor: Duration, cap: Duration) -> Self {
        (self.floor, self.cap) = (floor, cap.max(floor));
        self.rate = OnceLock::new();
        self
    }

    /// With no gap longer than this part of the time that has passed, but for the floor: so a job
    /// that is over much sooner than all before it is noticed soon, too.
    #[must_use]
    pub fn within(mut self, share: f64) -> Self {
        self.share = share;
        self.rate = OnceLock::new();
        self
    }

    /// The rate that its worth asks for.
    fn rate(&self) -> f64 {
        match self.worth {
            CostModel::Delay(delay) => (2.0 * delay.as_secs_f64().max(1e-6)).sqrt().recip(),
            CostModel::MeanGap(gap) => {
                // More polls make shorter gaps, so it lies between a rate that is too low and one
                // that is too high.
                let (mut low, mut high) = (-10.0_f64, 10.0_f64);
                for _ in 0..20 {
                    let middle = f64::midpoint(low, high);
                    let rate = middle.exp();
                    let expected = expect(
                        |now| self.gap_at(rate, now, 0.5),
                        |seconds| self.survival(seconds),
                    );
                    match expected.noticed.as_secs_f64() > gap.as_secs_f64() * expected.polls {
                        true => low = middle,
                        false => high = middle,
                    }
                }
                high.exp()
            }
        }
    }

    fn gap_at(&self, rate: f64, now: PollContext, random: f64) -> Duration {
        let elapsed = now.elapsed.as_secs_f64();
        let by_time = |point: &Point| (point.seconds, point.roots);
        let by_polls = |point: &Point| (point.roots, point.seconds);
        // One poll further, a tenth more or less, so that many waiters do not march in step.
        let further = (0.9 + random / 5.0) / rate;
        let roots = interpolate(&self.points, by_time, elapsed) + further;
        let gap = interpolate(&self.points, by_polls, roots) - elapsed;
        // Where no end is expected, the limits are what stays.
        let longest = self.cap.as_secs_f64().min(self.share * elapsed);
        let gap = if gap > 0.0 { gap.min(longest) } else { longest };
        // Those that come to it together do not go on together.
        let gap = if gap < longest {
            gap
        } else {
            longest * (0.9 + random / 10.0)
        };
        let gap = Duration::try_from_secs_f64(gap).unwrap_or(self.cap);
        let gap = match gap > self.floor {
            true => gap.min(self.cap),
            false => self.floor.saturating_add(self.floor.mul_f64(random / 10.0)),
        };
        gap.max(SHORTEST)
    }

    /// The part of the jobs that take longer.
    fn survival(&self, seconds: f64) -> f64 {
        let by = |point: &Point| (point.seconds, point.survival);
        interpolate(&self.points, by, seconds).clamp(0.0, 1.0)
    }
}

/// By even steps in the logarithm of time, as far as jobs are expected to end.
fn points(durations: &Durations) -> Vec<Point> {
    let (from, to) = durations.range();
    let step = (to - from) / POINTS as f64;
    let nothing = Point {
        seconds: 0.0,
        roots: 0.0,
        survival: 1.0,
    };
    let first = Point {
        seconds: from.exp(),
        ..nothing
    };
    let mut points = vec![nothing, first];
    let mut last = first;
    for at in 0..POINTS {
        let end = from + (at + 1) as f64 * step;
        // The hazard is that of the middle.
        let (density, survival) = durations.at(end - step / 2.0);
        let root = (density / survival.max(1e-12)).sqrt();
        let seconds = end.exp();
        last = Point {
            seconds,
            roots: last.roots + (seconds - last.seconds) * root,
            survival: durations.at(end).1,
        };
        points.push(last);
    }
    points
}

/// The value of a function at `x`, by points of it; behind the last of them it goes on as it was.
fn interpolate(points: &[Point], by: impl Fn(&Point) -> (f64, f64), x: f64) -> f64 {
    let after = points.partition_point(|point| by(point).0 <= x);
    let high = after.clamp(1, points.len() - 1);
    let ((x0, y0), (x1, y1)) = (by(&points[high - 1]), by(&points[high]));
    match x1 > x0 {
        true => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        false => y1,
    }
}

impl Schedule for HazardSchedule {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let rate = *self.rate.get_or_init(|| self.rate());
        self.gap_at(rate, now, random)
    }

    fn completion_probability(&self, asked: Duration, now: Duration) -> f64 {
        let before = self.survival(asked.as_secs_f64());
        let left = self.survival(now.as_secs_f64());
        // Of those that take longer than all that was expected, each moment may be the last.
        if before > 1e-9 {
            1.0 - left / before
        } else {
            1.0
        }
    }
}
