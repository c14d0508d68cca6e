//! Tests of the journal as a store, of what only a file can do, such as surviving a killed process. What
//! it has in common with other stores is in [`contract`](crate::contract). The helpers of all tests of
//! the journal are here, too.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use pollster::FutureExt as _;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use wavespeed::serde_json::json;
use wavespeed::{
    Account, Content, Downloaded, FileState, Intent, JobDuration, JobFilter, JobNumber, JobRecord,
    ModelId, Prediction, PredictionId, Resolution, Stage, Store, Target, UploadRecord, Wavespeed,
};
use wavespeed_journal::Journal;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

pub(super) fn account() -> Account {
    Account::new("https://a.example/api/v3", "0123456789ab")
}

pub(super) fn model() -> ModelId {
    "kwaivgi/kling-lipsync/text-to-video".parse().unwrap()
}

pub(super) fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
}

pub(super) fn id(text: &str) -> PredictionId {
    text.parse().unwrap()
}

pub(super) fn prediction(id: &str, status: &str) -> Prediction {
    Prediction::from_json(json!({ "id": id, "status": status })).unwrap()
}

pub(super) fn intend(store: &dyn Store, account: &Account, target: Option<&Target>) -> JobNumber {
    let (model, input) = (model(), json!({ "text": "Hello" }));
    let mut intent = Intent::new(account, &model, &input, at());
    intent.target = target;
    intent.webhook = target.map(|_| "https://a.example/hook");
    store.intend(&intent).block_on().unwrap().0
}

/// The record of the job with this number, which must exist once.
pub(super) fn job(store: &dyn Store, number: JobNumber) -> JobRecord {
    let mut found = store
        .jobs(&account(), JobFilter::Number(number))
        .block_on()
        .unwrap();
    assert_eq!(found.len(), 1, "{number}");
    found.remove(0)
}

pub(super) fn numbers(
    store: &dyn Store,
    account: &Account,
    filter: JobFilter<'_>,
) -> Vec<JobNumber> {
    store
        .jobs(account, filter)
        .block_on()
        .unwrap()
        .iter()
        .map(|job| job.number)
        .collect()
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

/// Downloads two files from a server on loopback: a [`Downloaded`] cannot be constructed otherwise.
pub(super) fn downloaded(to: &Path) -> Vec<Downloaded> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_bytes("x");
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let output = |name| format!("{}/{name}", server.uri());
        let done = Prediction::from_json(json!({
            "id": "pred_1", "status": "completed", "outputs": [output("1.mp4"), output("2.mp4")],
        }));
        let ws = Wavespeed::builder()
            .key("k")
            .base_url(server.uri())
            .build()
            .unwrap();
        ws.download(&done.unwrap(), &Target::new(to)).await.unwrap()
    })
}

#[test]
fn expired_uploads_are_removed_and_api_keys_are_refused() {
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
    let record = UploadRecord::new(Content::new("ab", "mp4"), 1, "https://m.example/1", at());
    let key_account = Account::new("https://a.example", "wsk_live_secret");
    let error = journal
        .record_upload(&key_account, &record, None)
        .block_on()
        .unwrap_err();
    assert!(
        error.to_string().contains("a key is never written down"),
        "{error}"
    );
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
fn durations_with_invalid_values_are_ignored_and_api_keys_are_refused() {
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

    let key_account = Account::new("https://a.example", "wsk_live_secret");
    let error = journal
        .record_duration(&key_account, &duration("pred_3"))
        .block_on()
        .unwrap_err()
        .to_string();
    assert!(error.contains("a key is never written down"), "{error}");
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
    assert!(journal.forget(&account(), first).block_on().unwrap());
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
        journal
            .settle(number, Resolution::Accepted(id("pred_1")))
            .block_on()
            .unwrap();
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
