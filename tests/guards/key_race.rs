//! Processes that submit the same keys at once and are killed at any instant pay for no key twice and lose
//! no id. The kills are spread over rounds with new keys, because a key that has its job is only looked
//! up. `WAVE_KILLS=2000` kills more often.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pollster::FutureExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed::{HistorySearch, JobFilter, RawInput, Stage, SubmitError, Timeouts, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{KEY, MODEL, runtime};
use wavespeed_journal::Journal;

/// The processes that run at once.
const PROCESSES: usize = 16;
/// The keys that each of them submits.
const KEYS: usize = 50;
/// The kills of an ordinary run of the tests, and those of one round.
const KILLS: usize = 150;
const KILLS_PER_ROUND: usize = 50;
/// The account of all processes.
const ACCOUNT: &str = "race";

/// The variables by which a worker gets the origin of the API, its journal, and its seed.
const ORIGIN: &str = "WAVE_RACE_ORIGIN";
const JOURNAL: &str = "WAVE_RACE_JOURNAL";
const SEED: &str = "WAVE_RACE_SEED";
/// The variable that is set for workers whose submits are serialised, and sent again if they are absent.
const SERIALISED: &str = "WAVE_RACE_SERIALISED";

fn input(key: usize) -> Value {
    let text = format!("Sentence {key}");
    json!({ "video": "https://a.example/clip.mp4", "text": text, "voice_id": "AOT" })
}

/// Submits a key until its outcome is known to the journal, or has to be looked for. Returns the ids that a
/// person could choose for it then.
async fn submit(client: &Wavespeed, key: usize, serialised: bool) -> Vec<String> {
    loop {
        let mut submit = client.submit(RawInput::new(MODEL, input(key)));
        if serialised {
            submit = submit.resend_absent();
        }
        match submit.key(format!("key {key}")).await {
            Ok(_) => return Vec::new(),
            Err(SubmitError::Unknown(unknown)) => {
                return match unknown.search {
                    HistorySearch::Candidates(candidates) => candidates
                        .found
                        .iter()
                        .map(|found| found.prediction.id().to_owned())
                        .collect(),
                    _ => Vec::new(),
                };
            }
            // So many processes may keep the file locked for longer than a call waits.
            Err(SubmitError::Store(_) | SubmitError::Lookup(_)) => {}
            Err(error) => panic!("key {key}: {error}"),
        }
    }
}

fn client(origin: &str, journal: Journal, serialised: bool) -> Wavespeed {
    let builder = Wavespeed::builder().key(KEY).base_url(origin);
    let builder = builder.account(ACCOUNT).store(journal);
    let builder = builder.check_urls(false).history_lag(Duration::ZERO);
    // A submit is absent only after its timeout.
    let timeouts = Timeouts::default().submit(Duration::from_secs(2));
    let builder = builder.timeouts(timeouts).serialise_submits(serialised);
    builder.build().unwrap()
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
    let serialised = std::env::var_os(SERIALISED).is_some();
    let client = client(&origin, journal, serialised);
    let mut keys: Vec<usize> = (0..KEYS).collect();
    random.shuffle(&mut keys);
    runtime().block_on(async {
        for key in keys {
            submit(&client, key, serialised).await;
        }
    });
}

fn start(origin: &str, journal: &Path, seed: u64, serialised: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "key_race::worker", "--ignored"]);
    command.env(ORIGIN, origin).env(JOURNAL, journal);
    command.env(SEED, seed.to_string()).stdout(Stdio::null());
    if serialised {
        command.env(SERIALISED, "1");
    }
    command.spawn().unwrap()
}

/// Kills and restarts random processes, and then waits for all of them.
fn kill(
    emulator: &Emulator,
    journal: &Path,
    kills: usize,
    random: &mut fastrand::Rng,
    serialised: bool,
) {
    let mut seeds = random.fork();
    let mut start = || self::start(emulator.origin(), journal, seeds.u64(..), serialised);
    let mut processes: Vec<Child> = (0..PROCESSES).map(|_| start()).collect();
    for _ in 0..kills {
        // The instant is the point of this test, and any instant is fine.
        std::thread::sleep(Duration::from_millis(random.u64(..30)));
        let process = &mut processes[random.usize(..PROCESSES)];
        process.kill().unwrap();
        process.wait().unwrap();
        *process = start();
    }
    for mut process in processes {
        assert!(process.wait().unwrap().success(), "a worker failed");
    }
}

