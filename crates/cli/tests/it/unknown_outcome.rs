//! Tests of the command after a submit with an unknown outcome: no command creates a second prediction
//! unless the user explicitly asks for it, and such a request affects one job only. The emulator drops
//! the connection of the first submit.

#[cfg(unix)]
use std::process::{Child, Stdio};

use pollster::FutureExt as _;
use serde_json::json;
use wavespeed::{JobNumber, Store as _};
use wavespeed_emulator::Scenario;
use wavespeed_journal::Journal;

#[cfg(unix)]
use super::harness::signal;
use super::harness::{Emulated, LIPSYNC, Run, Wave};

/// An emulator that works by now, and a journal with one job whose outcome is unknown and which was not
/// created.
fn job_with_unknown_outcome() -> (Emulated, Wave) {
    let scenario: Scenario = "submit once drop-before".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let run = lipsync(&wave, &[]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 0), "{run}");
    (emulated, wave)
}

fn lipsync(wave: &Wave, options: &[&str]) -> Run {
    wave.quick(&[&LIPSYNC[..], options].concat())
}

fn resume(wave: &Wave, arguments: &[&str]) -> Run {
    wave.quick(&[&["resume"], arguments].concat())
}

#[test]
fn resubmit_is_refused_while_another_process_sends_the_job() {
    let (emulated, wave) = job_with_unknown_outcome();
    let other = Journal::open(wave.journal()).unwrap();
    let claim = other.claim(JobNumber::new(1)).block_on().unwrap();
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    assert!(run.stderr.contains("j1 is already being sent"), "{run}");
    drop(claim);
    // The claim ends with the calls of the journal that were made before, which this waits for.
    drop(other);
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
}

/// Users tend to run the same command again.
#[test]
fn same_input_is_not_submitted_again_while_the_outcome_is_unknown() {
    let (emulated, wave) = job_with_unknown_outcome();
    let run = lipsync(&wave, &["--json"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    assert_eq!(run.json()["error"]["kind"], "lost");
    assert!(run.stderr.contains("wave resume j1"), "{run}");
    // Another input is another job, and forgetting the job is an explicit request.
    let other = lipsync(&wave, &["--voice-id", "AOT"]);
    assert_eq!((other.exit, emulated.emulator.billed()), (0, 1), "{other}");
    wave.run(&["jobs", "forget", "j1"]);
    let again = lipsync(&wave, &[]);
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 2), "{again}");
    // After a completed job, the same input may be submitted again.
    let again = lipsync(&wave, &[]);
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 3), "{again}");
}

#[test]
fn job_number_is_not_shown_without_a_journal() {
    let scenario: Scenario = "submit every drop-before".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    for options in [&["--no-journal"][..], &["--no-journal", "--no-adopt"]] {
        let run = lipsync(&wave, options);
        assert_eq!(run.exit, 5, "{run}");
        assert!(run.stderr.contains("do not submit again before"), "{run}");
        assert!(
            !run.stderr.contains("j1"),
            "j1 would be another job in the journal: {run}"
        );
        let run = lipsync(&wave, &[options, &["--json"]].concat());
        assert_eq!(run.json()["job"], json!(null), "{run}");
    }
}

#[test]
fn resubmit_and_adopt_are_refused_for_all_jobs() {
    let (emulated, wave) = job_with_unknown_outcome();
    for option in [&["--resubmit"][..], &["--adopt", "abcd1234"]] {
        let run = resume(&wave, &[&["--all"], option].concat());
        assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    }
}

#[test]
fn id_that_the_vendor_does_not_have_is_not_adopted() {
    let (emulated, wave) = job_with_unknown_outcome();
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
fn forgetting_a_job_that_may_be_billed_prints_a_warning() {
    let (_emulated, wave) = job_with_unknown_outcome();
    let run = wave.run(&["jobs", "forget", "j1"]);
    assert_eq!(run.exit, 0, "{run}");
    assert!(
        run.stderr
            .contains("j1 was open: a job may have been created"),
        "{run}"
    );
}

/// Starts a command whose document can be read.
#[cfg(unix)]
fn spawn(wave: &Wave, arguments: &[&str]) -> Child {
    let mut command = wave.command(arguments);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::null());
    piped.spawn().unwrap()
}

/// Interrupts a command with `--json`, and returns the error in its document.
#[cfg(unix)]
fn interrupt(child: Child) -> serde_json::Value {
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &document["error"]["kind"]),
        (Some(130), &json!("interrupted")),
        "{document}"
    );
    document["error"].take()
}

#[cfg(unix)]
#[test]
fn interrupted_reconcile_reports_that_the_job_may_exist() {
    use std::io::Read as _;
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    for (options, next_step) in [
        (&[][..], "wave resume j1"),
        (
            &["--no-journal"],
            "the recent jobs on the vendor's dashboard",
        ),
    ] {
        let arguments = [&LIPSYNC[..], &["--json"], options].concat();
        let child = spawn(&wave, &arguments);
        let request = || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap();
            (String::from_utf8_lossy(&bytes[..read]).into_owned(), stream)
        };
        let (submit, _) = request();
        assert!(submit.starts_with("POST /api/v3/kwaivgi/"), "{submit}");
        let (history, _open) = request();
        assert!(history.starts_with("POST /api/v3/predictions"), "{history}");
        let error = interrupt(child);
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("the job may have been created and billed"),
            "{message}"
        );
        assert!(
            error["hint"].as_str().unwrap().contains(next_step),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn interrupted_back_off_of_a_submit_sends_nothing_more() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    let child = spawn(&wave, &[&LIPSYNC[..], &["--json"]].concat());
    let (mut stream, _) = listener.accept().unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    let busy = "HTTP/1.1 429 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(busy.as_bytes()).unwrap();
    drop(stream);
    let error = interrupt(child);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("nothing was submitted"), "{message}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the submit was sent again");
    let jobs = wave.run(&["jobs", "--json"]);
    assert_eq!(jobs.json()[0]["stage"], "rejected", "{jobs}");
}

/// A person who says that a job was never created may be wrong.
#[test]
fn resubmit_looks_in_the_history_once_more() {
    // The job was created, and its answer was lost.
    let scenario: Scenario = "submit once lose-answer".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let run = lipsync(&wave, &["--no-adopt"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 1), "{run}");
    // No answer near the submit has shown the vendor's clock.
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 1), "{run}");
    assert!(run.stderr.contains("the clock of this machine"), "{run}");
    let id = &emulated.emulator.tasks()[0];
    let run = resume(&wave, &["j1", "--adopt", id]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");

    // The history cannot be read.
    let scenario = "submit once drop-before; history once status 500";
    let scenario: Scenario = scenario.replace("; ", "\n").parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let run = lipsync(&wave, &["--no-adopt"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 0), "{run}");
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (5, 0), "{run}");
    assert!(run.stderr.contains("is not submitted again"), "{run}");
    let run = resume(&wave, &["j1", "--resubmit"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
}
