//! What `wave` costs beside what it is compared with, measured in turns in one run, since machines
//! are noisy: `cargo bench --package wavespeed-tests`. Prints a table; nothing here can fail by the
//! clock.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people, by a tool for developers"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wavespeed_emulator::Emulator;
use wavespeed_poll::{CostModel, Durations, HazardSchedule, LogNormal, PollContext, Schedule as _};

const WAVE: &str = env!("CARGO_BIN_EXE_wave-under-test");
const RUNS: usize = 40;

/// The folder of the journal.
static STATE: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn main() {
    // `cargo test` runs benches, too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let emulator = runtime
        .block_on(Emulator::builder().task_time(Duration::ZERO).start())
        .unwrap();
    let origin = emulator.origin().to_owned();
    let model = "kwaivgi/kling-lipsync/text-to-video";
    println!("| what | wave | beside it | ratio |\n|---|---|---|---|");
    row(
        "wave --version, /bin/true",
        || run(&[WAVE, "--version"]),
        || run(&["/bin/true"]),
    );
    row(
        "wave lipsync --help, /bin/true",
        || run(&[WAVE, "lipsync", "--help"]),
        || run(&["/bin/true"]),
    );
    catalogue();
    schedules();
    let folder = tempfile::tempdir().unwrap();
    let large = large_clip(&folder.path().join("large.mp4"));
    row(
        "wave check of a clip of 100 MB, wave --version",
        || run(&[WAVE, "check", &large]),
        || run(&[WAVE, "--version"]),
    );
    let texts = AtomicUsize::new(0);
    row(
        "run --no-wait and show, two curl calls",
        || {
            let video = "https://example.com/a.mp4";
            let base = ["--base-url", &origin, "--no-media-check"];
            // An equal job that is running would be refused.
            let text = format!("Hello {}", texts.fetch_add(1, Ordering::Relaxed));
            let input = ["--video", video, "--text", &text, "--no-wait"];
            let submit = [&[WAVE, "run", model], &input[..], &base].concat();
            let id = run(&submit);
            run(&[&[WAVE, "show", id.trim()], &base[..2]].concat())
        },
        || submit_and_show_by_curl(&origin, model),
    );
    let clip = format!(
        "{}/../crates/emulator/assets/clip.mp4",
        env!("CARGO_MANIFEST_DIR")
    );
    row(
        "lipsync with journal and media check, two curl calls",
        || {
            let words = ["lipsync", "--video", &clip, "--text", "Hello"];
            let gaps = ["--poll-interval", "1ms", "--mean-gap", "1ms"];
            run(&[&[WAVE], &words[..], &gaps, &["--base-url", &origin]].concat())
        },
        || submit_and_show_by_curl(&origin, model),
    );
    let bytes = std::fs::metadata(WAVE).unwrap().len();
    println!("\nThe binary has {:.2} MB.", bytes as f64 / 1e6);
    // What is static is not dropped.
    _ = std::fs::remove_dir_all(STATE.path());
}

/// Submits a job and polls it, by two processes of curl.
fn submit_and_show_by_curl(origin: &str, model: &str) -> String {
    let url = format!("{origin}/api/v3/{model}");
    let body = r#"{"video":"https://example.com/a.mp4","text":"Hello","voice_id":"genshin_klee2"}"#;
    let curl = ["curl", "-sS", "-H", "Authorization: Bearer emulator"];
    let json = ["-H", "Content-Type: application/json", "-d", body, &url];
    let answer = run(&[&curl[..], &json].concat());
    let id = answer.split("\"id\":\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let result = format!("{origin}/api/v3/predictions/{id}/result");
    run(&[&curl[..], &[&result]].concat())
}

/// A clip whose header says at its very end what it is.
fn large_clip(path: &Path) -> String {
    let clip = include_bytes!("../../crates/emulator/assets/clip.mp4");
    let (start, rest) = clip.split_at(32);
    let free = 99_900_000u32;
    let length = (free + 8).to_be_bytes();
    let parts = [start, &length, b"free", &vec![0; free as usize], rest];
    std::fs::write(path, parts.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The medians of two things done in turns.
fn row(name: &str, ours: impl Fn() -> String, theirs: impl Fn() -> String) {
    let time = |work: &dyn Fn() -> String| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let (mut a, mut b): (Vec<Duration>, Vec<Duration>) =
        (0..RUNS).map(|_| (time(&ours), time(&theirs))).unzip();
    a.sort_unstable();
    b.sort_unstable();
    let (a, b) = (a[RUNS / 2], b[RUNS / 2]);
    println!(
        "| {name} | {:.2} ms | {:.2} ms | {:.2} |",
        ms(a),
        ms(b),
        ms(a) / ms(b)
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn run(words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .env("WAVESPEED_API_KEY", "emulator")
        .env("XDG_STATE_HOME", STATE.path())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} does not run: {error}", words[0]));
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Prints what the catalogue costs when it is first used, with the models it has and with a thousand.
fn catalogue() {
    let models: &[wavespeed::Model] = &wavespeed::CATALOGUE;
    let thousand: Vec<&[wavespeed::Model]> = vec![models; 1_000_usize.div_ceil(models.len())];
    let time = |tables: &[&[wavespeed::Model]]| {
        let each = (0..RUNS).map(|_| {
            let begin = Instant::now();
            std::hint::black_box(tables.concat().into_boxed_slice());
            begin.elapsed()
        });
        each.min().unwrap().as_secs_f64() * 1_000_000.0
    };
    let (own, many) = (time(&[models]), time(&thousand));
    println!(
        "| catalogue of {} models, of 1,000 | {own:.1} µs | {many:.1} µs | {:.1} |",
        models.len(),
        many / own
    );
}

/// Prints what the polling schedule of a model costs when it is first used, for the guide's gap and for
/// one of a millisecond, without observations and with as many as are used.
fn schedules() {
    let published = LogNormal {
        median: Duration::from_secs(268),
        sigma: 1.2,
    };
    for count in [0, 256] {
        let mut random = fastrand::Rng::with_seed(1);
        let observed: Vec<_> = (0..count)
            .map(|_| (Duration::from_secs_f64(20.0 + 100.0 * random.f64()), 1.0))
            .collect();
        let time = |gap: Duration| {
            let each = (0..RUNS).map(|_| {
                let begin = Instant::now();
                let durations = Durations::new(published).with_observations(observed.clone());
                let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(gap))
                    .with_gap_limits(gap.min(Duration::from_secs(1)), gap * 3);
                std::hint::black_box(schedule.gap(PollContext::new(gap, 1), 0.5));
                begin.elapsed()
            });
            each.min().unwrap()
        };
        let (guide, short) = (time(Duration::from_secs(5)), time(Duration::from_millis(1)));
        println!(
            "| schedule after {count} jobs, gap of 5 s, of 1 ms | {:.2} ms | {:.2} ms | {:.2} |",
            ms(guide),
            ms(short),
            ms(guide) / ms(short)
        );
    }
}
