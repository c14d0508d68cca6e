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

use crate::cost::schedule_cost;
use crate::durations::Durations;
use crate::schedule::{PollContext, Schedule};
use crate::table::{HazardTable, Piece};

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
#[derive(Clone, Debug)]
pub struct HazardSchedule {
    cost_model: CostModel,
    floor: Duration,
    cap: Duration,
    /// The longest gap as a fraction of the age of the job.
    max_share: f64,
    table: Arc<HazardTable>,
    /// The rate, computed on first use because that takes many passes over the table.
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
        // So the rate is bisected, by its logarithm since its magnitude is unknown. 20 halvings find
        // it to 2 parts in 100,000.
        let (mut low, mut high) = (-10.0_f64, 10.0_f64);
        for _ in 0..20 {
            let middle = f64::midpoint(low, high);
            let rate = middle.exp();
            let cost = schedule_cost(
                |now| {
                    let elapsed = now.elapsed.as_secs_f64();
                    self.gap_at(rate, elapsed, self.table.piece_at(elapsed), 0.5)
                },
                |seconds| self.table.piece_at(seconds).survival(seconds),
            );
            let gap_is_too_long = cost.noticed.as_secs_f64() > mean_gap * cost.polls;
            if gap_is_too_long {
                low = middle;
            } else {
                high = middle;
            }
        }
        high.exp()
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
