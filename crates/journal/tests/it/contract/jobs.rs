//! Tests of the records of jobs, and of the claims on them.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use pollster::FutureExt as _;
use wavespeed::serde_json::json;
use wavespeed::{
    Account, Change, Intent, JobFilter, JobNumber, JobRecord, PredictionId, Resolution, Stage,
    Store, Target,
};

use super::{on_both_stores, on_both_stores_with_two_handles};
use crate::store::{account, at, downloaded, id, intend, job, model, numbers, prediction};

fn settle(store: &dyn Store, number: JobNumber, resolution: Resolution) {
    store.settle(number, resolution).block_on().unwrap();
}

fn accept(store: &dyn Store, number: JobNumber, id: &PredictionId) {
    settle(store, number, Resolution::Accepted(id.clone()));
}

fn end(store: &dyn Store, account: &Account, id: &str, status: &str) {
    let ended = prediction(id, status);
    store.record_end(account, &ended).block_on().unwrap();
}

fn jobs(store: &dyn Store, filter: JobFilter<'_>) -> Vec<JobRecord> {
    store.jobs(&account(), filter).block_on().unwrap()
}

#[test]
fn both_stores_record_intents() {
    on_both_stores(assert_records_intents);
}

fn assert_records_intents(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::new(folder.path().join("out.mp4")).force(true);
    let (mine, model, input) = (account(), model(), json!({ "text": "Hello" }));
    let mut intent = Intent::new(&mine, &model, &input, at());
    intent.target = Some(&target);
    intent.webhook = Some("https://a.example/hook");
    let (number, _claim) = store.intend(&intent).block_on().unwrap();
    let expected = JobRecord::new(number, &intent);
    assert_eq!(job(store, number), expected);
    assert_eq!(jobs(store, JobFilter::All), [expected]);
    assert_eq!(jobs(store, JobFilter::Id(&id("pred_1"))), []);
    // The largest number of all was never given to a job.
    let never = JobNumber::new(u64::MAX);
    assert_eq!(jobs(store, JobFilter::Number(never)), []);
}

#[test]
fn both_stores_follow_the_rules_of_the_record() {
    on_both_stores(assert_follows_the_rules_of_the_record);
}

fn assert_follows_the_rules_of_the_record(store: &dyn Store) {
    let (mine, pred) = (account(), id("pred_1"));
    let number = intend(store, &mine, None);
    let mut expected = job(store, number);
    let (second, third) = (at() + Duration::from_secs(1), at() + Duration::from_secs(2));
    let resent = |before, at| Resolution::Resent { before, at };
    let outcomes = [
        Resolution::Unknown,
        resent(at(), second),
        Resolution::Rejected,
        resent(second, third),
        // From a process that does not know of the last retry.
        resent(second, third),
        Resolution::Adopted(id("pred_0")),
        Resolution::Adopted(pred.clone()),
        resent(third, at()),
        Resolution::Unknown,
        Resolution::Rejected,
        Resolution::Accepted(pred.clone()),
        Resolution::Accepted(pred.clone()),
    ];
    for outcome in outcomes {
        let settled = store.settle(number, outcome.clone()).block_on();
        let expected_result = expected.apply(&Change::Resolved {
            resolution: &outcome,
            holder: None,
        });
        assert_eq!(
            settled.is_ok(),
            expected_result.is_ok(),
            "{outcome:?}: {settled:?}"
        );
        assert_eq!(job(store, number), expected, "{outcome:?}");
    }
    assert_eq!(
        (expected.id.as_ref(), expected.adopted),
        (Some(&pred), false)
    );
    assert_eq!(jobs(store, JobFilter::Id(&pred)), [expected]);
}

#[test]
fn both_stores_record_the_end_and_the_files() {
    on_both_stores(assert_records_the_end_and_the_files);
}

