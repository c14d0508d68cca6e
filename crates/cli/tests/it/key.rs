//! Tests of `--key` and `--retry-failed`, and of equal commands without a key: how often a job is billed,
//! and what the command says about the job that exists.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, SystemTime};

use pollster::FutureExt as _;
use serde_json::{Value, json};
use wavespeed::{Account, Identity, Intended, Intent, Resolution, Settlement, Store as _};
use wavespeed_emulator::{Clock, Ending};
use wavespeed_harness::MODEL;
use wavespeed_journal::Journal;

use super::harness::{ACCOUNT, CLIP, Emulated, KEY, LIPSYNC, Run, Wave};

/// The processes of a race, in pairs that run the same command.
const PAIRS: usize = 8;

fn lipsync(wave: &Wave, options: &[&str]) -> Run {
    wave.quick(&[&LIPSYNC[..], options].concat())
}

/// The jobs of the journal.
fn jobs(wave: &Wave) -> Vec<Value> {
    let jobs = wave.run(&["jobs", "--json"]).json();
    jobs.as_array().unwrap().clone()
}

#[test]
fn same_key_is_billed_once() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let first = lipsync(&wave, &["--key", "order-17", "--json"]);
    assert_eq!(first.exit, 0, "{first}");
    let again = lipsync(&wave, &["--key", "order-17", "--json"]);
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 1), "{again}");
    for member in ["id", "job", "status", "outputs"] {
        assert_eq!(again.json()[member], first.json()[member], "{member}");
    }
    let notice = "j1 has the key \"order-17\"; nothing is submitted\n";
    assert!(again.stderr.contains(notice), "{again}");
    assert!(!first.stderr.contains("order-17"), "{first}");
    assert_eq!(jobs(&wave)[0]["key"], "order-17");
    // The id is printed once, as after a submit.
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(again.stderr.matches(&id).count(), 1, "{again}");
    let left = lipsync(&wave, &["--key", "order-17", "--no-wait"]);
    assert_eq!(left.stdout.trim(), id, "{left}");
}

#[test]
fn output_that_was_saved_is_copied_without_a_request() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let first = lipsync(&wave, &["--key", "a", "-o", "out.mp4"]);
    assert_eq!(first.exit, 0, "{first}");
    let sent = emulated.emulator.requests().len();
    for target in ["copy.mp4", "out.mp4"] {
        let again = lipsync(&wave, &["--key", "a", "-o", target]);
        assert_eq!(again.exit, 0, "{again}");
        assert_eq!(again.stdout, format!("{target}\n"));
        assert_eq!(std::fs::read(wave.path(target)).unwrap(), CLIP);
    }
    assert_eq!(emulated.emulator.requests().len(), sent);
}

/// The files of a job that exists need not exist any more.
#[test]
fn key_is_looked_up_before_the_files_are_read() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let words = ["lipsync", "--video", "clip.mp4", "--text", "Hello", "--key"];
    let first = wave.quick(&[&words[..], &["a"]].concat());
    assert_eq!(first.exit, 0, "{first}");
    std::fs::remove_file(wave.path("clip.mp4")).unwrap();
    let again = wave.quick(&[&words[..], &["a"]].concat());
    assert_eq!((again.exit, emulated.emulator.billed()), (0, 1), "{again}");
    let other = wave.quick(&[&words[..], &["b"]].concat());
    assert_eq!(other.exit, 2, "{other}");
}

#[test]
fn failed_job_is_submitted_once_more_under_its_number() {
    let failing = Ending::failed("no face was found");
    let emulated = Emulated::start(|builder| builder.ending(failing));
    let wave = emulated.wave();
    let first = lipsync(&wave, &["--key", "a", "--json"]);
    assert_eq!(first.exit, 1, "{first}");
    // Without the flag, the end of the job is reported again.
    let again = lipsync(&wave, &["--key", "a", "--json"]);
    assert_eq!((again.exit, emulated.emulator.billed()), (1, 1), "{again}");
    assert_eq!(again.json()["id"], first.json()["id"]);
    let hint = again.json()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(
        hint.ends_with("submit it once more with: --retry-failed"),
        "{hint}"
    );

    let retried = lipsync(&wave, &["--key", "a", "--retry-failed", "--json"]);
    assert_eq!(
        (retried.exit, emulated.emulator.billed()),
        (1, 2),
        "{retried}"
    );
    let notice = "j1 ended as failed; it is submitted once more\n";
    assert!(retried.stderr.contains(notice), "{retried}");
    assert!(
        !retried.stderr.contains("nothing is submitted"),
        "{retried}"
    );
    let document = retried.json();
    assert_eq!(document["job"], "j1");
    assert_ne!(document["id"], first.json()["id"]);
    let shown = wave.run(&["jobs", "show", "j1", "--json"]).json();
    assert_eq!(shown[0]["id"], document["id"]);
    let attempts = shown[0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{shown}");
    assert_eq!(
        (&attempts[0]["id"], &attempts[0]["status"]),
        (&first.json()["id"], &json!("failed"))
    );
}

#[test]
fn completed_job_is_not_submitted_once_more() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    for _ in 0..2 {
        let run = lipsync(&wave, &["--key", "a", "--retry-failed"]);
        assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
    }
}

