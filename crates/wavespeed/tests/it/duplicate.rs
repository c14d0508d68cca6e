//! Tests of finding an open job with the input of one that is about to be submitted, by the stage of
//! that job. The jobs are put into the store directly, and nothing is sent.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Duplicate, Intent, JobNumber, MemoryStore, Prediction, Resolution, Stage, Store, StoreError,
    StoreFuture, Target, Wavespeed,
};
use wavespeed_harness::store::{Hook, HookedStore};
use wavespeed_harness::{ID, MODEL, settings};

/// The store of a process whose jobs are all claimed by another one.
type ClaimedStore = HookedStore<Claimed>;

#[derive(Clone, Debug, Default)]
struct Claimed;

impl Hook for Claimed {
    fn reply<T: Send + 'static>(&self, method: &str, reply: StoreFuture<T>) -> StoreFuture<T> {
        match method {
            "claim" => Box::pin(ready(Err(StoreError::new("claimed by another process")))),
            _ => reply,
        }
    }
}

/// A client, and the store that it uses.
struct Fixture<S> {
    client: Wavespeed,
    store: Arc<S>,
}

impl<S: Store + Default + 'static> Fixture<S> {
    fn new() -> Self {
        let store = Arc::new(S::default());
        let settings = settings("http://127.0.0.1:9", &ManualClock::default());
        let client = settings.store(Arc::clone(&store)).build().unwrap();
        Self { client, store }
    }

    /// Adds a job with this target and these resolutions, the last of which gives its stage.
    async fn add(
        &self,
        target: Option<&Target>,
        resolutions: impl IntoIterator<Item = Resolution>,
    ) -> JobNumber {
        self.add_at(SystemTime::now(), target, resolutions).await
    }

    /// As [`add`](Self::add), with the time of the submit.
    async fn add_at(
        &self,
        at: SystemTime,
        target: Option<&Target>,
        resolutions: impl IntoIterator<Item = Resolution>,
    ) -> JobNumber {
        let (model, input) = (MODEL.parse().unwrap(), input());
        let account = self.client.account();
        let mut intent = Intent::new(account, &model, &input, at);
        intent.target = target;
        let (job, _claim) = self.store.intend(&intent).await.unwrap();
        for resolution in resolutions {
            self.store.settle(job, resolution).await.unwrap();
        }
        job
    }

    /// Adds a job that was accepted and has ended with this status.
    async fn add_ended(&self, target: Option<&Target>, status: &str) -> JobNumber {
        let job = self.add(target, [accepted()]).await;
        let ended = Prediction::from_json(json!({ "id": ID, "status": status })).unwrap();
        let recorded = self.store.record_end(self.client.account(), &ended);
        recorded.await.unwrap();
        job
    }

    async fn find(&self) -> Option<Duplicate> {
        self.client.find_duplicate(MODEL, &input()).await.unwrap()
    }
}

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello" })
}

fn accepted() -> Resolution {
    Resolution::Accepted(ID.parse().unwrap())
}

/// Asserts that the outcome of this job, in this stage, is unknown.
fn assert_unknown(found: &Option<Duplicate>, job: JobNumber, stage: Stage) {
    let Some(Duplicate::OutcomeUnknown(record)) = found else {
        panic!("{found:?}")
    };
    assert_eq!((record.number, record.stage), (job, stage));
}

/// Asserts that this job, in this stage, counts as running.
fn assert_running(found: &Option<Duplicate>, job: JobNumber, stage: Stage) {
    let Some(Duplicate::Running(record)) = found else {
        panic!("{found:?}")
    };
    assert_eq!((record.number, record.stage), (job, stage));
}

#[tokio::test]
async fn intended_job_without_a_claim_has_an_unknown_outcome() {
    let fixture = Fixture::<MemoryStore>::new();
    let job = fixture.add(None, []).await;
    assert_unknown(&fixture.find().await, job, Stage::Intended);
}