fn assert_records_the_end_and_the_files(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let (mine, pred) = (account(), id("pred_1"));
    let target = Target::new(folder.path().join("out.mp4"));
    let number = intend(store, &mine, Some(&target));
    accept(store, number, &pred);
    let mut expected = job(store, number);

    end(store, &mine, "pred_1", "completed");
    expected.stage = Stage::Ended;
    expected.status = Some("completed".into());
    assert_eq!(jobs(store, JobFilter::Open), [expected.clone()]);

    let files = downloaded(target.as_path());
    store.record_saved(&mine, &pred, &files).block_on().unwrap();
    expected.stage = Stage::Saved;
    expected.files = files.into_iter().map(|file| file.path).collect();
    assert_eq!(expected.files.len(), 2);
    assert_eq!(job(store, number), expected);
    assert_eq!(jobs(store, JobFilter::Open), []);

    // Neither a later poll nor a late answer changes the stage back from saved.
    accept(store, number, &pred);
    settle(store, number, Resolution::Unknown);
    end(store, &mine, "pred_1", "deleted");
    expected.status = Some("deleted".into());
    assert_eq!(job(store, number), expected);
}

#[test]
fn both_stores_let_one_job_adopt_an_id() {
    on_both_stores(assert_lets_one_job_adopt_an_id);
}

fn assert_lets_one_job_adopt_an_id(store: &dyn Store) {
    let (mine, pred) = (account(), id("pred_1"));
    let [first, second] = [(); 2].map(|()| intend(store, &mine, None));
    accept(store, first, &pred);
    let before = job(store, second);
    let adopted = store.settle(second, Resolution::Adopted(pred)).block_on();
    let error = adopted.unwrap_err().to_string();
    assert!(error.contains("pred_1 already belongs to j1"), "{error}");
    assert_eq!(job(store, second), before);
}

#[test]
fn both_stores_ignore_predictions_without_a_job() {
    on_both_stores(assert_ignores_predictions_without_a_job);
}

fn assert_ignores_predictions_without_a_job(store: &dyn Store) {
    let mine = account();
    let number = intend(store, &mine, None);
    let before = job(store, number);
    end(store, &mine, "not-mine", "failed");
    let saved = store.record_saved(&mine, &id("not-mine"), &[]);
    saved.block_on().unwrap();
    assert_eq!(jobs(store, JobFilter::All), [before]);
}

#[test]
fn both_stores_forget_jobs() {
    on_both_stores(assert_forgets_jobs);
}

fn assert_forgets_jobs(store: &dyn Store) {
    let mine = account();
    let [first, second] = [(); 2].map(|()| intend(store, &mine, None));
    let forget = |number| store.forget(&mine, number).block_on().unwrap();
    assert!(forget(second));
    assert!(!forget(second));
    assert_eq!(numbers(store, &mine, JobFilter::All), [first]);
    // The number of a forgotten job is not reused.
    assert!(intend(store, &mine, None) > second);

    // An outcome that could not be recorded must not look as if it were.
    let settled = store.settle(second, Resolution::Accepted(id("pred_1")));
    let error = settled.block_on().unwrap_err().to_string();
    assert!(
        error.contains("its outcome could not be recorded"),
        "{error}"
    );
    assert_eq!(jobs(store, JobFilter::Number(second)), []);
}

#[test]
fn both_stores_find_the_open_jobs() {
    on_both_stores(assert_finds_the_open_jobs);
}