#[test]
fn options_that_need_a_key_or_a_journal_are_refused() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let long = "k".repeat(257);
    let cases: [(&[&str], &str); 6] = [
        (&["--retry-failed"], "--key"),
        (
            &["--key", "a", "--no-journal"],
            "--no-journal exclude each other",
        ),
        (&["--key", ""], "the key is empty"),
        (&["--key", &long], "the key has 257 characters"),
        (&["--key", "a\u{1b}[2J"], "U+001B, which is not printable"),
        // The harness checks that no output has it.
        (&["--key", KEY], "the key is the API key"),
    ];
    for (options, message) in cases {
        let run = lipsync(&wave, options);
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains(message), "{run}");
        assert!(!run.stderr.contains('\u{1b}'), "{run:?}", run = run.stderr);
    }
    assert!(emulated.emulator.requests().is_empty());
    assert!(jobs(&wave).is_empty());
    let most = lipsync(&wave, &["--key", &long[1..]]);
    assert_eq!(most.exit, 0, "{most}");
}

#[test]
fn key_of_another_input_is_refused_until_it_is_freed() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let run = lipsync(&wave, &["--key", "a"]);
    assert_eq!(run.exit, 0, "{run}");
    let other = ["--key", "a", "--voice-id", "AOT"];
    let refused = lipsync(&wave, &other);
    assert_eq!(
        (refused.exit, emulated.emulator.billed()),
        (2, 1),
        "{refused}"
    );
    let message = "the key \"a\" belongs to j1, which has another voice_id";
    assert!(refused.stderr.contains(message), "{refused}");
    assert!(refused.stderr.contains("wave jobs forget j1"), "{refused}");
    let forgotten = wave.run(&["jobs", "forget", "j1"]);
    assert_eq!(
        (forgotten.exit, &*forgotten.stdout),
        (0, "j1\n"),
        "{forgotten}"
    );
    assert!(
        forgotten.stderr.contains("the key \"a\" is free again"),
        "{forgotten}"
    );
    let run = lipsync(&wave, &other);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 2), "{run}");
}

#[test]
fn equal_job_that_runs_is_refused() {
    let (clock, minute) = (Clock::manual(), Duration::from_secs(60));
    let emulated = Emulated::start(|builder| builder.clock(clock.clone()).task_time(minute));
    let wave = emulated.wave();
    let left = lipsync(&wave, &["--no-wait"]);
    assert_eq!(left.exit, 0, "{left}");
    let refused = lipsync(&wave, &["--no-wait", "--json"]);
    assert_eq!(
        (refused.exit, emulated.emulator.billed()),
        (2, 1),
        "{refused}"
    );
    let document = refused.json();
    assert_eq!(
        (&document["error"]["kind"], &document["duplicate_of"]),
        (&json!("duplicate"), &json!("j1"))
    );
    // A key of its own says that another job is wanted.
    let wanted = lipsync(&wave, &["--no-wait", "--key", "a"]);
    assert_eq!(
        (wanted.exit, emulated.emulator.billed()),
        (0, 2),
        "{wanted}"
    );
    clock.advance(minute);
    for number in ["j1", "j2"] {
        let waited = wave.quick(&["wait", number]);
        assert_eq!(waited.exit, 0, "{waited}");
    }
    let after = lipsync(&wave, &["--no-wait"]);
    assert_eq!((after.exit, emulated.emulator.billed()), (0, 3), "{after}");
}

