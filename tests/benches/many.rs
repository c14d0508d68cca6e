//! What it costs to wait for 10,000 tasks in one process, with the default limits of `watch_many` and
//! with a journal: an emulator is another process. `cargo bench --package wavespeed-tests --bench many`
//! prints the table; it takes some minutes, since the tasks take one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people, by a tool for developers"
)]

use std::io::{BufRead as _, BufReader};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt as _, stream};
use pollster::FutureExt as _;
use serde_json::json;
use wavespeed::poll::{Fixed, RateLimits, Update};
use wavespeed::{Job, JobDuration, Poller, Prediction, RawInput, Store as _, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_journal::Journal;

#[expect(dead_code, reason = "only the draws are needed here")]
#[path = "../../crates/poll/tests/it/cost.rs"]
mod cost;

use cost::Distribution;

const TASKS: usize = 10_000;
const MEDIAN: u64 = 60;
const SIGMA: f64 = 0.4;
const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";

fn main() {
    let has = |wanted: &str| std::env::args().any(|word| word == wanted);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if has("serve") {
        return runtime.block_on(serve());
    }
    // `cargo test` runs benches, too, without this word. Each way to ask has a process of its own,
    // since memory is counted by the process.
    if has("learned") || has("fixed") {
        return runtime.block_on(run(has("learned")));
    }
    if !has("--bench") {
        return;
    }
    println!(
        "| {TASKS} tasks of {MEDIAN} s, σ {SIGMA} | polls | polls/s | mean delay | longest | CPU of a core | peak of memory | connections |\n|---|---|---|---|---|---|---|---|"
    );
    for way in ["learned", "fixed"] {
        let own = std::env::current_exe().unwrap();
        let ended = Command::new(own).arg(way).status().unwrap();
        assert!(ended.success(), "{way}: {ended}");
    }
}

/// An emulator, until nobody reads from it any more.
async fn serve() {
    let emulator = Emulator::builder()
        .task_time(Duration::from_secs(MEDIAN))
        .spread(SIGMA)
        .seed(1)
        .start()
        .await
        .unwrap();
    println!("{}", emulator.origin());
    std::future::pending::<()>().await;
}

/// The emulator as a process, which ends with this.
struct Server {
    child: Child,
    origin: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut origin = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut origin).unwrap();
        let origin = origin.trim().to_owned();
        Self { child, origin }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

async fn run(is_learned: bool) {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(folder.path().join("journal.db")).unwrap());
    let mut builder = Wavespeed::builder()
        .key("emulator")
        .base_url(&server.origin)
        .check_urls(false)
        .store(Arc::clone(&journal));
    if !is_learned {
        builder = builder.poller(Poller::default().with_schedule(Fixed(Duration::from_secs(5))));
    }
    let ws = builder.build().unwrap();
    let mut random = fastrand::Rng::with_seed(2);
    for number in 0..50 {
        let took = Distribution::log_normal(MEDIAN as f64, SIGMA).draw(&mut random);
        let id = format!("pred_{number}").parse().unwrap();
        let took = JobDuration::new(id, MODEL, took, SystemTime::now());
        journal
            .record_duration(ws.account(), &took)
            .block_on()
            .unwrap();
    }
    let jobs = submit(&ws).await;
    let (began, used) = (Instant::now(), cpu());
    let mut watched = pin!(ws.watch_many(stream::iter(jobs), ws.deadline(), RateLimits::default()));
    let (mut polls, mut delays, mut connections) = (0, Vec::new(), 0);
    let mut sampled = began;
    while let Some((_, item)) = watched.next().await {
        polls += 1;
        if let Update::Done(record) = item.unwrap() {
            delays.push(delay(&record));
        }
        if sampled.elapsed() > Duration::from_secs(1) {
            sampled = Instant::now();
            connections = connections.max(established(&server.origin));
        }
    }
    let (took, used) = (began.elapsed().as_secs_f64(), cpu() - used);
    assert_eq!(delays.len(), TASKS);
    println!(
        "| {} | {polls} | {:.1} | {:.1} s | {:.1} s | {:.1} % | {:.1} MiB | {connections} |",
        if is_learned { "50 seen" } else { "fixed, 5 s" },
        f64::from(polls) / took,
        delays.iter().sum::<f64>() / delays.len() as f64,
        delays.iter().copied().fold(0.0, f64::max),
        used / took * 100.0,
        peak(),
    );
}

async fn submit(ws: &Wavespeed) -> Vec<Job> {
    let submits = (0..TASKS).map(|number| async move {
        let input = json!({
            "video": "https://a.example/clip.mp4",
            "text": format!("Hello {number}"),
            "voice_id": "AOT",
        });
        ws.submit(RawInput::new(MODEL, input))
            .unchecked()
            .await
            .unwrap()
    });
    stream::iter(submits).buffer_unordered(8).collect().await
}

/// How long after its end it was seen to have ended. Both processes have the same clock.
fn delay(record: &Prediction) -> f64 {
    let created: jiff::Timestamp = record.created_at().unwrap().parse().unwrap();
    let took = Duration::from_secs_f64(record.execution_ms().unwrap() / 1_000.0);
    let end = SystemTime::from(created) + took;
    SystemTime::now()
        .duration_since(end)
        .unwrap_or_default()
        .as_secs_f64()
}

/// The seconds of a processor that this process has used; by Linux only.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let rest = stat.rsplit_once(')').unwrap().1;
    let ticks = rest.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}

/// The most memory that this process had, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// The connections that stand to a server on this machine.
fn established(origin: &str) -> usize {
    let port: u16 = origin.rsplit(':').next().unwrap().parse().unwrap();
    let remote = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let is_one = |line: &&str| {
        let mut words = line.split_whitespace().skip(2);
        words.next().is_some_and(|to| to.ends_with(&remote)) && words.next() == Some("01")
    };
    table.lines().filter(is_one).count()
}
