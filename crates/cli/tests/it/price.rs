//! Tests of prices: `--dry-run`, `--max-price`, `wave price` and `wave balance`. The emulator has a price
//! and a balance; the tests check its requests and that nothing is billed above the limit.

use serde_json::json;
use wavespeed_emulator::{Credit, Scenario};

use super::harness::{Emulated, KEY, LIPSYNC, Wave, assert_run};

const LOCAL: [&str; 5] = ["lipsync", "--video", "clip.mp4", "--text", "it's 5 $"];

/// An emulator with this price and balance, and a command that uses it.
fn emulated_price(price: f64, balance: f64, scenario: &str) -> (Emulated, Wave) {
    let scenario: Scenario = scenario.parse().unwrap();
    let credit = Credit::new(price, balance);
    let emulated = Emulated::start(|builder| builder.credit(credit).scenario(scenario));
    let wave = emulated.wave();
    (emulated, wave)
}

/// Checks that the emulator received neither a submit nor an upload.
fn assert_nothing_was_sent(emulated: &Emulated) {
    let requests = emulated.emulator.requests();
    let other = requests.iter().find(|request| {
        !request.path.ends_with("/model/price") && !request.path.ends_with("/balance")
    });
    assert!(other.is_none(), "{other:?}");
    assert_eq!(emulated.emulator.billed(), 0);
}

#[test]
fn dry_run_shows_the_request_and_sends_nothing() {
    let (emulated, wave) = emulated_price(0.3, 0.4, "");
    assert_run!("dry-run", wave.run(&[&LOCAL[..], &["--dry-run"]].concat()));
    assert_run!(
        "dry-run-json",
        wave.run(&[&LIPSYNC[..], &["--dry-run", "--json", "--max-price", "0.3"]].concat())
    );
    assert_run!(
        "dry-run-limit",
        wave.run(&[&LIPSYNC[..], &["--dry-run", "--max-price", "0.29"]].concat())
    );
    let wrong = wave.run(&["lipsync", "--text", "", "--dry-run"]);
    assert_eq!(wrong.exit, 2, "{wrong}");
    assert_nothing_was_sent(&emulated);
    assert!(
        wave.run(&["jobs", "--json"])
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
    let (poor, wave) = emulated_price(0.3, 0.1, "");
    assert_run!(
        "dry-run-poor",
        wave.run(&[&LIPSYNC[..], &["--dry-run"]].concat())
    );
    assert_nothing_was_sent(&poor);
    let (silent, wave) =
        emulated_price(0.3, 0.1, "price every status 503\nbalance every null-data");
    assert_run!(
        "dry-run-unknown",
        wave.run(&[&LIPSYNC[..], &["--dry-run"]].concat())
    );
    assert_nothing_was_sent(&silent);
}

#[test]
fn job_above_the_price_limit_is_not_submitted() {
    let (emulated, wave) = emulated_price(0.3, 10.0, "");
    let run = |max: &str| wave.quick(&[&LIPSYNC[..], &["--max-price", max, "--json"]].concat());
    let over = run("0.29");
    assert_eq!(
        (over.exit, &over.json()["error"]["kind"]),
        (2, &json!("price")),
        "{over}"
    );
    assert!(
        over.stderr
            .contains("the price is 0.3 USD, above the limit of 0.29 USD"),
        "{over}"
    );
    assert_nothing_was_sent(&emulated);
    let within = run("0.3");
    assert_eq!(
        (within.exit, emulated.emulator.billed()),
        (0, 1),
        "{within}"
    );
    for wrong in ["-1", "NaN", "inf", "cheap"] {
        assert_eq!(run(wrong).exit, 2, "{wrong}");
    }
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(
        jobs.as_array().unwrap().len(),
        1,
        "the refused run must not leave a job"
    );
}

#[test]
fn job_of_unknown_price_is_not_submitted_with_a_limit() {
    for fault in [
        "status 503",
        "null-data",
        "drop-before",
        "truncated",
        "html",
    ] {
        let (emulated, wave) = emulated_price(0.3, 10.0, &format!("price every {fault}"));
        let run = wave.quick(&[&LIPSYNC[..], &["--max-price", "9"]].concat());
        assert_eq!(
            (run.exit, emulated.emulator.billed()),
            (2, 0),
            "{fault}: {run}"
        );
        assert!(
            run.stderr
                .contains("the price is not known, so nothing was submitted"),
            "{run}"
        );
    }
}

#[test]
fn price_and_balance_commands_show_the_vendors_values() {
    let (emulated, wave) = emulated_price(0.1, 0.3, "");
    let model = "kwaivgi/kling-lipsync/text-to-video";
    assert_run!(
        "price",
        wave.run(&["price", model, "--text", "Hello", "--video", "clip.mp4"])
    );
    assert_run!("price-json", wave.run(&["price", model, "--json"]));
    assert_run!(
        "price-no-model",
        wave.run(&["price", "no/such", "--text", "x"])
    );
    assert_run!("balance", wave.run(&["balance"]));
    let sent = format!("{:?}", emulated.emulator.requests());
    assert!(
        sent.contains("Hello") && !sent.contains("clip.mp4"),
        "{sent}"
    );
    let other = wave.with("WAVESPEED_API_KEY", &KEY.replace("do_not", "other"));
    assert_eq!(other.run(&["balance"]).exit, 3);
    assert_eq!(other.run(&["price", model]).exit, 3);
}
