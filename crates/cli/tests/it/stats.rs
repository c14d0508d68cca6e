//! Tests of `wave stats`: the observed durations of jobs and the polling schedule that follows from
//! them. Durations are written to the journal or observed in runs against the emulator.

use std::time::{Duration, SystemTime};

use pollster::FutureExt as _;
use serde_json::Value;
use wavespeed::{JobDuration, Store as _};
use wavespeed_harness::MODEL;
use wavespeed_journal::Journal;

use super::harness::{Emulated, assert_run};

#[test]
fn stats_show_observed_durations_and_the_schedule() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    assert_run!("stats-nothing-seen", wave.run(&["stats"]));
    assert_run!(
        "stats-nothing-known",
        wave.run(&["stats", "kwaivgi/kling-v1-tts"])
    );
    assert_run!(
        "stats-no-model",
        wave.run(&["stats", "kwaivgi/kling-v1-tt"])
    );

    let journal = Journal::open(wave.journal()).unwrap();
    let (ws, now) = (emulated.client(), SystemTime::now());
    for number in 0_u32..49 {
        // Quantiles of a log-normal distribution with a median of 75 s, in a mixed order.
        let z = (f64::from(number * 10 % 49) - 24.0) / 12.0;
        let duration = Duration::from_secs_f64(75.0 * (0.4 * z).exp());
        let id = format!("pred_{number}").parse().unwrap();
        let at = now - Duration::from_secs(3_600 - u64::from(number));
        journal
            .record_duration(ws.account(), &JobDuration::new(id, MODEL, duration, at))
            .block_on()
            .unwrap();
    }
    assert_run!("stats", wave.run(&["stats"]));
    let stats = wave.run(&["stats", "--json", "--mean-gap", "2s"]).json();
    assert_eq!(stats["seen"].as_array().unwrap().len(), 49);
    // With the same delay, the schedule polls less often than a fixed interval.
    let number = |pointer: &str| stats.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(
        number("/schedule/polls") < 0.9 * number("/fixed/polls"),
        "{stats:#}"
    );
    assert!(
        (number("/schedule/delay") - number("/fixed/delay")).abs() < 0.01,
        "{stats:#}"
    );
}

#[test]
fn run_records_its_duration() {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::from_millis(50)));
    let wave = emulated.wave();
    for _ in 0..2 {
        let run = wave.quick(&[
            "lipsync",
            "--video",
            "https://a.example/1.mp4",
            "--no-media-check",
            "--text",
            "Hello",
        ]);
        assert_eq!(run.exit, 0, "{run}");
    }
    let stats = wave.run(&["stats", "--json"]).json();
    assert_eq!(stats["seen"].as_array().unwrap().len(), 2, "{stats:#}");
}
