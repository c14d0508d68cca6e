//! A submit of which nobody knows what came: nothing that is said or done then leads to a second
//! task without the explicit word of a person, or makes that word hit another job.

use serde_json::json;
use wavespeed::{JobNumber, Store as _};
use wavespeed_emulator::Scenario;
use wavespeed_journal::Journal;

use super::command::{Emulated, LIPSYNC, Run, Wave};

/// A job of which nothing came, and an API that is well by now.
fn place() -> (Emulated, Wave) {
    let scenario: Scenario = "submit once drop-before".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let run = lipsync(&wave, &[]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 0), "{run}");
    (emulated, wave)
}

fn lipsync(wave: &Wave, more: &[&str]) -> Run {
    wave.quick(&[&LIPSYNC[..], &["--settle-time", "0s"], more].concat())
}

fn resume(wave: &Wave, words: &[&str]) -> Run {
    wave.quick(&[&["resume", "--settle-time", "0s"], words].concat())
}

#[test]
fn what_is_on_its_way_is_not_sent_a_second_time() {
    let (emulated, wave) = place();
    let other = Journal::open(wave.journal()).unwrap();
    let claim = other.claim(JobNumber::new(1)).unwrap();
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    assert!(
        run.stderr.contains("j1 is being sent by another process"),
        "{run}"
    );
    drop(claim);
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
}

/// To run the same command once more is what comes to mind.
#[test]
fn the_same_is_not_submitted_again_while_nobody_knows_what_came_of_it() {
    let (emulated, wave) = place();
    let run = lipsync(&wave, &["--json"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    assert_eq!(run.json()["error"]["kind"], "lost");
    assert!(run.stderr.contains("wave resume j1"), "{run}");
    // Another input is another job, and what was forgotten is the user's word.
    let other = lipsync(&wave, &["--voice-id", "AOT"]);
    assert_eq!((other.exit, emulated.emulator.billed()), (0, 1), "{other}");
    wave.run(&["jobs", "forget", "j1"]);
    let again = lipsync(&wave, &[]);
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 2), "{again}");
    // What is done may be done again.
    let again = lipsync(&wave, &[]);
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 3), "{again}");
}

#[test]
fn a_number_that_nobody_else_knows_is_not_told() {
    let scenario: Scenario = "submit every drop-before".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    for more in [&["--no-journal"][..], &["--no-journal", "--no-adopt"]] {
        let run = lipsync(&wave, more);
        assert_eq!(run.exit, 5, "{run}");
        assert!(run.stderr.contains("do not submit again before"), "{run}");
        assert!(
            !run.stderr.contains("j1"),
            "it is another job elsewhere: {run}"
        );
        let run = lipsync(&wave, &[more, &["--json"]].concat());
        assert_eq!(run.json()["job"], json!(null), "{run}");
    }
}

#[test]
fn a_word_is_about_one_job() {
    let (emulated, wave) = place();
    for word in [&["--resubmit"][..], &["--adopt", "abcd1234"]] {
        let run = resume(&wave, &[&["--all"], word].concat());
        assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    }
}

#[test]
fn a_task_that_the_vendor_does_not_know_is_not_adopted() {
    let (emulated, wave) = place();
    let run = resume(&wave, &["j1", "--adopt", "abcd1234"]);
    assert_eq!(run.exit, 6, "{run}");
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(
        (&jobs[0]["id"], &jobs[0]["stage"]),
        (&json!(null), &json!("unknown"))
    );
    let other = lipsync(&wave, &["--no-wait", "--no-journal"]);
    let run = resume(&wave, &["j1", "--adopt", other.stdout.trim()]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
}

#[test]
fn forgetting_what_may_be_billed_is_told() {
    let (_emulated, wave) = place();
    let run = wave.run(&["jobs", "forget", "j1"]);
    assert_eq!(run.exit, 0, "{run}");
    assert!(
        run.stderr
            .contains("j1 was not done: a task of it may have been created"),
        "{run}"
    );
}

#[cfg(unix)]
#[test]
fn who_interrupts_the_search_is_not_told_that_nothing_was_submitted() {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    for (more, way_on) in [
        (&[][..], "wave resume j1"),
        (&["--no-journal"], "the recent predictions on the dashboard"),
    ] {
        let words = [&LIPSYNC[..], &["--json"], more].concat();
        let mut command = wave.command(&words);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let child = piped.spawn().unwrap();
        let request = || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap();
            (String::from_utf8_lossy(&bytes[..read]).into_owned(), stream)
        };
        let (submit, _) = request();
        assert!(submit.starts_with("POST /api/v3/kwaivgi/"), "{submit}");
        let (search, _open) = request();
        assert!(search.starts_with("POST /api/v3/predictions"), "{search}");
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &document["error"];
        assert_eq!(
            (output.status.code(), &error["kind"]),
            (Some(130), &json!("interrupted"))
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("a task may have been created and billed"),
            "{message}"
        );
        assert!(error["hint"].as_str().unwrap().contains(way_on), "{error}");
    }
}
