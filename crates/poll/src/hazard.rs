//! A schedule computed from durations: polls are closest where jobs tend to end.
//!
//! Let a poll be worth λ seconds of delay, so that the cost of a schedule is its mean delay plus λ
//! for each poll. Let h(t) be the hazard: of the jobs that are still running at the time t, the
//! fraction that ends in the next second. The cost is least if polls are made at a rate of √(h(t) /
//! 2λ) per second: J. B. Keller, *Optimum checking schedules for systems subject to random failure*,
//! Management Science 21 (1974).
//!
//! A [`HazardTable`] holds the integral of √h over time. A poll is due whenever that
//! integral, times a rate, has grown by 1. The rate is 1 / √(2λ) if λ is given, and otherwise is found
//! so that the mean gap is as requested.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cost::{IGNORED_TAIL, MAX_POLLS};
use crate::durations::Durations;
use crate::schedule::{PollContext, Schedule};
use crate::table::{HazardTable, Piece};

/// The logarithms of the lowest and of the highest rate that a mean gap can lead to, beyond which all
/// gaps are at their limits.
const LOG_RATES: (f64, f64) = (-10.0, 10.0);

/// The relative error of the mean gap at which the search for the rate ends.
const MEAN_GAP_ERROR: f64 = 1e-4;

/// The number of steps after which the search for the rate ends in any case. It takes about 8.
const MAX_SEARCH: u32 = 40;

/// The shortest gap, even if the floor is zero, so that time passes between two polls.
const MIN_GAP: Duration = Duration::from_millis(1);

/// The value of a poll, which decides how often a [`HazardSchedule`] polls.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CostModel {
    /// The delay that is accepted to save one poll.
    Delay(Duration),
    /// The mean gap: the mean time until the end of a job is noticed, divided by the mean number of
    /// polls until then. The limits of the gaps are taken into account.
    MeanGap(Duration),
}

/// A schedule that polls where [`Durations`] expect jobs to end. Cheap to clone.
///
/// [`Durations`] has an example.
#[derive(Clone, Debug)]
pub struct HazardSchedule {
    cost_model: CostModel,
    floor: Duration,
    cap: Duration,
    /// The longest gap as a fraction of the age of the job.
    max_share: f64,
    table: Arc<HazardTable>,
    /// The rate, computed on first use because that takes several passes over the table.
    rate: OnceLock<f64>,
}

impl HazardSchedule {
    /// Creates the schedule for jobs of these durations. Gaps are between 1 s and 60 s.
    #[must_use]
    pub fn new(durations: &Durations, cost_model: CostModel) -> Self {
        Self {
            cost_model,
            floor: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            max_share: f64::INFINITY,
            table: Arc::new(HazardTable::new(durations)),
            rate: OnceLock::new(),
        }
    }

    /// Sets the shortest and the longest gap. Gaps at the floor are up to a tenth longer and gaps at
    /// the cap up to a tenth shorter, at random. The cap limits the delay if the durations mislead.
    #[must_use]
    pub fn with_gap_limits(mut self, floor: Duration, cap: Duration) -> Self {
        (self.floor, self.cap) = (floor, cap.max(floor));
        // The rate depends on the limits.
        self.rate = OnceLock::new();
        self
    }

    /// Limits gaps to this fraction of the age of the job, except that the floor still holds. With it
    /// a job that ends much sooner than all jobs before is also noticed soon.
    #[must_use]
    pub fn with_max_share_of_age(mut self, share: f64) -> Self {
        self.max_share = share;
        self.rate = OnceLock::new();
        self
    }

    /// Computes the rate that the cost model asks for.
    fn compute_rate(&self) -> f64 {
        let mean_gap = match self.cost_model {
            CostModel::Delay(delay) => {
                return (2.0 * delay.as_secs_f64().max(1e-6)).sqrt().recip();
            }
            CostModel::MeanGap(gap) => gap.as_secs_f64(),
        };
        // The mean gap falls as the rate grows, but the limits of the gaps allow no formula for it.
        // So the rate is searched, by its logarithm since its magnitude is unknown.
        let excess = |log_rate: f64| (self.mean_gap(log_rate.exp()) / mean_gap).ln();
        let (mut low, mut high) = LOG_RATES;
        let (mut low_excess, mut high_excess) = (excess(low), excess(high));
        if low_excess <= 0.0 {
            return low.exp();
        }
        if high_excess >= 0.0 {
            return high.exp();
        }
        let mut was_too_long = None;
        for _ in 0..MAX_SEARCH {
            // False position: the root if the excess were linear, as it nearly is between the limits.
            let middle = low + (high - low) * low_excess / (low_excess - high_excess);
            let middle_excess = excess(middle);
            if middle_excess.abs() < MEAN_GAP_ERROR {
                return middle.exp();
            }
            let is_too_long = middle_excess > 0.0;
            // If the same end moves twice, the other end is given half its weight (the Illinois
            // method), or it would stay where it is and the search would slow down.
            let is_repeated = was_too_long.replace(is_too_long) == Some(is_too_long);
            let weight = if is_repeated { 0.5 } else { 1.0 };
            if is_too_long {
                (low, low_excess) = (middle, middle_excess);
                high_excess *= weight;
            } else {
                (high, high_excess) = (middle, middle_excess);
                low_excess *= weight;
            }
        }
        high.exp()
    }

