//! Tests of the journal as a store, of what only a file can do, such as surviving a killed process. What
//! it has in common with other stores is in [`contract`](crate::contract). The helpers of all tests of
//! the journal are here, too.

use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use pollster::FutureExt as _;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use wavespeed::{
    Account, Content, ExistingReason, FileState, Intended, JobDuration, JobFilter, JobNumber,
    JobRecord, Resolution, Stage, Store, Target, UploadRecord,
};
use wavespeed_harness::store_contract::{Submit, account, at, existing, id, unclaimed};
use wavespeed_journal::Journal;

/// Records an intent with an input of its own, so that no other job stands in its way.
pub(super) fn intend(store: &dyn Store, account: &Account, target: Option<&Target>) -> JobNumber {
    let count = store
        .jobs(account, JobFilter::All)
        .block_on()
        .unwrap()
        .len();
    let submit = Submit::new(&format!("Hello {count}")).account(account.clone());
    let mut intent = submit.intent();
    intent.target = target;
    unclaimed(store, &intent).block_on()
}

/// Settles a job.
pub(super) fn settle(store: &dyn Store, number: JobNumber, resolution: Resolution) {
    store.settle(number, &resolution.into()).block_on().unwrap();
}

/// The record of the job with this number, which must exist once.
pub(super) fn job(store: &dyn Store, number: JobNumber) -> JobRecord {
    wavespeed_harness::store_contract::job(store, number).block_on()
}

pub(super) fn numbers(
    store: &dyn Store,
    account: &Account,
    filter: JobFilter<'_>,
) -> Vec<JobNumber> {
    wavespeed_harness::store_contract::numbers(store, account, filter).block_on()
}

pub(super) fn journal() -> (TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path().join("journal.db")).unwrap();
    (folder, journal)
}

/// A second connection to the file of a journal, as another program would open it.
pub(super) fn other_connection(journal: &Journal) -> Connection {
    Connection::open(journal.path()).unwrap()
}

