//! What the learned schedule costs against the best there can be for the true distribution, and how
//! many polls it saves: `cargo bench --package wavespeed-tests --bench polls`. No clock is involved:
//! every figure is computed.

#![allow(
    clippy::print_stdout,
    reason = "a table for people, by a tool for developers"
)]

use std::time::Duration;

use fastrand::Rng;
use wavespeed_poll::{Durations, Learned, LogNormal, Worth};
use wavespeed_tests::polls::{Truth, best_fixed, cost, fixed, optimum};

const LAMBDA: f64 = 0.05;
const DRAWS: u32 = 200;

fn main() {
    // `cargo test` runs benches, too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    println!(
        "| durations | known | 50 seen | 10 seen | prior x 1/3 | prior x 3 | best fixed |\n|---|---|---|---|---|---|---|"
    );
    let mut truths: Vec<(String, Truth)> = Vec::new();
    for median in [15.0, 60.0, 180.0] {
        for sigma in [0.4, 0.5, 0.8] {
            let name = format!("log-normal, {median} s, σ {sigma}");
            truths.push((name, Truth::log_normal(median, sigma)));
        }
    }
    truths.push(("two peaks".into(), Truth::two_peaks()));
    truths.push(("Pareto".into(), Truth::Pareto(20.0, 1.5)));
    for (name, truth) in &truths {
        let best = optimum(truth, LAMBDA);
        let over = |durations: &Durations| {
            let worth = Worth::Delay(Duration::from_secs_f64(LAMBDA));
            let schedule =
                Learned::new(durations, worth).between(Duration::ZERO, Duration::from_secs(60));
            let (delay, polls) = cost(&schedule, truth);
            ((delay + LAMBDA * polls) / best - 1.0) * 100.0
        };
        let mean = |count: usize| {
            let mut random = Rng::with_seed(1);
            let prior = LogNormal::default();
            let each = (0..DRAWS).map(|_| over(&truth.seen(count, prior, &mut random)));
            each.sum::<f64>() / f64::from(DRAWS)
        };
        let prior = |factor: f64| {
            let median = Duration::from_secs_f64(truth.horizon(0.5) * factor);
            over(&Durations::new(LogNormal { median, sigma: 1.0 }))
        };
        println!(
            "| {name} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            over(&truth.known()),
            mean(50),
            mean(10),
            prior(1.0 / 3.0),
            prior(3.0),
            (best_fixed(truth, LAMBDA) / best - 1.0) * 100.0,
        );
    }
    println!(
        "\n| at the mean delay of a fixed | median | known: fewer polls | 50 seen: fewer polls |\n|---|---|---|---|"
    );
    for interval in [1.0, 0.5] {
        for median in [15.0, 60.0, 180.0] {
            let truth = Truth::log_normal(median, 0.4);
            let (delay, polls) = cost(&fixed(interval), &truth);
            let mut random = Rng::with_seed(1);
            let prior = LogNormal::default();
            let seen: f64 = (0..DRAWS)
                .map(|_| saved(&truth.seen(50, prior, &mut random), &truth, delay, polls))
                .sum();
            println!(
                "| {interval} s | {median} s | {:.1} % | {:.1} % |",
                saved(&truth.known(), &truth, delay, polls),
                seen / f64::from(DRAWS)
            );
        }
    }
}

/// By how many percent a schedule asks more seldom that notices as soon.
fn saved(durations: &Durations, truth: &Truth, delay: f64, polls: f64) -> f64 {
    let (mut low, mut high) = (1e-4_f64, 10.0_f64);
    let at = |worth: f64| {
        let worth = Worth::Delay(Duration::from_secs_f64(worth));
        let schedule =
            Learned::new(durations, worth).between(Duration::ZERO, Duration::from_secs(60));
        cost(&schedule, truth)
    };
    for _ in 0..20 {
        let middle = (low * high).sqrt();
        match at(middle).0 < delay {
            true => low = middle,
            false => high = middle,
        }
    }
    (1.0 - at(low).1 / polls) * 100.0
}
