//! The cost of the learned schedule compared with the optimum for the true distribution, and the polls
//! that it saves: `cargo bench --package wavespeed-poll --bench polls`. All figures are computed; no
//! clock is involved.

#![allow(
    clippy::print_stdout,
    reason = "the bench prints a table for developers"
)]

#[expect(dead_code, reason = "a test needs more of it")]
#[path = "../tests/it/cost.rs"]
mod cost;

use cost::{Truth, figures, saved};

const DRAWS: u32 = 200;

fn main() {
    // `cargo test` also runs benches, but without this argument.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    println!(
        "| durations | known | 50 seen | 10 seen | guess x 1/3 | guess x 3 | best fixed |\n|---|---|---|---|---|---|---|"
    );
    for truth in Truth::all() {
        let found = figures(&truth, DRAWS);
        let columns = [
            found.known,
            found.fifty,
            found.ten,
            found.sooner,
            found.later,
            found.best_fixed,
        ];
        let columns = columns.map(|percent| format!("{percent:.1} %"));
        println!("| {truth} | {} |", columns.join(" | "));
    }
    println!(
        "\n| at the mean delay of a fixed | median | known: fewer polls | 50 seen: fewer polls |\n|---|---|---|---|"
    );
    for interval in [1.0, 0.5] {
        for median in [15.0, 60.0, 180.0] {
            let (known, seen) = saved(&Truth::log_normal(median, 0.4), interval, DRAWS);
            println!("| {interval} s | {median} s | {known:.1} % | {seen:.1} % |");
        }
    }
}