#[test]
fn expired_uploads_are_removed() {
    let (_folder, journal) = journal();
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    for number in 0..50 {
        let content = Content::new(format!("{number:064x}"), "mp4");
        let begun = at() + week * number;
        let record = UploadRecord::new(content, 1, "https://m.example/1", begun);
        let file = FileState::new(format!("/films/{number}"), 1, at());
        journal
            .record_upload(&account(), &record, Some(&file))
            .block_on()
            .unwrap();
    }
    let count = "SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM hashes)";
    let connection = other_connection(&journal);
    let rows: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn duration_from_a_clock_that_was_ahead_is_dated_now() {
    let (_folder, journal) = journal();
    // Otherwise it would stay the newest.
    let mine = account();
    let ahead = SystemTime::now() + Duration::from_secs(1_000_000);
    let duration = |name: &str, at| JobDuration::new(id(name), "a/b", Duration::from_secs(1), at);
    journal
        .record_duration(&mine, &duration("pred_ahead", ahead))
        .block_on()
        .unwrap();
    journal
        .record_duration(&mine, &duration("pred_now", SystemTime::now()))
        .block_on()
        .unwrap();
    let known = journal.durations(&mine, "a/b").block_on().unwrap();
    assert!(
        known
            .iter()
            .all(|duration| duration.at <= SystemTime::now()),
        "{known:?}"
    );
    assert_eq!(known.len(), 2);
}

#[test]
fn durations_with_invalid_values_are_ignored() {
    let (_folder, journal) = journal();
    let mine = account();
    let duration = |name: &str| JobDuration::new(id(name), "a/b", Duration::from_secs(1), at());
    for name in ["pred_1", "pred_2"] {
        let recorded = journal.record_duration(&mine, &duration(name));
        assert!(recorded.block_on().unwrap());
    }
    let sql = "UPDATE durations SET milliseconds = -1 WHERE id = 'pred_1'";
    assert_eq!(other_connection(&journal).execute(sql, []).unwrap(), 1);
    let known = journal.durations(&mine, "a/b").block_on().unwrap();
    assert_eq!(known, [duration("pred_2")]);
}

#[test]
fn open_filter_in_sql_matches_is_open() {
    let (folder, journal) = journal();
    let target = Target::new(folder.path().join("out.mp4"));
    let stages = [
        "intended",
        "unknown",
        "rejected",
        "submitted",
        "ended",
        "saved",
    ];
    let words = [
        "created",
        "processing",
        "completed",
        "failed",
        "cancelled",
        "timeout",
        "deleted",
    ];
    let statuses: Vec<_> = words.into_iter().chain(["melted", ""]).map(Some).collect();
    let connection = other_connection(&journal);
    for stage in stages {
        for target in [None, Some(&target)] {
            for status in statuses.iter().chain([&None]) {
                let number = intend(&journal, &account(), target);
                let sql = "UPDATE jobs SET stage = ?, status = ? WHERE number = ?";
                connection
                    .execute(
                        sql,
                        params![stage, status, i64::try_from(number.get()).unwrap()],
                    )
                    .unwrap();
            }
        }
    }
    let mut jobs = journal.jobs(&account(), JobFilter::All).block_on().unwrap();
    assert_eq!(jobs.len(), 6 * 2 * 10);
    jobs.retain(JobRecord::is_open);
    assert_eq!(
        journal
            .jobs(&account(), JobFilter::Open)
            .block_on()
            .unwrap(),
        jobs
    );
    assert_eq!(jobs.len(), 3 * 2 * 10 + 1);
}

#[test]
fn number_of_a_forgotten_job_is_not_reused_after_reopening() {
    let (folder, journal) = journal();
    let first = intend(&journal, &account(), None);
    assert!(journal.forget(first).block_on().unwrap());
    drop(journal);
    let journal = Journal::open(folder.path().join("journal.db")).unwrap();
    assert!(intend(&journal, &account(), None) > first);
}

#[test]
fn lock_file_is_removed_with_the_claim_and_is_no_claim_by_itself() {
    let (folder, journal) = journal();
    let files = || fs::read_dir(&folder).unwrap().count();
    let (before, number) = (files(), JobNumber::new(7));
    drop(journal.claim(number).block_on().unwrap());
    // The claim ends in the order of the calls, and this one is after it.
    assert_eq!(numbers(&journal, &account(), JobFilter::All), []);
    assert_eq!(files(), before, "the lock file must be removed");
    // A lock file left by a killed process is not a claim.
    fs::write(folder.path().join("journal.db.j7.lock"), "").unwrap();
    assert!(journal.claim(number).block_on().is_ok());
}

/// Variable with the path of the journal that the child process of the next test opens before it aborts.
const KILLED: &str = "WAVESPEED_JOURNAL_KILLED";

#[test]
fn writes_of_a_killed_process_are_durable() {
    if let Some(path) = env::var_os(KILLED) {
        let journal = Journal::open(path).unwrap();
        let number = intend(&journal, &account(), None);
        settle(&journal, number, Resolution::Accepted(id("pred_1")));
        intend(&journal, &account(), None);
        std::process::abort();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let name = "store::writes_of_a_killed_process_are_durable";
    let mut child = Command::new(env::current_exe().unwrap());
    let ended = child
        .args(["--exact", name])
        .env(KILLED, &path)
        .output()
        .unwrap();
    assert!(!ended.status.success());
    assert!(
        fs::metadata(folder.path().join("journal.db-wal"))
            .unwrap()
            .len()
            > 0,
        "the process must not have closed the journal"
    );

    let journal = Journal::open(&path).unwrap();
    let jobs = journal
        .jobs(&account(), JobFilter::Open)
        .block_on()
        .unwrap();
    let stages: Vec<_> = jobs.iter().map(|job| job.stage).collect();
    assert_eq!(stages, [Stage::Submitted, Stage::Intended]);
    assert_eq!(jobs[0].id, Some(id("pred_1")));
}

#[test]
fn writes_of_an_open_journal_are_visible_to_others() {
    let (folder, journal) = journal();
    let number = intend(&journal, &account(), None);
    std::mem::forget(journal);
    let other = Journal::open(folder.path().join("journal.db")).unwrap();
    assert_eq!(job(&other, number).stage, Stage::Intended);
}

#[test]
fn sixteen_threads_with_one_key_get_one_job() {
    let (_folder, journal) = journal();
    let other = Journal::open(journal.path()).unwrap();
    for round in 0..10 {
        let start = Barrier::new(16);
        let submit = Submit::new("Hello").key(&format!("order {round}"));
        // The claims are held until every thread has its reply.
        let replies: Vec<Intended> = thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|at| {
                    let (journal, start, submit) = ([&journal, &other][at % 2], &start, &submit);
                    scope.spawn(move || {
                        start.wait();
                        journal.intend(&submit.intent()).block_on().unwrap()
                    })
                })
                .collect();
            let replies = threads.into_iter().map(|thread| thread.join().unwrap());
            replies.collect()
        });
        let is_recorded = |reply: &&Intended| matches!(reply, Intended::Recorded { .. });
        assert_eq!(replies.iter().filter(is_recorded).count(), 1);
        assert_eq!(numbers(&other, &account(), JobFilter::All).len(), round + 1);
    }
}

