//! Processes that submit the same keys at once and are killed at any instant pay for no key twice and lose
//! no id. `WAVE_KILLS=2000` kills more often.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pollster::FutureExt as _;
use serde_json::{Value, json};
use wavespeed::{Account, Job, JobFilter, RawInput, Stage, Store as _, SubmitError, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{KEY, MODEL, runtime};
use wavespeed_journal::Journal;

/// The processes that run at once.
const PROCESSES: usize = 16;
/// The keys that each of them submits.
const KEYS: usize = 50;
/// The kills of an ordinary run of the tests.
const KILLS: usize = 150;
/// The account of all processes.
const ACCOUNT: &str = "race";

/// The variables by which a worker gets the origin of the API, its journal, and its seed.
const ORIGIN: &str = "WAVE_RACE_ORIGIN";
const JOURNAL: &str = "WAVE_RACE_JOURNAL";
const SEED: &str = "WAVE_RACE_SEED";

fn input(key: usize) -> Value {
    let text = format!("Sentence {key}");
    json!({ "video": "https://a.example/clip.mp4", "text": text, "voice_id": "AOT" })
}

/// Submits a key until its outcome is known to the journal, or has to be looked for.
async fn submit(client: &Wavespeed, key: usize) -> Option<Job> {
    loop {
        let submit = client.submit(RawInput::new(MODEL, input(key)));
        match submit.key(format!("key {key}")).await {
            Ok(job) => return Some(job),
            Err(SubmitError::Unknown(_)) => return None,
            // So many processes may keep the file locked for longer than a call waits.
            Err(SubmitError::Store(_) | SubmitError::Lookup(_)) => {}
            Err(error) => panic!("key {key}: {error}"),
        }
    }
}

/// What each process runs: every key once, in an order of its own.
#[test]
#[ignore = "a part of `keys_are_paid_for_once`, which starts it as a process"]
fn worker() {
    let Ok(origin) = std::env::var(ORIGIN) else {
        return;
    };
    let journal = Journal::open(std::env::var_os(JOURNAL).unwrap()).unwrap();
    let mut random = fastrand::Rng::with_seed(std::env::var(SEED).unwrap().parse().unwrap());
    let client = Wavespeed::builder()
        .key(KEY)
        .base_url(origin)
        .account(ACCOUNT)
        .check_urls(false)
        .history_lag(Duration::ZERO)
        .store(journal)
        .build()
        .unwrap();
    let mut keys: Vec<usize> = (0..KEYS).collect();
    random.shuffle(&mut keys);
    runtime().block_on(async {
        for key in keys {
            submit(&client, key).await;
        }
    });
}

fn start(origin: &str, journal: &Path, seed: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "key_race::worker", "--ignored"]);
    command.env(ORIGIN, origin).env(JOURNAL, journal);
    command.env(SEED, seed.to_string()).stdout(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn keys_are_paid_for_once() {
    let kills = std::env::var("WAVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let runtime = runtime();
    let emulator = runtime.block_on(Emulator::builder().key(KEY).start());
    let emulator = emulator.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut random = fastrand::Rng::with_seed(0x6b_65_79_73);
    let mut start = || self::start(emulator.origin(), &path, random.u64(..));
    let mut processes: Vec<Child> = (0..PROCESSES).map(|_| start()).collect();
    let mut instants = fastrand::Rng::with_seed(0x6b_69_6c_6c);
    for _ in 0..kills {
        // The instant is the point of this test, and any instant is fine.
        std::thread::sleep(Duration::from_millis(instants.u64(..30)));
        let process = &mut processes[instants.usize(..PROCESSES)];
        process.kill().unwrap();
        process.wait().unwrap();
        *process = start();
    }
    for mut process in processes {
        assert!(process.wait().unwrap().success(), "a worker failed");
    }

    let account = Account::new(format!("{}/api/v3", emulator.origin()), ACCOUNT);
    let journal = Journal::open(&path).unwrap();
    let jobs = journal.jobs(&account, JobFilter::All).block_on().unwrap();
    let keys: HashSet<_> = jobs.iter().map(|job| job.key.clone().unwrap()).collect();
    assert_eq!((jobs.len(), keys.len()), (KEYS, KEYS), "a key has one job");
    let ids: HashSet<_> = jobs.iter().filter_map(|job| job.id.clone()).collect();
    let (known, lost): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| job.id.is_some());
    assert_eq!(ids.len(), known.len(), "an id has one job");
    assert!(
        known.iter().all(|job| job.attempts.is_empty()),
        "a key has one id"
    );
    for job in &lost {
        let is_unknown = matches!(job.stage, Stage::Intended | Stage::Unknown);
        assert!(is_unknown && job.is_open(), "{job:?}");
    }
    let billed = usize::try_from(emulator.billed()).unwrap();
    assert!(
        billed <= KEYS,
        "{billed} submits were billed for {KEYS} keys"
    );
    assert!(billed >= known.len(), "every id is of a submit");
    println!(
        "{kills} kills: {} known, {} to be looked for",
        known.len(),
        lost.len()
    );
}
