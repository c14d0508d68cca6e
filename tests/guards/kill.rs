//! Killed at any instant, `wave` loses nothing that was paid for and pays for nothing twice: what a
//! run left is gone on with by `wave resume` until nothing is open, and then there was one task, and
//! its file is whole. `WAVE_KILLS=2000` kills more often.

use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{CLIP, Emulated, LIPSYNC, Run, Wave};

/// The kills of an ordinary run of the tests.
const KILLS: usize = 200;
/// Runs at once.
const AT_ONCE: usize = 4;
/// How often a resume may be needed: to find nothing, to submit again, and one more.
const RESUMES: usize = 3;

/// What a killed run had come to, by its journal.
#[derive(Default, Debug)]
struct Reached {
    /// Nothing was written down.
    nothing: usize,
    /// Written down, and nothing known.
    intended: usize,
    /// Of those, the ones of which no task came.
    resubmitted: usize,
    /// The id was known, or even the end.
    submitted: usize,
    ended: usize,
    /// The run was done before the kill.
    saved: usize,
}

/// An API of its own, so that every task there is of this run.
fn place() -> (Emulated, Wave) {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::from_millis(40)));
    let wave = emulated.wave();
    (emulated, wave)
}

/// Runs the main job, and kills it after so long.
fn start(wave: &Wave, kill: Option<Duration>) {
    let words = [
        &["--poll-interval", "10ms"],
        &LIPSYNC[..],
        &["-o", "out.mp4"],
    ];
    let mut command = wave.command(&words.concat());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    if let Some(after) = kill {
        // The instant is the point of this test, and any instant is fine.
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    child.wait().unwrap();
}

fn jobs(wave: &Wave) -> Vec<Value> {
    let run = wave.run(&["jobs", "--json"]);
    assert_eq!(run.exit, 0, "{run}");
    run.json().as_array().unwrap().clone()
}

/// What `resume` could not go on with: the numbers of those jobs.
fn resume(wave: &Wave) -> (Vec<String>, Run) {
    let run = wave.quick(&["resume", "--json", "--settle-time", "300ms"]);
    let documents = run.json();
    let failed = documents.as_array().unwrap().iter();
    let failed = failed.filter(|document| !document["error"].is_null());
    let failed = failed.map(|document| {
        let lost = document["error"]["kind"] == "unknown" && document["id"].is_null();
        assert!(
            lost,
            "only a submit of which nothing came stays open:\n{run}"
        );
        document["job"].as_str().unwrap().to_owned()
    });
    (failed.collect(), run)
}

/// Kills a run, goes on with what it left, and looks at what there is then.
fn kill(after: Duration, reached: &Mutex<Reached>) {
    let (emulated, wave) = place();
    let billed = || emulated.emulator.billed();
    start(&wave, Some(after));
    let left = jobs(&wave);
    let mut resubmitted = 0;
    for _ in 0..RESUMES {
        if jobs(&wave).iter().all(|job| job["open"] == false) {
            break;
        }
        let (lost, run) = resume(&wave);
        for job in lost {
            assert_eq!(billed(), 0, "a task was made, and not found:\n{run}");
            let run = wave.quick(&["resume", &job, "--resubmit", "--json"]);
            assert_eq!(run.exit, 0, "{run}");
            resubmitted += 1;
        }
    }
    let jobs = jobs(&wave);
    assert!(jobs.iter().all(|job| job["open"] == false), "{jobs:?}");
    assert!(resubmitted <= 1, "{jobs:?}");
    let tasks = u64::from(!jobs.is_empty());
    assert_eq!(billed(), tasks, "{jobs:?}");
    files(&wave, tasks > 0);
    let mut reached = reached.lock().unwrap();
    reached.resubmitted += resubmitted;
    let stage = left.first().map(|job| job["stage"].as_str().unwrap());
    *match stage {
        None => &mut reached.nothing,
        Some("intended") => &mut reached.intended,
        Some("submitted") => &mut reached.submitted,
        Some("ended") => &mut reached.ended,
        Some("saved") => &mut reached.saved,
        Some(stage) => panic!("{stage}"),
    } += 1;
}

/// The output is whole, and beside it is nothing but the part that a killed download cannot remove.
fn files(wave: &Wave, made: bool) {
    let output = std::fs::read(wave.path("out.mp4")).ok();
    assert!(output.as_deref() == made.then_some(CLIP), "the file");
    for entry in std::fs::read_dir(wave.path(".")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let part =
            name.starts_with(".wave-") && Path::new(&name).extension() == Some("part".as_ref());
        assert!(
            part || ["clip.mp4", "out.mp4"].contains(&&*name),
            "{name} is left"
        );
    }
}

/// How long a run takes that is not killed, beside as many others as there will be.
fn length() -> Duration {
    let time = || {
        let (_emulated, wave) = place();
        let begin = Instant::now();
        start(&wave, None);
        files(&wave, true);
        begin.elapsed()
    };
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| [time(), time(), time()]))
            .collect();
        let times = runs.into_iter().flat_map(|run| run.join().unwrap());
        times.collect()
    });
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_run_that_is_killed_loses_nothing_and_pays_once() {
    let kills = std::env::var("WAVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let length = length();
    let mut random = fastrand::Rng::with_seed(0x77_61_76_65);
    let instants: Vec<Duration> = (0..kills)
        .map(|_| length.mul_f64(random.f64() * 1.1))
        .collect();
    let (next, reached) = (AtomicUsize::new(0), Mutex::new(Reached::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(after) = instants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kill(*after, &reached);
                }
            });
        }
    });
    let reached = reached.into_inner().unwrap();
    println!("{kills} kills within {length:?}: {reached:?}");
    assert!(
        reached.nothing > 0 && reached.submitted + reached.ended > 0,
        "the instants are spread over the run: {reached:?}"
    );
}