#[test]
fn lock_files_of_killed_processes_are_removed_by_the_next_write() {
    let (folder, journal) = journal();
    let claim = journal.claim(JobNumber::new(8)).block_on().unwrap();
    let file = |name: &str| folder.path().join(name);
    let left = ["journal.db.j7.lock", "journal.db.j12.lock"].map(file);
    // Files of other programs, and of another journal in the folder.
    let others = [
        "journal.db.j7.lock.old",
        "other.db.j7.lock",
        "journal.db.jx.lock",
    ]
    .map(file);
    for path in left.iter().chain(&others) {
        fs::write(path, "").unwrap();
    }
    let other = Journal::open(journal.path()).unwrap();
    assert_eq!(numbers(&other, &account(), JobFilter::All), []);
    assert!(left[0].exists(), "a run that only reads changes nothing");
    intend(&other, &account(), None);
    assert!(!left.iter().any(|path| path.exists()));
    assert!(others.iter().all(|path| path.exists()));
    assert!(other.claim(JobNumber::new(8)).block_on().is_err());
    drop(claim);
}

#[test]
fn claims_are_exclusive_while_stale_lock_files_are_removed() {
    let (_folder, journal) = journal();
    let job = intend(&journal, &account(), None);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The first write of each handle removes what looks like a left file.
            while !is_done.load(Ordering::Relaxed) {
                let other = Journal::open(journal.path()).unwrap();
                other.forget(JobNumber::new(1_000)).block_on().unwrap();
            }
        });
        for _ in 0..300 {
            let claim = journal.claim(job).block_on();
            let is_exclusive = claim.is_ok() && journal.claim(job).block_on().is_err();
            if !is_exclusive {
                is_done.store(true, Ordering::Relaxed);
            }
            assert!(is_exclusive, "{claim:?}");
            drop(claim);
            journal.flush().block_on().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn intent_neither_creates_nor_removes_the_lock_file_of_another_job() {
    let (folder, journal) = journal();
    let submit = Submit::new("Hello");
    let first = unclaimed(&journal, &submit.intent()).block_on();
    let lock = folder.path().join(format!("journal.db.{first}.lock"));
    let reason = || {
        let found = existing(&journal, &submit.intent()).block_on();
        found.1
    };
    assert!(!lock.exists());
    assert_eq!(reason(), ExistingReason::OutcomeUnknown);
    assert!(!lock.exists());
    // A lock file that a killed process left is no claim, and stays for the next owner.
    fs::write(&lock, "").unwrap();
    assert_eq!(reason(), ExistingReason::OutcomeUnknown);
    assert!(lock.exists());
    let claim = journal.claim(first).block_on().unwrap();
    assert_eq!(reason(), ExistingReason::BeingSent);
    assert!(journal.claim(first).block_on().is_err());
    drop(claim);
    assert_eq!(reason(), ExistingReason::OutcomeUnknown);
    assert!(!lock.exists());
}

#[test]
fn claim_by_another_process_during_an_intent_is_no_error() {
    let (_folder, journal) = journal();
    let other = Journal::open(journal.path()).unwrap();
    let submit = Submit::new("Hello").key("order 1");
    let first = unclaimed(&journal, &submit.intent()).block_on();
    settle(&journal, first, Resolution::Rejected);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                drop(other.claim(first).block_on());
            }
        });
        for _ in 0..200 {
            // The job is sent again, or left to the other one.
            match journal.intend(&submit.intent()).block_on() {
                Ok(Intended::Recorded { job, .. }) => settle(&journal, job, Resolution::Rejected),
                Ok(Intended::Existing { job, .. }) => assert_eq!(job.number, first),
                other => {
                    is_done.store(true, Ordering::Relaxed);
                    panic!("{other:?}");
                }
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
