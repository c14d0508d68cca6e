//! Tests of the journal behind the command: its list, and jobs that are resumed after a crash or an interruption.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use wavespeed_emulator::Clock;

use super::harness::{CLIP, Emulated, LIPSYNC};

fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [words, more].concat()
}

#[test]
fn jobs_are_listed_shown_and_forgotten() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let id = wave
        .run(&with(&LIPSYNC, &["--no-wait"]))
        .stdout
        .trim()
        .to_owned();
    // With the same input, it would be refused while the first job runs.
    let done = wave
        .quick(&with(
            &LIPSYNC,
            &["--voice-id", "AOT", "-o", "out.mp4", "--json"],
        ))
        .json();
    assert_eq!(done["job"], "j2");
    let jobs = wave.run(&["jobs", "--json"]).json();
    let stages: Vec<&str> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["stage"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["submitted", "saved"]);
    assert_eq!(
        (&jobs[0]["id"], &jobs[0]["open"], &jobs[1]["open"]),
        (&json!(id), &json!(true), &json!(false))
    );
    assert_eq!(jobs[1]["input"]["text"], "Hello");
    assert_eq!(
        jobs[1]["files"],
        json!([wave.path("out.mp4").canonicalize().unwrap()])
    );
    assert_eq!(
        wave.run(&["jobs", "show", "j1", "--json"]).json(),
        json!([jobs[0]])
    );
    // The number is taken wherever the id is.
    assert_eq!(wave.run(&["show", "j1", "--json"]).json()["id"], json!(id));
    let waited = wave.quick(&["wait", "j1", "--json"]).json();
    assert_eq!(
        (&waited["job"], &waited["status"]),
        (&json!("j1"), &json!("completed"))
    );
    assert_eq!(wave.run(&["jobs", "forget", "j2"]).stdout, "j2\n");
    assert_eq!(
        wave.run(&["jobs", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let gone = wave.run(&["wait", "j2"]);
    assert_eq!(gone.exit, 2, "{gone}");
    assert!(gone.stderr.contains("j2 is not in the journal"), "{gone}");
    // The jobs stay when the API key is replaced, and another API has jobs of its own.
    let wave = wave.with("WAVESPEED_API_KEY", "another");
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(jobs[0]["id"], json!(id));
    let wave = wave.with("WAVESPEED_BASE_URL", "http://127.0.0.1:9");
    assert_eq!(wave.run(&["jobs", "--json"]).json(), json!([]));
}

#[test]
fn job_of_a_killed_command_is_resumed_from_any_folder() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let wave = emulated.wave();
    let words = with(&LIPSYNC, &["-o", "out.mp4", "--poll-interval", "10ms"]);
    let mut child = wave
        .command(&words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.starts_with("id: "), "{first}");
    clock.advance(Duration::from_secs(60));
    let elsewhere = tempfile::tempdir().unwrap();
    let output = wave
        .command(&["resume"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(emulated.emulator.billed(), 1);
    assert_eq!(
        wave.run(&["resume", "--json"]).json(),
        json!([]),
        "nothing is left"
    );
}

#[test]
fn resume_without_open_jobs_says_so() {
    let emulated = Emulated::start(|builder| builder);
    let run = emulated.wave().run(&["resume", "--json"]);
    assert_eq!(
        (run.exit, &*run.stdout, &*run.stderr),
        (0, "[]\n", "no job is open\n")
    );
}

#[test]
fn forgetting_an_ended_job_names_its_download() {
    let scenario = "output every status 404".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let run = wave.quick(&with(&LIPSYNC, &["-o", "out.mp4", "--timeout", "20s"]));
    assert_eq!(run.exit, 7, "{run}");
    let run = wave.run(&["jobs", "forget", "j1"]);
    let warning = "j1 was open: its outputs were not saved; save them with: wave download ";
    assert!(run.stderr.contains(warning), "{run}");
}

#[test]
fn unusable_journal_is_reported_before_anything_is_sent() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(
        wave.path("words.db"),
        "these are words, not a journal, and rather many of them".repeat(99),
    )
    .unwrap();
    for journal in ["words.db", "clip.mp4/journal.db", "."] {
        let run = wave.run(&with(&LIPSYNC, &["--journal", journal]));
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains("--no-journal"), "{run}");
    }
    assert!(emulated.emulator.requests().is_empty());
    let run = wave.quick(&with(&LIPSYNC, &["--journal", "words.db", "--json"]));
    assert_eq!(run.json()["error"]["kind"], "journal");
    assert_eq!(wave.quick(&with(&LIPSYNC, &["--no-journal"])).exit, 0);
}

#[test]
fn the_key_is_in_no_journal() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    assert_eq!(wave.quick(&with(&LIPSYNC, &["--journal", "j.db"])).exit, 0);
    let mut found = 0;
    for entry in std::fs::read_dir(wave.path(".")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("j.db") {
            let bytes = std::fs::read(entry.path()).unwrap();
            let key = super::harness::KEY.as_bytes();
            assert!(!bytes.windows(key.len()).any(|window| window == key));
            found += 1;
        }
    }
    assert!(found > 0, "there is a journal");
}
