//! Cost of the hazard schedule compared with the optimum for the true distribution, and the number of
//! polls that it saves: `cargo bench --package wavespeed-poll --bench polls`. Every value is computed,
//! so no clock is involved.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark prints a table for developers"
)]

#[expect(dead_code, reason = "some items are only used by tests")]
#[path = "../tests/it/cost.rs"]
mod cost;

use cost::{Distribution, extra_costs, polls_saved};

const DRAWS: u32 = 200;

fn main() {
    // `cargo test --benches` also runs this program, but without the argument `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!(
        "| distribution | known | 50 observed | 10 observed | guess x 1/3 | guess x 3 | best fixed |\n|---|---|---|---|---|---|---|"
    );
    for distribution in Distribution::all() {
        let found = extra_costs(&distribution, DRAWS);
        let columns = [
            found.known,
            found.after_50,
            found.after_10,
            found.short_guess,
            found.long_guess,
            found.best_fixed,
        ];
        let columns = columns.map(|percent| format!("{percent:.1} %"));
        println!("| {distribution} | {} |", columns.join(" | "));
    }
    println!(
        "\n| at the mean delay of a fixed | median | known: fewer polls | 50 observed: fewer polls |\n|---|---|---|---|"
    );
    for interval in [1.0, 0.5] {
        for median in [15.0, 60.0, 180.0] {
            let (known, after_50) =
                polls_saved(&Distribution::log_normal(median, 0.4), interval, DRAWS);
            println!("| {interval} s | {median} s | {known:.1} % | {after_50:.1} % |");
        }
    }
}
