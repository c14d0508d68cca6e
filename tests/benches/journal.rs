//! What the journal costs: a job from its intent to its files, beside the bare `fsync` that any such
//! promise needs, measured in turns in one run; opening one that is long in use; and with that one,
//! `wave resume` from its start to its first poll. Prints a table; nothing here can fail by the
//! clock.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people, by a tool for developers"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use pollster::FutureExt as _;
use serde_json::json;
use wavespeed::{
    Account, Identity, Intended, Intent, JobFilter, JobNumber, ModelId, Prediction, PredictionId,
    Resolution, Store as _, Target,
};
use wavespeed_journal::Journal;

const TIMES: usize = 200;
const FINISHED: usize = 10_000;
const OPEN: usize = 100;
const RESUMES: usize = 20;
/// How long another program holds the journal.
const HELD: Duration = Duration::from_secs(1);
const KEY: &str = "wsk_bench";

fn main() {
    // `cargo test` runs benches, too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", api.local_addr().unwrap());
    let jobs = Jobs::new(&origin);
    let journal = Journal::open(&path).unwrap();
    let mut small = File::create(folder.path().join("small")).unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 0..TIMES {
        ours.push(time(|| jobs.finish(&journal, number)));
        bare.push(time(|| {
            small.write_all(b"a line of a journal\n").unwrap();
            small.sync_all().unwrap();
        }));
    }
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    println!("| what | median of {TIMES} |\n|---|---|");
    println!("| intend, settle, ended, saved: 4 writes, each on disk | {ours:.2} ms |");
    println!("| a line and an fsync | {bare:.2} ms |");
    println!("| one in the other | {:.2} |", ours / bare);
    let longest = longest_turn(&folder.path().join("held.db"));
    println!(
        "| longest turn of another task while the file is held for {HELD:?} | {longest:.2} ms |"
    );
    // Filled in memory where that can be, since 40,000 writes to a disk take minutes.
    let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let memory = memory.unwrap();
    let filled = memory.path().join("journal.db");
    let journal = Journal::open(&filled).unwrap();
    (0..FINISHED).for_each(|number| jobs.finish(&journal, number));
    (FINISHED..FINISHED + OPEN).for_each(|number| jobs.submit(&journal, number));
    // A journal that nobody has open is one file.
    drop(journal);
    let path = folder.path().join("filled.db");
    std::fs::copy(filled, &path).unwrap();
    let mut opens: Vec<Duration> = (0..TIMES)
        .map(|_| {
            time(|| {
                let journal = Journal::open(&path).unwrap();
                let open = journal
                    .jobs(&jobs.account, JobFilter::Open)
                    .block_on()
                    .unwrap();
                assert_eq!(open.len(), OPEN);
            })
        })
        .collect();
    println!(
        "| open with {FINISHED} finished jobs, read {OPEN} open ones | {:.2} ms |",
        median(&mut opens)
    );
    let mut resumes: Vec<Duration> = (0..RESUMES)
        .map(|_| time_to_poll(&path, &origin, &api))
        .collect();
    println!(
        "| wave resume with the same, from its start to its first poll | {:.2} ms |",
        median(&mut resumes)
    );
}

/// Returns the longest time, in milliseconds, that a task on a runtime with one thread waits for its
/// next turn while another task calls a journal that another program holds.
fn longest_turn(path: &Path) -> f64 {
    let journal = Journal::open(path).unwrap();
    let holder = rusqlite::Connection::open(path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let call = tokio::spawn(journal.forget(JobNumber::new(1)));
        let (start, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        while start.elapsed() < HELD {
            tokio::task::yield_now().await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        holder.execute_batch("ROLLBACK").unwrap();
        call.await.unwrap().unwrap();
        longest.as_secs_f64() * 1_000.0
    })
}

/// From the start of `wave resume` until an API hears of it, which does not answer.
fn time_to_poll(journal: &Path, origin: &str, api: &TcpListener) -> Duration {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wave-under-test"))
        .args(["resume", "--journal"])
        .arg(journal)
        .env("WAVESPEED_API_KEY", KEY)
        .env("WAVESPEED_BASE_URL", origin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stream, _) = api.accept().unwrap();
    let mut first = [0; 3];
    stream.read_exact(&mut first).unwrap();
    let took = start.elapsed();
    assert_eq!(&first, b"GET");
    child.kill().unwrap();
    child.wait().unwrap();
    // Its other connections are not those of the next one.
    api.set_nonblocking(true).unwrap();
    while api.accept().is_ok() {}
    api.set_nonblocking(false).unwrap();
    took
}

/// What all jobs have in common.
struct Jobs {
    account: Account,
    model: ModelId,
    target: Target,
}

impl Jobs {
    fn new(origin: &str) -> Self {
        Self {
            // The account of the command.
            account: Account::new(format!("{origin}/api/v3"), "default"),
            model: "kwaivgi/kling-lipsync/text-to-video".parse().unwrap(),
            target: Target::new("/videos/out.mp4"),
        }
    }

    fn submit(&self, journal: &Journal, number: usize) {
        // The inputs differ, as the journal compares an intent with all equal jobs.
        let input = json!({
            "video": "https://example.com/a.mp4",
            "text": format!("Sentence {number}"),
            "voice_id": "genshin_klee2",
        });
        let (body, model) = (input.to_string(), &self.model);
        let identity = Identity::new(model.as_str(), &input, &BTreeMap::new());
        let now = SystemTime::now();
        let mut intent = Intent::new(&self.account, model, &body, &identity, now);
        intent.target = Some(&self.target);
        let intended = journal.intend(&intent).block_on().unwrap();
        let Intended::Recorded { job, .. } = intended else {
            panic!("no job is equal: {intended:?}")
        };
        let accepted = Resolution::Accepted(id(number));
        journal.settle(job, &accepted.into()).block_on().unwrap();
    }

    fn finish(&self, journal: &Journal, number: usize) {
        self.submit(journal, number);
        let id = id(number);
        let ended = json!({"id": id.as_str(), "status": "completed"});
        let ended = Prediction::from_json(ended).unwrap();
        journal
            .record_end(&self.account, &ended)
            .block_on()
            .unwrap();
        journal
            .record_saved(&self.account, &id, &[])
            .block_on()
            .unwrap();
    }
}

fn id(number: usize) -> PredictionId {
    format!("{number:032x}").parse().unwrap()
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
