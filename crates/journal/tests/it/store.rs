//! Tests of the contract of [`Store`], which [`MemoryStore`] and [`Journal`] keep alike: the functions
//! `assert_*` take any store and are called with both. The tests below them check what only a file can
//! do, such as surviving a killed process.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use pollster::FutureExt as _;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use wavespeed::serde_json::json;
use wavespeed::{
    Account, Change, Content, Downloaded, FileState, Intent, JobDuration, JobFilter, JobNumber,
    JobRecord, MemoryStore, ModelId, Prediction, PredictionId, Resolution, Stage, Store, Target,
    UploadRecord, Wavespeed,
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
    store.intend(&intent).block_on().unwrap()
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

/// Checks how a store records a job, in the order of the job's life.
fn assert_records_jobs(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let (mine, pred) = (account(), id("pred_1"));
    let target = Target::new(folder.path().join("out.mp4")).force(true);
    let number = intend(store, &mine, Some(&target));
    let (model, input) = (model(), json!({ "text": "Hello" }));
    let mut intent = Intent::new(&mine, &model, &input, at());
    intent.target = Some(&target);
    intent.webhook = Some("https://a.example/hook");
    let mut expected = JobRecord::new(number, &intent);
    assert_eq!(job(store, number), expected);
    assert!(
        store
            .jobs(&mine, JobFilter::Id(&pred))
            .block_on()
            .unwrap()
            .is_empty()
    );

    let (second, third) = (at() + Duration::from_secs(1), at() + Duration::from_secs(2));
    let resent = |before, at| Resolution::Resent { before, at };
    let wrong = id("pred_0");
    let outcomes = [
        Resolution::Unknown,
        resent(at(), second),
        Resolution::Rejected,
        resent(second, third),
        // From a process that does not know of the last retry.
        resent(second, third),
        Resolution::Adopted(wrong),
        Resolution::Adopted(pred.clone()),
        resent(third, at()),
        Resolution::Unknown,
        Resolution::Rejected,
        Resolution::Accepted(pred.clone()),
        Resolution::Accepted(pred.clone()),
    ];
    for outcome in outcomes {
        let settled = store
            .settle(number, outcome.clone())
            .block_on()
            .map_err(|error| error.to_string());
        let resolved = Change::Resolved {
            resolution: &outcome,
            holder: None,
        };
        let expected_result = expected.apply(&resolved).map_err(|error| error.to_string());
        assert_eq!(
            settled.is_ok(),
            expected_result.is_ok(),
            "{outcome:?}: {settled:?}"
        );
        assert_eq!(job(store, number), expected, "{outcome:?}");
        let open = numbers(store, &mine, JobFilter::Open).contains(&number);
        assert_eq!(open, expected.is_open(), "{outcome:?}");
    }
    assert_eq!(
        (expected.id.as_ref(), expected.adopted),
        (Some(&pred), false)
    );
    assert_eq!(
        store.jobs(&mine, JobFilter::Id(&pred)).block_on().unwrap(),
        [expected.clone()]
    );

    store
        .record_end(&mine, &prediction("pred_1", "completed"))
        .block_on()
        .unwrap();
    expected.stage = Stage::Ended;
    expected.status = Some("completed".into());
    assert_eq!(
        store.jobs(&mine, JobFilter::Open).block_on().unwrap(),
        [expected.clone()]
    );

    let files = downloaded(target.as_path());
    store.record_saved(&mine, &pred, &files).block_on().unwrap();
    expected.stage = Stage::Saved;
    expected.files = files.into_iter().map(|file| file.path).collect();
    assert_eq!(expected.files.len(), 2);
    assert_eq!(job(store, number), expected);
    assert!(
        store
            .jobs(&mine, JobFilter::Open)
            .block_on()
            .unwrap()
            .is_empty()
    );

    // Neither a later poll nor a late answer changes the stage back from saved.
    store
        .settle(number, Resolution::Accepted(pred.clone()))
        .block_on()
        .unwrap();
    store
        .settle(number, Resolution::Unknown)
        .block_on()
        .unwrap();
    store
        .record_end(&mine, &prediction("pred_1", "deleted"))
        .block_on()
        .unwrap();
    expected.status = Some("deleted".into());
    assert_eq!(job(store, number), expected);

    // An unknown status is stored. A job without a target is not open after its end.
    let other = intend(store, &mine, None);
    store
        .settle(other, Resolution::Accepted(id("pred_2")))
        .block_on()
        .unwrap();
    store
        .record_end(&mine, &prediction("pred_2", "melted"))
        .block_on()
        .unwrap();
    assert_eq!(job(store, other).status, Some("melted".into()));
    assert!(other > number);
    // A prediction belongs to at most one job.
    let lost = intend(store, &mine, None);
    let error = store
        .settle(lost, Resolution::Adopted(pred))
        .block_on()
        .unwrap_err();
    assert!(
        error.to_string().contains("pred_1 already belongs to j1"),
        "{error}"
    );
    assert!(store.forget(&mine, lost).block_on().unwrap());
    assert_eq!(numbers(store, &mine, JobFilter::All), [number, other]);
    assert!(
        store
            .jobs(&mine, JobFilter::Open)
            .block_on()
            .unwrap()
            .is_empty()
    );

    // Predictions without a job in this store are ignored without an error.
    store
        .record_end(&mine, &prediction("not-mine", "failed"))
        .block_on()
        .unwrap();
    store
        .record_saved(&mine, &id("not-mine"), &[])
        .block_on()
        .unwrap();
    assert!(store.forget(&mine, number).block_on().unwrap());
    assert!(!store.forget(&mine, number).block_on().unwrap());
    assert_eq!(numbers(store, &mine, JobFilter::All), [other]);
}

/// Checks that jobs of another API key or host are separate, even with equal ids and numbers.
fn assert_separates_accounts(store: &dyn Store) {
    let mine = account();
    let others = [
        Account::new(mine.base_url.clone(), "ba9876543210"),
        Account::new("https://b.example/api/v3", mine.key.clone()),
    ];
    let pred = id("pred_1");
    let number = intend(store, &mine, None);
    store
        .settle(number, Resolution::Accepted(pred.clone()))
        .block_on()
        .unwrap();
    let before = job(store, number);
    for other in &others {
        let theirs = intend(store, other, None);
        store
            .settle(theirs, Resolution::Accepted(pred.clone()))
            .block_on()
            .unwrap();
        assert_eq!(numbers(store, other, JobFilter::All), [theirs]);
        assert_eq!(numbers(store, other, JobFilter::Open), [theirs]);
        assert_eq!(numbers(store, other, JobFilter::Id(&pred)), [theirs]);
        assert!(
            store
                .jobs(other, JobFilter::Number(number))
                .block_on()
                .unwrap()
                .is_empty()
        );
        assert!(!store.forget(other, number).block_on().unwrap());
        store
            .record_end(other, &prediction("pred_1", "failed"))
            .block_on()
            .unwrap();
        store.record_saved(other, &pred, &[]).block_on().unwrap();
        assert_eq!(job(store, number), before);
    }
    assert_eq!(numbers(store, &mine, JobFilter::All), [number]);
}

/// Checks how a store records uploads and hashes of files.
fn assert_records_uploads(store: &dyn Store) {
    let mine = account();
    let hour = Duration::from_secs(60 * 60);
    let video = Content::new("ab".repeat(32), "mp4");
    let upload = |content: &Content, url: &str, at| {
        UploadRecord::new(content.clone(), 100, format!("https://m.example/{url}"), at)
    };
    let found = |content| store.find_upload(&mine, content).block_on().unwrap();
    let first = upload(&video, "1", at());
    let modified = at() - hour + Duration::from_nanos(123_456_789);
    let file = FileState::new("/films/a.mp4", 100, modified);
    assert_eq!(found(&video), None);
    assert_eq!(store.find_hash(&file).block_on().unwrap(), None);
    store
        .record_upload(&mine, &first, Some(&file))
        .block_on()
        .unwrap();
    assert_eq!(found(&video), Some(first.clone()));
    assert_eq!(
        store.find_hash(&file).block_on().unwrap(),
        Some(video.sha256.clone())
    );

    // A different path, length or modification time, to the nanosecond, is a different state.
    for other in [
        FileState::new("/films/b.mp4", 100, modified),
        FileState::new("/films/a.mp4", 101, modified),
        FileState::new("/films/a.mp4", 100, modified + Duration::from_nanos(1)),
    ] {
        assert_eq!(
            store.find_hash(&other).block_on().unwrap(),
            None,
            "{other:?}"
        );
    }
    // Other content, another extension and another account have separate uploads.
    let (other_content, other_extension) = (
        Content::new("cd".repeat(32), "mp4"),
        Content::new("ab".repeat(32), "mov"),
    );
    let them = Account::new(mine.base_url.clone(), "ba9876543210");
    assert_eq!(
        (found(&other_content), found(&other_extension)),
        (None, None)
    );
    assert_eq!(store.find_upload(&them, &video).block_on().unwrap(), None);
    assert!(!store.forget_upload(&them, &first.url).block_on().unwrap());

    // A new upload replaces the old one. A new state of a file replaces its old state.
    let second = upload(&video, "2", at() + hour);
    store
        .record_upload(&mine, &second, None)
        .block_on()
        .unwrap();
    assert_eq!(found(&video), Some(second.clone()));
    assert_eq!(
        store.find_hash(&file).block_on().unwrap(),
        Some(video.sha256.clone())
    );
    let changed = FileState::new("/films/a.mp4", 100, at());
    let third = upload(&other_content, "3", at() + hour);
    store
        .record_upload(&mine, &third, Some(&changed))
        .block_on()
        .unwrap();
    assert_eq!(store.find_hash(&file).block_on().unwrap(), None);
    assert_eq!(
        store.find_hash(&changed).block_on().unwrap(),
        Some(other_content.sha256.clone())
    );

    // A forgotten upload is not found. Recording an upload removes those that have expired.
    assert!(store.forget_upload(&mine, &second.url).block_on().unwrap());
    assert!(!store.forget_upload(&mine, &second.url).block_on().unwrap());
    assert_eq!(
        (found(&video), found(&other_content)),
        (None, Some(third.clone()))
    );
    store
        .record_upload(&them, &upload(&video, "4", third.kept_until), None)
        .block_on()
        .unwrap();
    assert_eq!(found(&other_content), None);
    assert_eq!(store.find_hash(&changed).block_on().unwrap(), None);
}

#[test]
fn both_stores_record_uploads() {
    assert_records_uploads(&MemoryStore::default());
    assert_records_uploads(&journal().1);
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

/// Checks how a store records the durations of jobs.
fn assert_records_durations(store: &dyn Store) {
    let (mine, model) = (account(), model());
    let them = Account::new(mine.base_url.clone(), "ba9876543210");
    let duration = |number: u64| {
        let (id, seconds) = (id(&format!("pred_{number}")), Duration::from_secs(number));
        let taken = Duration::from_millis(1_234 + number);
        JobDuration::new(id, model.as_str(), taken, at() + seconds)
    };
    let known =
        |account: &Account, model: &str| store.durations(account, model).block_on().unwrap();
    assert_eq!(known(&mine, model.as_str()), []);
    // The end of a job is recorded once, even if it is observed twice.
    let again = JobDuration::new(
        duration(1).id,
        model.as_str(),
        Duration::ZERO,
        at() + Duration::from_secs(9),
    );
    let recorded = [&duration(0), &duration(1), &again]
        .map(|duration| store.record_duration(&mine, duration).block_on().unwrap());
    assert_eq!(recorded, [true, true, false]);
    assert_eq!(known(&mine, model.as_str()), [duration(0), duration(1)]);
    assert_eq!(
        (known(&them, model.as_str()), known(&mine, "a/b")),
        (vec![], vec![])
    );
    // Only the newest 128 durations are kept.
    for number in 2..300 {
        store
            .record_duration(&mine, &duration(number))
            .block_on()
            .unwrap();
    }
    let newest: Vec<JobDuration> = (172..300).map(duration).collect();
    assert_eq!(known(&mine, model.as_str()), newest);
}

#[test]
fn both_stores_record_durations() {
    assert_records_durations(&MemoryStore::default());
    let (_folder, journal) = journal();
    assert_records_durations(&journal);
    // A duration from a clock that was ahead is dated now, so that it does not stay the newest.
    let (mine, model) = (account(), model());
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
    // Rows with invalid values are ignored.
    let connection = other_connection(&journal);
    let sql = "UPDATE durations SET milliseconds = -1 WHERE id <> 'pred_299' AND model <> 'a/b'";
    assert_eq!(connection.execute(sql, []).unwrap(), 127);
    assert_eq!(
        journal
            .durations(&mine, model.as_str())
            .block_on()
            .unwrap()
            .len(),
        1
    );
    let key_account = Account::new("https://a.example", "wsk_live_secret");
    let duration = JobDuration::new(id("pred_1"), "a/b", Duration::ZERO, at());
    let error = journal
        .record_duration(&key_account, &duration)
        .block_on()
        .unwrap_err()
        .to_string();
    assert!(error.contains("a key is never written down"), "{error}");
}

#[test]
fn both_stores_record_jobs() {
    assert_records_jobs(&MemoryStore::default());
    assert_records_jobs(&journal().1);
}

#[test]
fn both_stores_separate_accounts() {
    assert_separates_accounts(&MemoryStore::default());
    assert_separates_accounts(&journal().1);
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
fn concurrent_intents_are_all_recorded() {
    let (folder, journal) = journal();
    let second = Journal::open(folder.path().join("journal.db")).unwrap();
    let start = Barrier::new(8);
    let mut issued: Vec<JobNumber> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|at| {
                let (journal, start) = ([&journal, &second][at % 2], &start);
                scope.spawn(move || {
                    start.wait();
                    let each = (0..50).map(|_| intend(journal, &account(), None));
                    each.collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    issued.sort_unstable();
    issued.dedup();
    assert_eq!(issued.len(), 400);
    assert_eq!(numbers(&second, &account(), JobFilter::All), issued);
}

#[test]
fn number_of_a_forgotten_job_is_not_reused() {
    let memory = MemoryStore::default();
    let first = intend(&memory, &account(), None);
    assert!(memory.forget(&account(), first).block_on().unwrap());
    assert!(intend(&memory, &account(), None) > first);

    let (folder, journal) = journal();
    let first = intend(&journal, &account(), None);
    assert!(journal.forget(&account(), first).block_on().unwrap());
    drop(journal);
    let journal = Journal::open(folder.path().join("journal.db")).unwrap();
    assert!(intend(&journal, &account(), None) > first);
    assert!(
        journal
            .jobs(&account(), JobFilter::Number(JobNumber::new(u64::MAX)))
            .block_on()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn job_has_at_most_one_claim() {
    let (folder, journal) = journal();
    let other = Journal::open(folder.path().join("journal.db")).unwrap();
    let files = || fs::read_dir(&folder).unwrap().count();
    let (before, number) = (files(), JobNumber::new(7));
    let mine = journal.claim(number).block_on().unwrap();
    let error = other.claim(number).block_on().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("j7 is being sent by another process"),
        "{error}"
    );
    assert!(other.claim(JobNumber::new(8)).block_on().is_ok());
    drop(mine);
    drop(other.claim(number).block_on().unwrap());
    assert_eq!(files(), before, "the lock file must be removed");
    // A lock file left by a killed process is not a claim.
    fs::write(folder.path().join("journal.db.j7.lock"), "").unwrap();
    assert!(journal.claim(number).block_on().is_ok());
}

#[test]
fn settling_a_forgotten_job_is_an_error() {
    let (_folder, journal) = journal();
    let number = intend(&journal, &account(), None);
    journal.forget(&account(), number).block_on().unwrap();
    let error = journal
        .settle(number, Resolution::Accepted(id("pred_1")))
        .block_on()
        .unwrap_err();
    assert!(
        error.to_string().contains("j1 is no longer in the journal"),
        "{error}"
    );
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
