//! Tests of jobs that were submitted before: wait, show and download.

use std::time::Duration;

use serde_json::{Value, json};
use wavespeed_emulator::Clock;

use super::harness::*;

#[test]
fn job_can_be_left_and_waited_for_later() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let wave = emulated.wave();
    let left = wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat());
    assert_run!("left", left);
    let id = left.stdout.trim();
    assert_run!(
        "left-json",
        wave.run(&[&LIPSYNC[..], &["--no-wait", "--json", "--key", "a"]].concat())
    );
    let equal = wave.run(&[&LIPSYNC[..], &["--no-wait", "--json"]].concat());
    assert_run!("left-equal-json", equal);
    assert_run!("show-created", wave.run(&["show", id]));
    assert_run!("download-early", wave.run(&["download", id]));
    clock.advance(Duration::from_secs(60));
    assert_run!("show-completed", wave.run(&["show", id]));
    assert_run!("wait", wave.run(&["wait", id, "-o", "out.mp4"]));
    assert_run!("download", wave.run(&["download", id]));
    assert_eq!(
        std::fs::read(wave.path(&format!("{id}.mp4"))).unwrap(),
        CLIP
    );
}

#[test]
fn several_jobs_are_listed_in_the_order_of_the_ids() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let ids = ["AOT", "genshin_klee2"].map(|voice| {
        let run = wave.run(&[&LIPSYNC[..], &["--no-wait", "--voice-id", voice]].concat());
        assert_eq!(run.exit, 0, "{run}");
        run.stdout.trim().to_owned()
    });
    let run = wave.run(&["wait", &ids[1], &ids[0], "--json", "-o", "videos/"]);
    let found: Vec<Value> = run
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(found, [json!(ids[1]), json!(ids[0])]);
    assert_eq!(std::fs::read_dir(wave.path("videos")).unwrap().count(), 2);
    assert_run!(
        "several-to-one-file",
        wave.run(&["wait", &ids[0], &ids[1], "-o", "out.mp4"])
    );
}

#[test]
fn expired_deadline_names_the_next_step() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let words = [&LIPSYNC[..], &["--timeout", "1s"]].concat();
    assert_run!("deadline", emulated.wave().quick(&words));
    assert_run!(
        "deadline-json",
        emulated
            .wave()
            .quick(&[&words[..], &["--json", "--quiet"]].concat())
    );
}
