//! The main job with `wave`, with a short poll interval. Its back-offs use the real clock, because the
//! command has no other.

use serde_json::Value;

use super::{Row, RowResult, is_whole};
use crate::wave::{Emulated, LIPSYNC, Run, Wave};

/// The deadline of rows that end without it.
const PATIENT: &str = "60s";
/// The deadline of rows that only a deadline ends. It allows a submit, also on a busy machine.
const HASTY: &str = "1500ms";

/// Returns the deadline of a run with this scenario.
fn timeout(row: Row, first: bool) -> &'static str {
    let endless = row.is_silent() || row.is("output once huge");
    match row.is_for_ever() && row.call() != "submit" || first && endless {
        true => HASTY,
        false => PATIENT,
    }
}

fn run(wave: &Wave, row: Row, first: bool, words: &[&str]) -> Run {
    let settings = [
        "--json",
        "--settle-time",
        "0s",
        "--timeout",
        timeout(row, first),
    ];
    wave.quick(&[words, &settings].concat())
}

/// Returns the exit code with the kind of the error, or `file`.
fn word(run: &Run, document: &Value) -> String {
    let kind = document["error"]["kind"].as_str().unwrap_or("file");
    format!("{} {kind}", run.exit)
}

/// Checks that an error after the submit names the id or the job, and the command of the next step.
fn check_error(row: Row, run: &Run, document: &Value) {
    let Some(message) = document["error"]["message"].as_str() else {
        return;
    };
    let hint = document["error"]["hint"].as_str().unwrap_or_default();
    if matches!(run.exit, 3 | 6) {
        assert!(message.contains("nothing is billed"), "{row:?}: {run}");
        assert!(document["id"].is_null(), "{row:?}: {run}");
        return;
    }
    let name = document["id"].as_str().unwrap_or("j1");
    assert!(
        message.contains(name) || hint.contains(name),
        "{row:?}: {run}"
    );
    // A job that has ended cannot be resumed.
    let can_resume =
        hint.contains("wave resume j1") || hint.contains("wave ") && hint.contains(name);
    assert!(run.exit == 1 || can_resume, "{row:?}: {run}");
}

pub(super) fn run_row(row: Row, emulated: &Emulated) -> RowResult {
    let wave = emulated.wave();
    let path = wave.path("out.mp4");
    let words = [&LIPSYNC[..], &["-o", "out.mp4"]].concat();
    let first = run(&wave, row, true, &words);
    let document = first.json();
    check_error(row, &first, &document);
    assert_eq!(
        matches!(first.exit, 0 | 8),
        is_whole(&path),
        "{row:?}: {first}"
    );
    let end = word(&first, &document);
    row.let_it_end(emulated);
    let (last, after) = match first.exit {
        0 | 8 => (document, String::new()),
        // A rejected job cannot be resumed, and the command says so.
        3 | 6 => {
            let again = run(&wave, row, false, &["resume", "j1"]);
            assert_eq!(again.exit, 6, "{row:?}: {again}");
            (document, String::new())
        }
        _ => resume(&wave, row, emulated),
    };
    let source = match last["reconciled"].as_str() {
        Some("chosen") => "person",
        Some(_) => "history",
        None => "answer",
    };
    RowResult {
        task: last["id"].as_str().map(|id| (id.to_owned(), source)),
        end,
        after,
        is_whole: is_whole(&path),
    }
}

/// Resumes what the first run left. A job that was not created is submitted again, as the hint says.
fn resume(wave: &Wave, row: Row, emulated: &Emulated) -> (Value, String) {
    let resumed = run(wave, row, false, &["resume", "j1"]);
    let document = resumed.json();
    check_error(row, &resumed, &document);
    let after = word(&resumed, &document);
    if resumed.exit != 5 {
        return (document, after);
    }
    // A job that was created is shown to the person, and no other advice is given.
    let tasks = emulated.emulator.tasks();
    let decision = match &tasks[..] {
        [] => {
            assert!(
                resumed.stderr.contains("wave resume j1 --resubmit"),
                "{resumed}"
            );
            vec!["--resubmit"]
        }
        [created] => {
            assert!(
                resumed.stderr.contains(&**created),
                "it was not found: {resumed}"
            );
            let other = format!("--resubmit --not {created}");
            let advice = resumed.stderr.replace(&other, "");
            assert!(!advice.contains("--resubmit"), "{resumed}");
            vec!["--adopt", created]
        }
        several => panic!("{several:?}"),
    };
    let words = [&["resume", "j1"], &decision[..]].concat();
    let again = run(wave, row, false, &words);
    let document = again.json();
    check_error(row, &again, &document);
    let after = format!("{after}; {}: {}", decision[0], word(&again, &document));
    (document, after)
}
