//! Tests of jobs that were submitted before: wait, show and download.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use wavespeed_emulator::Clock;
use wiremock::Mock;
use wiremock::matchers::method;

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

/// Without a line, a long wait looks like a hang.
#[test]
fn long_wait_that_the_vendor_asks_for_is_announced() {
    let asked =
        |seconds: &str| refused(429, "Too many requests").insert_header("retry-after", seconds);
    let upload = ["upload", "clip.mp4"];
    for (words, said) in [
        (
            &["balance"][..],
            "trying again in 20 s, as the vendor asks to wait 20 s\n",
        ),
        (
            &upload,
            "trying again in 20 s, as the vendor asks to wait 20 s\n",
        ),
        (
            &LIPSYNC,
            "nothing is billed; submitting again in 20 s, as the vendor asks to wait 20 s\n",
        ),
        (
            &["wait", ID],
            "Too many requests); polling again in 20 s, as the vendor asks to wait 20 s\n",
        ),
    ] {
        let (_runtime, server) = answers(asked("20"), asked("20"));
        let wave = Wave::at(&server.uri());
        let mut child = wave
            .command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.ends_with(said), "{words:?}: {line}");
    }
    // A short one is not announced, nor is any with --quiet.
    for (seconds, options) in [("1", &[][..]), ("3", &["--quiet"])] {
        let (runtime, server) = answers(created(), record(json!({"balance": 1.5})));
        let once = Mock::given(method("GET")).respond_with(asked(seconds));
        runtime.block_on(once.up_to_n_times(1).with_priority(1).mount(&server));
        let run = Wave::at(&server.uri()).run(&[&["balance"], options].concat());
        assert_eq!((run.exit, &*run.stderr), (0, ""), "{run}");
        let sent = runtime.block_on(server.received_requests()).unwrap();
        assert_eq!(sent.len(), 2, "it was tried again");
    }
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