/// Starts the same command twice for each of several texts, all at once, and returns the results of each
/// pair.
fn race(wave: &Wave, with_keys: bool) -> Vec<[Output; 2]> {
    let start = |pair: usize| -> Child {
        let (text, key) = (format!("Sentence {pair}"), format!("key-{pair}"));
        let mut words = ["--no-wait", "--json", "lipsync", "--no-media-check"].to_vec();
        words.extend(["--video", super::harness::VIDEO, "--text", &text]);
        if with_keys {
            words.extend(["--key", &key]);
        }
        let mut command = wave.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let started: Vec<[Child; 2]> = (0..PAIRS).map(|pair| [start(pair), start(pair)]).collect();
    let ended = started.into_iter();
    ended
        .map(|pair| pair.map(|child| child.wait_with_output().unwrap()))
        .collect()
}

fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[test]
fn equal_commands_at_once_are_billed_once() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    for pair in race(&wave, false) {
        let mut documents = pair.each_ref().map(document);
        documents.sort_by_key(|document| document["id"].is_null());
        let [sent, refused] = documents;
        assert!(sent["error"].is_null(), "{sent}");
        // The first job is being sent, or runs already.
        let kind = &refused["error"]["kind"];
        assert!(kind == "lost" || kind == "duplicate", "{refused}");
        assert_eq!(refused["duplicate_of"], sent["job"], "{refused}");
    }
    assert_eq!(emulated.emulator.billed(), PAIRS as u64);
}

#[test]
fn commands_with_the_same_key_at_once_have_the_same_id() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    for pair in race(&wave, true) {
        let [one, two] = pair.each_ref().map(document);
        assert!(one["id"].is_string() && one["error"].is_null(), "{one}");
        assert_eq!(
            (&one["id"], &one["job"]),
            (&two["id"], &two["job"]),
            "{two}"
        );
        assert!(two["error"].is_null(), "{two}");
    }
    assert_eq!(emulated.emulator.billed(), PAIRS as u64);
}

/// Writes a submitted job of another program to the journal, and returns its number.
fn foreign_job(wave: &Wave, account: &Account, id: &str) -> String {
    let input = json!({ "text": "Hello" });
    let model = MODEL.parse().unwrap();
    let identity = Identity::new(MODEL, &input, &Default::default());
    let body = input.to_string();
    let journal = Journal::open(wave.journal()).unwrap();
    let intent = Intent::new(account, &model, &body, &identity, SystemTime::now());
    let Intended::Recorded { job, claim, .. } = journal.intend(&intent).block_on().unwrap() else {
        panic!("another job stands in the way");
    };
    let accepted = Settlement::from(Resolution::Accepted(id.parse().unwrap()));
    journal.settle(job, &accepted).block_on().unwrap();
    drop(claim);
    job.to_string()
}

#[test]
fn job_of_another_account_is_resumed_by_its_number() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let left = lipsync(&wave, &["--no-wait", "--no-journal"]);
    let base_url = format!("{}/api/v3", emulated.emulator.origin());
    let account = Account::new(base_url, "the render farm");
    let number = foreign_job(&wave, &account, left.stdout.trim());
    assert!(jobs(&wave).is_empty(), "it is not listed");
    let run = wave.quick(&["resume", &number, "--json"]);
    assert_eq!(run.exit, 0, "{run}");
    assert_eq!(
        (&run.json()["job"], &run.json()["status"]),
        (&json!(number), &json!("completed"))
    );
}

#[test]
fn job_of_another_api_is_refused_with_its_url() {
    let emulated = Emulated::start(|builder| builder);
    let other = Emulated::start(|builder| builder);
    let left = lipsync(&other.wave(), &["--no-wait"]);
    let wave = emulated.wave();
    let base_url = format!("{}/api/v3", other.emulator.origin());
    let account = Account::new(&*base_url, ACCOUNT);
    let number = foreign_job(&wave, &account, left.stdout.trim());
    for command in ["resume", "wait", "show"] {
        let run = wave.quick(&[command, &number]);
        assert_eq!(run.exit, 2, "{run}");
        let hint = format!("use that API: --base-url {base_url}\n");
        assert!(run.stderr.contains(&hint), "{run}");
    }
    assert!(emulated.emulator.requests().is_empty());
    let run = wave.quick(&["resume", &number, "--base-url", &base_url]);
    assert_eq!(run.exit, 0, "{run}");
}