#[tokio::test]
async fn intended_job_that_another_process_has_claimed_is_not_reported() {
    let fixture = Fixture::<ClaimedStore>::new();
    fixture.add(None, []).await;
    assert_eq!(fixture.find().await, None);
    // It does not hide a job that is running.
    let running = fixture.add(None, [accepted()]).await;
    assert_running(&fixture.find().await, running, Stage::Submitted);
}

/// Only a submit that is on its way needs the claim.
#[tokio::test]
async fn job_with_an_unknown_outcome_is_reported_whether_or_not_it_is_claimed() {
    let fixture = Fixture::<MemoryStore>::new();
    let job = fixture.add(None, [Resolution::Unknown]).await;
    assert_unknown(&fixture.find().await, job, Stage::Unknown);

    let fixture = Fixture::<ClaimedStore>::new();
    let job = fixture.add(None, [Resolution::Unknown]).await;
    assert_unknown(&fixture.find().await, job, Stage::Unknown);
}

#[tokio::test]
async fn submitted_job_is_running() {
    let fixture = Fixture::<MemoryStore>::new();
    let job = fixture.add(None, [accepted()]).await;
    assert_running(&fixture.find().await, job, Stage::Submitted);
}

#[tokio::test]
async fn unknown_outcome_comes_before_a_running_job() {
    let fixture = Fixture::<MemoryStore>::new();
    fixture.add(None, [accepted()]).await;
    let lost = fixture.add(None, [Resolution::Unknown]).await;
    assert_unknown(&fixture.find().await, lost, Stage::Unknown);
}

#[tokio::test]
async fn rejected_job_is_not_a_duplicate() {
    let fixture = Fixture::<MemoryStore>::new();
    fixture.add(None, [Resolution::Rejected]).await;
    assert_eq!(fixture.find().await, None);
}

#[tokio::test]
async fn ended_job_is_a_duplicate_until_its_outputs_are_saved() {
    let target = Target::new("out.mp4");
    let fixture = Fixture::<MemoryStore>::new();
    let job = fixture.add_ended(Some(&target), "completed").await;
    assert_running(&fixture.find().await, job, Stage::Ended);
    let (account, id) = (fixture.client.account(), ID.parse().unwrap());
    let saved = fixture.store.record_saved(account, &id, &[]);
    saved.await.unwrap();
    assert_eq!(fixture.find().await, None);

    // Nothing is left to save.
    for (target, status) in [(None, "completed"), (Some(&target), "failed")] {
        let fixture = Fixture::<MemoryStore>::new();
        fixture.add_ended(target, status).await;
        assert_eq!(fixture.find().await, None, "{status}");
    }
}

/// The vendor keeps a prediction for 7 days, so an older job has nothing left to wait for.
#[tokio::test]
async fn job_of_more_than_seven_days_is_not_a_duplicate() {
    const MINUTE: Duration = Duration::from_secs(60);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    let fixture = Fixture::<MemoryStore>::new();
    let old = SystemTime::now() - WEEK - MINUTE;
    fixture.add_at(old, None, [Resolution::Unknown]).await;
    fixture.add_at(old, None, [accepted()]).await;
    assert_eq!(fixture.find().await, None);
    let job = fixture
        .add_at(old + 2 * MINUTE, None, [Resolution::Unknown])
        .await;
    assert_unknown(&fixture.find().await, job, Stage::Unknown);
    // A clock that was set back does not hide a job.
    let fixture = Fixture::<MemoryStore>::new();
    let later = SystemTime::now() + WEEK;
    let job = fixture.add_at(later, None, [Resolution::Unknown]).await;
    assert_unknown(&fixture.find().await, job, Stage::Unknown);
}

#[tokio::test]
async fn job_of_another_model_or_input_is_not_a_duplicate() {
    let fixture = Fixture::<MemoryStore>::new();
    fixture.add(None, [Resolution::Unknown]).await;
    let mut other = input();
    other["text"] = "Goodbye".into();
    for (model, input) in [("some/model", input()), (MODEL, other)] {
        let found = fixture.client.find_duplicate(model, &input).await.unwrap();
        assert_eq!(found, None, "{model} {input}");
    }
}
