//! Killed at any instant, `wave` loses nothing that was paid for and pays for nothing twice: `wave resume`
//! resumes what a killed run left until no job is open; then one prediction was billed, and its file is
//! complete. `WAVE_KILLS=2000` kills more often.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use pollster::FutureExt as _;
use wavespeed::{Account, JobFilter, JobRecord, Stage, Store as _};
use wavespeed_journal::Journal;

use super::wave::{CLIP, Emulated, LIPSYNC, Run, Wave};

/// The kills of an ordinary run of the tests.
const KILLS: usize = 200;
/// The number of runs at once.
const AT_ONCE: usize = 4;
/// The number of resumes that may be needed: to find nothing, to submit again, and one more.
const RESUMES: usize = 3;

/// The number of killed runs by the stage of the job in the journal.
#[derive(Default, Debug)]
struct Reached {
    /// The journal has no job.
    nothing: usize,
    /// The intent is recorded, and the outcome is not.
    intended: usize,
    /// Those of the intended jobs that were not created, and were submitted again.
    resubmitted: usize,
    /// The id is known.
    submitted: usize,
    ended: usize,
    /// Those of the ended jobs whose file was saved already.
    unnoted: usize,
    /// The run was over before the kill.
    saved: usize,
}

/// Starts an API for one run, so that every prediction there belongs to the run.
fn start_api() -> (Emulated, Wave) {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::from_millis(40)));
    let wave = emulated.wave();
    (emulated, wave)
}

/// The instant at which a run is killed.
#[derive(Clone, Copy, Debug)]
enum Instant {
    AfterStart(Duration),
    /// After the first write to the journal, which is shortly before the submit. Before it, a run has
    /// nothing to lose.
    AfterIntent(Duration),
}

/// Runs the main job.
fn start(wave: &Wave) -> Child {
    let words = [
        &["--poll-interval", "10ms"],
        &LIPSYNC[..],
        &["-o", "out.mp4"],
    ];
    let mut command = wave.command(&words.concat());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits for the first write to the journal (the log of SQLite has no length before), or the end of
/// the run.
fn wait_for_intent(wave: &Wave, child: &mut Child) {
    let log = wave.journal().with_extension("db-wal");
    let written = || log.metadata().is_ok_and(|log| log.len() > 0);
    while !written() && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
}

fn jobs(wave: &Wave, emulated: &Emulated) -> Vec<JobRecord> {
    let url = format!("{}/api/v3", emulated.emulator.origin());
    let account = Account::new(url, "default");
    let journal = Journal::open(wave.journal()).unwrap();
    journal.jobs(&account, JobFilter::All).block_on().unwrap()
}

/// Resumes the open jobs, and returns the numbers of those whose id was not found.
fn resume(wave: &Wave) -> (Vec<String>, Run) {
    let run = wave.quick(&["resume", "--json", "--settle-time", "300ms"]);
    let documents = run.json();
    let failed = documents.as_array().unwrap().iter();
    let failed = failed.filter(|document| !document["error"].is_null());
    let failed = failed.map(|document| {
        let lost = document["error"]["kind"] == "unknown" && document["id"].is_null();
        assert!(lost, "only a job that was not created stays open:\n{run}");
        document["job"].as_str().unwrap().to_owned()
    });
    (failed.collect(), run)
}

/// Kills a run, resumes what it left, and checks the result.
fn kill(at: Instant, reached: &Mutex<Reached>) {
    let (emulated, wave) = start_api();
    let billed = || emulated.emulator.billed();
    let mut child = start(&wave);
    // The instant is the point of this test, and any instant is fine.
    match at {
        Instant::AfterStart(time) => sleep(time),
        Instant::AfterIntent(time) => {
            wait_for_intent(&wave, &mut child);
            sleep(time);
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let jobs = || jobs(&wave, &emulated);
    let left = jobs();
    let kept = wave.path("out.mp4").exists();
    let mut resubmitted = 0;
    for _ in 0..RESUMES {
        if !jobs().iter().any(JobRecord::is_open) {
            break;
        }
        let (lost, run) = resume(&wave);
        for job in lost {
            let tasks = emulated.emulator.tasks();
            let decision: &[&str] = match tasks.first() {
                None => &["--resubmit"],
                // No answer before the submit has shown the vendor's clock, so a person decides.
                Some(created) => {
                    assert!(run.stdout.contains(&**created), "it was not found:\n{run}");
                    &["--adopt", created]
                }
            };
            let words = ["resume", &job, "--json", "--settle-time", "300ms"];
            let run = wave.quick(&[&words[..], decision].concat());
            assert_eq!(run.exit, 0, "{run}");
            resubmitted += usize::from(tasks.is_empty());
        }
    }
    let jobs = jobs();
    assert!(!jobs.iter().any(JobRecord::is_open), "{at:?}: {jobs:?}");
    assert!(resubmitted <= 1, "{at:?}: {jobs:?}");
    let tasks = u64::from(!left.is_empty());
    assert_eq!(billed(), tasks, "{at:?}: {jobs:?}");
    files(&wave, tasks > 0);
    let mut reached = reached.lock().unwrap();
    reached.resubmitted += resubmitted;
    let stage = left.first().map(|job| job.stage);
    reached.unnoted += usize::from(kept && stage == Some(Stage::Ended));
    *match stage {
        None => &mut reached.nothing,
        Some(Stage::Intended) => &mut reached.intended,
        Some(Stage::Submitted) => &mut reached.submitted,
        Some(Stage::Ended) => &mut reached.ended,
        Some(Stage::Saved) => &mut reached.saved,
        Some(stage) => panic!("{stage:?}"),
    } += 1;
}

/// Checks that the output is complete, and that nothing is beside it but the partial file that a killed
/// download cannot remove.
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

/// Returns the median duration of a run that is not killed, while as many others run as in the test: up to
/// the intent, and from the intent on.
fn lengths() -> [Duration; 2] {
    let time = || {
        let (_emulated, wave) = start_api();
        let begin = std::time::Instant::now();
        let mut child = start(&wave);
        wait_for_intent(&wave, &mut child);
        let intent = begin.elapsed();
        assert!(child.wait().unwrap().success());
        files(&wave, true);
        [intent, begin.elapsed() - intent]
    };
    let times: Vec<[Duration; 2]> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| [time(), time(), time()]))
            .collect();
        let times = runs.into_iter().flat_map(|run| run.join().unwrap());
        times.collect()
    });
    [0, 1].map(|part| {
        let mut times: Vec<Duration> = times.iter().map(|time| time[part]).collect();
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[test]
fn a_run_that_is_killed_loses_nothing_and_pays_once() {
    let kills = std::env::var("WAVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let [before, after] = lengths();
    let mut random = fastrand::Rng::with_seed(0x77_61_76_65);
    let instants: Vec<Instant> = (0..kills)
        .map(|number| match number % 4 {
            0 => Instant::AfterStart((before + after).mul_f64(random.f64())),
            _ => Instant::AfterIntent(after.mul_f64(random.f64())),
        })
        .collect();
    let (next, reached) = (AtomicUsize::new(0), Mutex::new(Reached::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(at) = instants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kill(*at, &reached);
                }
            });
        }
    });
    let reached = reached.into_inner().unwrap();
    println!("{kills} kills, {before:?} before and {after:?} after the intent: {reached:?}");
    assert!(
        reached.nothing > 0 && reached.submitted + reached.ended > 0,
        "the instants are spread over the run: {reached:?}"
    );
}