/// Checks what the processes left. Returns the number of jobs whose id is known, and of the others: they
/// were not sent, or the history has several predictions that each could be.
fn check(runtime: &Runtime, emulator: &Emulator, path: &Path) -> [usize; 2] {
    // A last caller looks for every job, and sends nothing.
    let client = client(emulator.origin(), Journal::open(path).unwrap(), false);
    let billed = emulator.billed();
    let candidates: HashSet<String> = runtime.block_on(async {
        let mut candidates = HashSet::new();
        for key in 0..KEYS {
            candidates.extend(submit(&client, key, false).await);
        }
        candidates
    });
    assert_eq!(emulator.billed(), billed, "a key that exists was sent");

    let jobs = client.jobs(JobFilter::All).block_on().unwrap();
    let keys: HashSet<_> = jobs.iter().map(|job| job.key.clone().unwrap()).collect();
    assert_eq!((jobs.len(), keys.len()), (KEYS, KEYS), "a key has one job");
    let (known, lost): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| job.id.is_some());
    for job in &known {
        assert!(job.attempts.is_empty(), "a key has one id: {job:?}");
        let task = emulator.task(job.id.as_ref().unwrap().as_str()).unwrap();
        let text = &job.input()["text"];
        assert_eq!(
            &task.input["text"], text,
            "the id is of another job: {job:?}"
        );
    }
    for job in &lost {
        let is_unknown = matches!(job.stage, Stage::Intended | Stage::Unknown);
        assert!(is_unknown && job.is_open(), "{job:?}");
    }
    let ids = known.iter().flat_map(|job| job.ids());
    let ids: HashSet<String> = ids.map(ToString::to_string).collect();
    assert_eq!(ids.len(), known.len(), "an id has one job");
    let billed: HashSet<String> = emulator.tasks().into_iter().collect();
    assert!(ids.is_subset(&billed), "every id is of a submit");
    let left: HashSet<String> = billed.difference(&ids).cloned().collect();
    assert!(left.len() <= lost.len(), "a key was billed twice: {left:?}");
    assert!(left.is_subset(&candidates), "an id is lost: {left:?}");
    [known.len(), lost.len()]
}

#[test]
fn keys_are_paid_for_once() {
    let kills = std::env::var("WAVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(0x6b_65_79_73);
    let (runtime, mut total) = (runtime(), [0, 0]);
    for round in 0..kills.div_ceil(KILLS_PER_ROUND) {
        let emulator = runtime.block_on(Emulator::builder().key(KEY).start());
        let emulator = emulator.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let kills = KILLS_PER_ROUND.min(kills - round * KILLS_PER_ROUND);
        kill(&emulator, &path, kills, &mut random, false);
        let found = check(&runtime, &emulator, &path);
        total = [total[0] + found[0], total[1] + found[1]];
    }
    let [known, lost] = total;
    println!("{kills} kills: {known} ids known, {lost} jobs for a person to decide");
}

/// Faults of the submits of a round, beside the kills: serialised, few processes are killed in one.
const FAULTS: &str = "submit 10% drop-before\nsubmit 10% lose-answer\nsubmit every delay 10ms";

/// Lets a person, who knows the text of each prediction, decide about the jobs that are left: two lost
/// submits in a row, of which one was created, are not told apart. Returns the number of decisions.
async fn decide(client: &Wavespeed, emulator: &Emulator) -> usize {
    let mut decisions = 0;
    // A submit of a person can be lost, too.
    for _ in 0..10 {
        let open = client.jobs(JobFilter::Open).await.unwrap();
        for job in open.iter().filter(|job| job.id.is_none()) {
            let tasks = emulator.tasks();
            let is_own =
                |id: &&String| emulator.task(id).unwrap().input["text"] == job.input()["text"];
            decisions += 1;
            match tasks.iter().find(is_own) {
                Some(own) => _ = client.adopt(job, own.parse().unwrap()).await.unwrap(),
                None => {
                    let not: Vec<_> = tasks.iter().map(|id| id.parse().unwrap()).collect();
                    _ = client.resubmit(job, &not, client.deadline()).await;
                }
            }
        }
    }
    decisions
}

/// If submits are serialised, absent ones are sent again, and a person decides about the few that are left,
/// there are as many submits as keys in the end, whatever was killed.
#[test]
fn serialised_keys_are_all_paid_for_in_the_end() {
    let kills = std::env::var("WAVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(0x74_75_72_6e);
    let (runtime, mut adopted, mut resent, mut decided) = (runtime(), 0, 0, 0);
    let rounds = (kills / 3).div_ceil(KILLS_PER_ROUND);
    for _ in 0..rounds {
        let emulator = Emulator::builder()
            .key(KEY)
            .scenario(FAULTS.parse().unwrap());
        let emulator = runtime.block_on(emulator.start()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        kill(&emulator, &path, KILLS_PER_ROUND, &mut random, true);
        // A last caller sends what is proven absent.
        let client = client(emulator.origin(), Journal::open(&path).unwrap(), true);
        // Once more, since a prediction that no job has yet may be that of any earlier job.
        runtime.block_on(async {
            for key in (0..KEYS).chain(0..KEYS) {
                submit(&client, key, true).await;
            }
        });
        decided += runtime.block_on(decide(&client, &emulator));
        assert_eq!(emulator.billed(), KEYS as u64);
        check(&runtime, &emulator, &path);
        let jobs = client.jobs(JobFilter::All).block_on().unwrap();
        adopted += jobs.iter().filter(|job| job.adopted.is_some()).count();
        resent += jobs.iter().filter(|job| !job.serialised).count();
    }
    let kills = rounds * KILLS_PER_ROUND;
    println!(
        "{kills} kills: {adopted} ids adopted, {resent} absent submits sent again, {decided} decisions \
         of a person"
    );
}
