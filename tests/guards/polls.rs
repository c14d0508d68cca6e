//! The learned schedule against theory: what it costs beside the best there can be. Nothing waits;
//! the benchmark `polls` prints the same for more draws.

use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{Durations, Learned, LogNormal, Moment, Schedule as _, Worth};
use wavespeed_tests::polls::{Truth, best_fixed, cost, fixed, optimum};

const LAMBDA: f64 = 0.05;
const DRAWS: u32 = 10;

fn learned(durations: &Durations) -> Learned {
    let worth = Worth::Delay(Duration::from_secs_f64(LAMBDA));
    Learned::new(durations, worth).between(Duration::ZERO, Duration::from_secs(60))
}

fn all(schedule: &Learned, truth: &Truth) -> f64 {
    let (delay, polls) = cost(schedule, truth);
    delay + LAMBDA * polls
}

/// The mean cost after so many durations were seen.
fn after(count: usize, truth: &Truth) -> f64 {
    let mut random = Rng::with_seed(7);
    let each = (0..DRAWS).map(|_| {
        let seen = truth.seen(count, LogNormal::default(), &mut random);
        all(&learned(&seen), truth)
    });
    each.sum::<f64>() / f64::from(DRAWS)
}

#[test]
fn what_was_seen_is_nearly_as_good_as_what_is_true() {
    for (truth, fifty, ten) in [
        (Truth::log_normal(15.0, 0.4), 1.06, 1.15),
        (Truth::log_normal(60.0, 0.5), 1.06, 1.13),
        (Truth::log_normal(180.0, 0.8), 1.06, 1.13),
        (Truth::two_peaks(), 1.15, 1.3),
        (Truth::Pareto(20.0, 1.5), 1.15, 1.3),
    ] {
        let best = optimum(&truth, LAMBDA);
        let (fifty, ten) = (fifty * best, ten * best);
        let known = all(&learned(&truth.known()), &truth);
        assert!(
            (best * 0.999..best * 1.09).contains(&known),
            "{truth:?} {known} {best}"
        );
        let (by_fifty, by_ten) = (after(50, &truth), after(10, &truth));
        assert!(
            by_fifty < fifty && by_ten < ten,
            "{truth:?} {by_fifty} {by_ten} {best}"
        );
        assert!(
            by_fifty < best_fixed(&truth, LAMBDA) * 1.01,
            "{truth:?} {by_fifty}"
        );
    }
}

#[test]
fn a_wrong_expectation_costs_half_at_most() {
    for sigma in [0.4, 0.8] {
        let truth = Truth::log_normal(60.0, sigma);
        let best = optimum(&truth, LAMBDA);
        for median in [20, 180] {
            let median = Duration::from_secs(median);
            let wrong = Durations::new(LogNormal { median, sigma: 1.0 });
            let cost = all(&learned(&wrong), &truth);
            assert!(cost < best * 1.5, "{sigma} {median:?} {cost} {best}");
        }
    }
}

#[test]
fn it_asks_more_seldom_than_a_fixed_interval_that_notices_as_soon() {
    let truth = Truth::log_normal(60.0, 0.4);
    let (delay, polls) = cost(&fixed(1.0), &truth);
    // So much delay for a poll gives about the delay of the fixed one.
    let worth = Worth::Delay(Duration::from_secs_f64(0.0128));
    let schedule = Learned::new(&truth.known(), worth);
    let schedule = schedule.between(Duration::ZERO, Duration::from_secs(60));
    let (ours, fewer) = cost(&schedule, &truth);
    assert!(
        ours < delay * 1.02 && fewer < polls * 0.65,
        "{ours} {delay} {fewer} {polls}"
    );
}

#[test]
fn the_mean_gap_is_as_asked_for() {
    let truth = Truth::log_normal(60.0, 0.5);
    let durations = truth.known();
    let gap = Duration::from_secs(5);
    let schedule = Learned::new(&durations, Worth::MeanGap(gap));
    let (_, polls) = cost(&schedule, &truth);
    // The mean of the distribution by the mean number of polls.
    let mean = 60.0 * (0.5_f64.powi(2) / 2.0).exp();
    assert!((4.0..6.0).contains(&(mean / polls)), "{}", mean / polls);
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
                    for worth in [Worth::Delay(worth), Worth::MeanGap(worth)] {
                        let schedule = Learned::new(&durations, worth);
                        for elapsed in [Duration::ZERO, 7 * second, Duration::MAX] {
                            let gap = schedule.gap(Moment::new(elapsed, 1), random.f64());
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