/// Compares the filter with [`JobRecord::is_open`] for every stage and status that a record can get.
fn assert_finds_the_open_jobs(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let (mine, target) = (account(), Target::new(folder.path().join("out.mp4")));
    let statuses = [
        "created",
        "processing",
        "completed",
        "failed",
        "cancelled",
        "timeout",
        "deleted",
        "melted",
        "",
    ];
    let saved = |id: &PredictionId| store.record_saved(&mine, id, &[]).block_on().unwrap();
    for (prefix, target) in [("none", None), ("some", Some(&target))] {
        let accepted = |name: String| {
            let (number, id) = (
                intend(store, &mine, target),
                id(&format!("{prefix}_{name}")),
            );
            accept(store, number, &id);
            (number, id)
        };
        intend(store, &mine, target);
        for resolution in [Resolution::Unknown, Resolution::Rejected] {
            settle(store, intend(store, &mine, target), resolution);
        }
        accepted("running".into());
        saved(&accepted("saved".into()).1);
        for (index, status) in statuses.into_iter().enumerate() {
            let [ended, kept, replaced] =
                ["ended", "kept", "replaced"].map(|stage| accepted(format!("{stage}_{index}")));
            for (_, id) in [&ended, &kept, &replaced] {
                end(store, &mine, id.as_str(), status);
            }
            saved(&kept.1);
            // Another answer to the same submit makes the job a running one, with its old status.
            accept(store, replaced.0, &id(&format!("{prefix}_other_{index}")));
        }
    }
    let mut all = jobs(store, JobFilter::All);
    assert_eq!(all.len(), 2 * (5 + 3 * statuses.len()));
    all.retain(JobRecord::is_open);
    assert_eq!(jobs(store, JobFilter::Open), all);
    // Jobs that were not sent, are unknown or run, and completed jobs with a target.
    assert_eq!(all.len(), 2 * (3 + statuses.len()) + 1);
}

#[test]
fn both_stores_record_concurrent_intents() {
    on_both_stores_with_two_handles(assert_records_concurrent_intents);
}

fn assert_records_concurrent_intents(store: &dyn Store, other: &dyn Store) {
    let start = Barrier::new(8);
    let mut issued: Vec<JobNumber> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|at| {
                let (store, start) = ([store, other][at % 2], &start);
                scope.spawn(move || {
                    start.wait();
                    let each = (0..50).map(|_| intend(store, &account(), None));
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
    assert_eq!(numbers(other, &account(), JobFilter::All), issued);
}

#[test]
fn both_stores_give_one_claim_on_a_job() {
    on_both_stores_with_two_handles(assert_gives_one_claim_on_a_job);
}

fn assert_gives_one_claim_on_a_job(store: &dyn Store, other: &dyn Store) {
    let number = JobNumber::new(7);
    let mine = store.claim(number).block_on().unwrap();
    for handle in [store, other] {
        let error = handle.claim(number).block_on().unwrap_err().to_string();
        assert!(error.contains("j7 is already being sent"), "{error}");
    }
    assert!(other.claim(JobNumber::new(8)).block_on().is_ok());
    drop(mine);
    // A claim ends after the calls that were made before its drop.
    assert_eq!(numbers(store, &account(), JobFilter::All), []);
    drop(other.claim(number).block_on().unwrap());
    assert_eq!(numbers(other, &account(), JobFilter::All), []);
    // A claim whose future is dropped is not held by anyone.
    drop(store.claim(number));
    assert_eq!(numbers(store, &account(), JobFilter::All), []);
    assert!(store.claim(number).block_on().is_ok());
}

#[test]
fn both_stores_claim_an_intended_job_until_its_outcome_is_written() {
    on_both_stores_with_two_handles(assert_claims_an_intended_job);
}

/// Whoever gets the claim of a job also sees the outcome that its last owner recorded, even if the owner
/// was cancelled before that was done.
fn assert_claims_an_intended_job(store: &dyn Store, other: &dyn Store) {
    let (mine, input) = (account(), json!({}));
    let model = "a/b".parse().unwrap();
    for number in 0..50 {
        let intent = Intent::new(&mine, &model, &input, SystemTime::now());
        let (job, claim) = store.intend(&intent).block_on().unwrap();
        assert!(other.claim(job).block_on().is_err());
        drop(store.settle(job, Resolution::Accepted(id(&format!("pred_{number}")))));
        drop(claim);
        while other.claim(job).block_on().is_err() {
            thread::yield_now();
        }
        let records = other
            .jobs(&mine, JobFilter::Number(job))
            .block_on()
            .unwrap();
        assert_eq!(records[0].stage, Stage::Submitted);
    }
}

#[test]
fn both_stores_separate_accounts() {
    on_both_stores(assert_separates_accounts);
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
