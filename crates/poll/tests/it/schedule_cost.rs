//! Tests of the hazard schedule against theory: its cost is compared with the least possible cost for
//! known distributions. Every value is computed, so no clock is involved; the benchmark `polls` prints
//! the values as tables.

use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{CostModel, Durations, HazardSchedule, LogNormal, PollContext, Schedule as _};

use crate::cost::{Distribution, cost, extra_costs, polls_saved};

const DRAWS: u32 = 200;

#[test]
fn hazard_schedule_costs_little_more_than_the_optimum() {
    for distribution in Distribution::all() {
        let (is_log_normal, found) = (
            distribution.is_log_normal(),
            extra_costs(&distribution, DRAWS),
        );
        // The theory assumes many polls, so the schedule is slightly worse than the optimum where
        // polls are few. The other distributions are approximated by 256 quantiles.
        let known_limit = if is_log_normal { 1.0 } else { 8.0 };
        let (limit_50, limit_10) = if is_log_normal {
            (6.0, 13.0)
        } else {
            (15.0, 25.0)
        };
        assert!(
            (-0.1..known_limit).contains(&found.known),
            "{distribution} {found:?}"
        );
        assert!(found.after_50 < limit_50, "{distribution} {found:?}");
        assert!(
            found.after_50 < found.best_fixed + 1.0,
            "{distribution} {found:?}"
        );
        assert!(found.after_10 < limit_10, "{distribution} {found:?}");
        assert!(
            found.short_guess < 50.0 && found.long_guess < 50.0,
            "{distribution} {found:?}"
        );
    }
}

#[test]
fn hazard_schedule_polls_less_than_a_fixed_interval_with_equal_delay() {
    for interval in [1.0, 0.5] {
        for median in [15.0, 60.0, 180.0] {
            let (known, after_50) =
                polls_saved(&Distribution::log_normal(median, 0.4), interval, DRAWS / 20);
            assert!(
                known > 35.0 && after_50 > 28.0,
                "{interval} {median} {known} {after_50}"
            );
        }
    }
}

#[test]
fn mean_gap_model_gives_the_requested_mean_gap() {
    let distribution = Distribution::log_normal(60.0, 0.5);
    let durations = distribution.exact();
    let gap = Duration::from_secs(5);
    let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(gap));
    let (delay, polls) = cost(&schedule, &distribution);
    // Mean gap: the mean duration plus the mean delay, divided by the mean number of polls.
    let noticed = 60.0 * (0.5_f64.powi(2) / 2.0).exp() + delay;
    assert!(
        (4.95..5.05).contains(&(noticed / polls)),
        "{}",
        noticed / polls
    );
}

#[test]
fn gaps_stay_within_bounds_for_any_observations() {
    let mut random = Rng::with_seed(3);
    let second = Duration::from_secs(1);
    for count in [0, 1, 2, 300] {
        let observed = (0..count).map(|_| {
            let seconds = [0.0, 1e-9, 5.0, 5.0, 1e12][random.usize(..5)];
            (
                Duration::from_secs_f64(seconds),
                [0.0, 0.5, 1.0, f64::NAN][random.usize(..4)],
            )
        });
        let observed: Vec<_> = observed.collect();
        for median in [Duration::ZERO, second, Duration::MAX] {
            for sigma in [0.0, 0.5, f64::NAN, f64::INFINITY] {
                let durations =
                    Durations::new(LogNormal { median, sigma }).with_observations(observed.clone());
                for price in [Duration::ZERO, second, Duration::MAX] {
                    for model in [CostModel::Delay(price), CostModel::MeanGap(price)] {
                        let schedule = HazardSchedule::new(&durations, model);
                        for elapsed in [Duration::ZERO, 7 * second, Duration::MAX] {
                            let gap = schedule.gap(PollContext::new(elapsed, 1), random.f64());
                            assert!((second..=60 * second).contains(&gap), "{gap:?}");
                        }
                    }
                }
                let last = durations.quantile(second, 0.9);
                assert!(
                    last >= second && durations.survival(last) <= 1.0,
                    "{last:?}"
                );
            }
        }
    }
}
