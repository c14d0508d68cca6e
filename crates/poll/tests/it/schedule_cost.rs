//! The learned schedule against theory: what it costs beside the best there can be. Nothing waits;
//! the benchmark `polls` prints the same for more draws.

use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{CostModel, Durations, HazardSchedule, LogNormal, PollContext, Schedule as _};

use crate::cost::{Truth, cost, figures, saved};

const DRAWS: u32 = 200;

#[test]
fn what_was_seen_is_nearly_as_good_as_what_is_true() {
    for truth in Truth::all() {
        let (is_log_normal, found) = (truth.is_log_normal(), figures(&truth, DRAWS));
        // Theory is of many polls, so it is a little off the best where they are few; and of the
        // others, 256 durations stand for all that is known.
        let known = if is_log_normal { 1.0 } else { 8.0 };
        let (fifty, ten) = if is_log_normal {
            (6.0, 13.0)
        } else {
            (15.0, 25.0)
        };
        assert!((-0.1..known).contains(&found.known), "{truth} {found:?}");
        assert!(found.fifty < fifty, "{truth} {found:?}");
        assert!(found.fifty < found.best_fixed + 1.0, "{truth} {found:?}");
        assert!(found.ten < ten, "{truth} {found:?}");
        assert!(
            found.sooner < 50.0 && found.later < 50.0,
            "{truth} {found:?}"
        );
    }
}

#[test]
fn it_asks_more_seldom_than_a_fixed_interval_that_notices_as_soon() {
    for interval in [1.0, 0.5] {
        for median in [15.0, 60.0, 180.0] {
            let (known, seen) = saved(&Truth::log_normal(median, 0.4), interval, DRAWS / 20);
            assert!(
                known > 35.0 && seen > 28.0,
                "{interval} {median} {known} {seen}"
            );
        }
    }
}

#[test]
fn the_mean_gap_is_as_asked_for() {
    let truth = Truth::log_normal(60.0, 0.5);
    let durations = truth.known();
    let gap = Duration::from_secs(5);
    let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(gap));
    let (delay, polls) = cost(&schedule, &truth);
    // The mean of the distribution, and the delay, by the mean number of polls.
    let noticed = 60.0 * (0.5_f64.powi(2) / 2.0).exp() + delay;
    assert!(
        (4.95..5.05).contains(&(noticed / polls)),
        "{}",
        noticed / polls
    );
}

#[test]
fn gaps_are_within_their_limits_whatever_was_seen() {
    let mut random = Rng::with_seed(3);
    let second = Duration::from_secs(1);
    for count in [0, 1, 2, 300] {
        let seen = (0..count).map(|_| {
            let seconds = [0.0, 1e-9, 5.0, 5.0, 1e12][random.usize(..5)];
            (
                Duration::from_secs_f64(seconds),
                [0.0, 0.5, 1.0, f64::NAN][random.usize(..4)],
            )
        });
        let seen: Vec<_> = seen.collect();
        for median in [Duration::ZERO, second, Duration::MAX] {
            for sigma in [0.0, 0.5, f64::NAN, f64::INFINITY] {
                let durations = Durations::new(LogNormal { median, sigma }).with_seen(seen.clone());
                for worth in [Duration::ZERO, second, Duration::MAX] {
                    for worth in [CostModel::Delay(worth), CostModel::MeanGap(worth)] {
                        let schedule = HazardSchedule::new(&durations, worth);
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