    /// Returns the mean gap for a rate of polls: the mean time until the end of a job is noticed,
    /// divided by the mean number of polls until then.
    fn mean_gap(&self, rate: f64) -> f64 {
        let (mut time, mut noticed, mut polls) = (0.0, 0.0, 0.0);
        let mut piece = self.table.piece_at(time);
        for _ in 0..MAX_POLLS {
            piece = piece.forward_to(time);
            let running = piece.survival(time);
            if running < IGNORED_TAIL {
                break;
            }
            let gap = self.gap_at(rate, time, piece, 0.5).as_secs_f64();
            // Gaps that end within one piece of the table are equal, since the integral grows linearly
            // there, unless the age of the job limits them.
            let is_limited_by_age = self.max_share * time < self.cap.as_secs_f64();
            let equal_gaps = if is_limited_by_age {
                1.0
            } else {
                ((piece.end() - time) / gap).floor().max(1.0)
            };
            // A poll is made with the probability that the job was still running at the poll before.
            // That falls linearly within a piece, so the mean of the first and of the last of equal
            // gaps stands for all of them.
            let last = piece.survival(time + (equal_gaps - 1.0) * gap);
            let polls_here = equal_gaps * f64::midpoint(running, last);
            polls += polls_here;
            noticed += polls_here * gap;
            time += equal_gaps * gap;
        }
        noticed / polls
    }

    /// Returns the gap after the age `elapsed`, which is in that piece of the table, for a rate of
    /// polls.
    fn gap_at(&self, rate: f64, elapsed: f64, piece: Piece<'_>, random: f64) -> Duration {
        // The next poll is due when the integral times the rate has grown by 1; by a tenth more or
        // less at random, so that many waiters do not poll in step.
        let growth = (0.9 + random / 5.0) / rate;
        let target = piece.root_integral(elapsed) + growth;
        let gap = piece.time_of(target) - elapsed;
        let longest = self.cap.as_secs_f64().min(self.max_share * elapsed);
        // Where no job is expected to end, the integral does not grow and the inverse may lie in the
        // past. Only the limits are left then.
        let gap = if gap > 0.0 { gap.min(longest) } else { longest };
        // The limit removes the random part of a gap, so it gets a new one: waiters that reach the
        // limit together must not stay together.
        let gap = if gap < longest {
            gap
        } else {
            longest * (0.9 + random / 10.0)
        };
        let gap = Duration::try_from_secs_f64(gap).unwrap_or(self.cap);
        // The floor holds against all other limits, so it comes last.
        let gap = if gap > self.floor {
            gap.min(self.cap)
        } else {
            self.floor.saturating_add(self.floor.mul_f64(random / 10.0))
        };
        gap.max(MIN_GAP)
    }
}

impl Schedule for HazardSchedule {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let rate = *self.rate.get_or_init(|| self.compute_rate());
        let elapsed = now.elapsed.as_secs_f64();
        self.gap_at(rate, elapsed, self.table.piece_at(elapsed), random)
    }

    fn completion_probability(&self, polled: Duration, now: Duration) -> f64 {
        let running_at = |age: Duration| {
            let seconds = age.as_secs_f64();
            self.table.piece_at(seconds).survival(seconds)
        };
        let (running_then, running_now) = (running_at(polled), running_at(now));
        // A job that takes longer than all expected ones may end at any time, so its poll is not put
        // off. The quotient would be one of rounding errors.
        if running_then > 1e-9 {
            1.0 - running_now / running_then
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::schedule_cost;
    use crate::kernel::LogNormal;

    fn minutes() -> Durations {
        let median = Duration::from_secs(200);
        Durations::new(LogNormal { median, sigma: 0.8 })
    }

    #[test]
    fn mean_gap_is_that_of_all_polls() {
        let durations = minutes();
        let limits = [(1_000, 15_000), (500, 600), (0, 60_000)];
        for (floor, cap) in limits.map(|(floor, cap)| (millis(floor), millis(cap))) {
            let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(floor));
            let schedule = schedule.with_gap_limits(floor, cap);
            for schedule in [schedule.clone(), schedule.with_max_share_of_age(0.1)] {
                for log_rate in [-10.0_f64, -1.0, 0.0, 1.0, 2.0] {
                    let rate = log_rate.exp();
                    let at = |seconds| schedule.table.piece_at(seconds);
                    let each = schedule_cost(
                        |now| {
                            let elapsed = now.elapsed.as_secs_f64();
                            schedule.gap_at(rate, elapsed, at(elapsed), 0.5)
                        },
                        |seconds| at(seconds).survival(seconds),
                    );
                    let exact = each.noticed.as_secs_f64() / each.polls;
                    let error = schedule.mean_gap(rate) / exact - 1.0;
                    assert!(error.abs() < 1e-3, "{schedule:?} {log_rate}: {error}");
                }
            }
        }
    }

    #[test]
    fn mean_gap_holds_for_any_number_of_polls() {
        let durations = minutes();
        for gap in [3, 30, 300, 3_000, 30_000].map(millis) {
            let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(gap))
                .with_gap_limits(gap / 10, gap * 3);
            let found = schedule.mean_gap(schedule.compute_rate());
            let error = found / gap.as_secs_f64() - 1.0;
            assert!(error.abs() < 2.0 * MEAN_GAP_ERROR, "{gap:?}: {found}");
        }
    }

    #[test]
    fn mean_gap_beyond_the_limits_leads_to_gaps_at_the_limits() {
        let durations = minutes();
        let now = PollContext::new(Duration::from_secs(200), 9);
        for (gap, limit) in [(0, 1_000), (500, 1_000), (9_000, 3_800), (1_000_000, 3_800)] {
            let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(millis(gap)))
                .with_gap_limits(millis(1_000), millis(4_000));
            assert_eq!(
                schedule.gap(now, 0.5).as_millis() / 100,
                limit / 100,
                "{gap}"
            );
        }
    }

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }
}
