//! Tests of a submit without a key whose model and input are those of another job, by the stage of that
//! job. The jobs are put into the store directly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Claim, ExistingReason, Identity, Intended, Intent, JobFilter, JobNumber, JobRecord,
    MemoryStore, Prediction, Resolution, RunEvent, Stage, Store as _, SubmitError, Target,
    Wavespeed,
};
use wavespeed_harness::{ID, MODEL, answer, raw_input, record, requests, serve, settings};
use wiremock::MockServer;

/// A client of a server that accepts every submit, and its store.
struct Fixture {
    client: Wavespeed,
    server: MockServer,
    store: Arc<MemoryStore>,
}

impl Fixture {
    async fn new() -> Self {
        let server = serve([answer(&record("created"))]).await;
        let store = Arc::new(MemoryStore::default());
        let settings = settings(&server.uri(), &ManualClock::default());
        let client = settings.store(Arc::clone(&store)).build().unwrap();
        Self {
            client,
            server,
            store,
        }
    }

    /// Adds a job of [`input`] with these resolutions, the last of which gives its stage.
    async fn add(
        &self,
        target: Option<&Target>,
        resolutions: impl IntoIterator<Item = Resolution>,
    ) -> JobNumber {
        self.add_at(SystemTime::now(), target, resolutions).await.0
    }

    /// As [`add`](Self::add), with the time of the submit. Returns the claim as well.
    async fn add_at(
        &self,
        at: SystemTime,
        target: Option<&Target>,
        resolutions: impl IntoIterator<Item = Resolution>,
    ) -> (JobNumber, Claim) {
        let (model, input, account) = (MODEL.parse().unwrap(), input(), self.client.account());
        // The key keeps the store from comparing the jobs that are added.
        let key = self.jobs().await.len().to_string().parse().unwrap();
        let identity = Identity::new(MODEL, &input, &BTreeMap::new());
        let body = input.to_string();
        let mut intent = Intent::new(account, &model, &body, &identity, at);
        (intent.target, intent.key) = (target, Some(&key));
        let intended = self.store.intend(&intent).await.unwrap();
        let Intended::Recorded { job, claim, .. } = intended else {
            panic!("the key is new: {intended:?}")
        };
        for resolution in resolutions {
            let settled = self.store.settle(job, &resolution.into());
            settled.await.unwrap();
        }
        (job, claim)
    }

    /// Adds a job that was accepted and has ended with this status.
    async fn add_ended(&self, target: Option<&Target>, status: &str) -> JobNumber {
        let job = self.add(target, [accepted()]).await;
        let ended = Prediction::from_json(json!({ "id": ID, "status": status })).unwrap();
        let recorded = self.store.record_end(self.client.account(), &ended);
        recorded.await.unwrap();
        job
    }

    async fn jobs(&self) -> Vec<JobRecord> {
        self.client.jobs(JobFilter::All).await.unwrap()
    }

    /// Submits the input. Returns the job that stands in the way and the reason, if there is one.
    async fn submit(&self) -> Option<(JobNumber, ExistingReason)> {
        let submit = self.client.submit(raw_input(MODEL, &input()));
        self.refusal(submit.refuse_running().await).await
    }

    async fn refusal(
        &self,
        result: Result<wavespeed::Job, SubmitError>,
    ) -> Option<(JobNumber, ExistingReason)> {
        let sent = requests(&self.server).await.len();
        match result {
            Ok(_) => {
                assert_eq!(sent, 1);
                None
            }
            Err(SubmitError::Duplicate { job, reason }) => {
                assert_eq!(sent, 0, "a refused submit sends nothing");
                Some((job.number, reason))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

fn accepted() -> Resolution {
    Resolution::Accepted(ID.parse().unwrap())
}

#[tokio::test]
async fn job_whose_sender_is_gone_has_an_unknown_outcome() {
    let fixture = Fixture::new().await;
    let job = fixture.add(None, []).await;
    let unknown = (job, ExistingReason::OutcomeUnknown);
    assert_eq!(fixture.submit().await, Some(unknown));
}

#[tokio::test]
async fn job_that_is_being_sent_is_refused() {
    // During its back-off a job is rejected, and about to be sent again.
    for resolutions in [vec![], vec![Resolution::Rejected]] {
        let fixture = Fixture::new().await;
        let (job, _claim) = fixture.add_at(SystemTime::now(), None, resolutions).await;
        let being_sent = (job, ExistingReason::BeingSent);
        assert_eq!(fixture.submit().await, Some(being_sent));
    }
}

#[tokio::test]
async fn unknown_outcome_is_refused_and_comes_before_a_running_job() {
    let fixture = Fixture::new().await;
    fixture.add(None, [accepted()]).await;
    let job = fixture.add(None, [Resolution::Unknown]).await;
    let unknown = (job, ExistingReason::OutcomeUnknown);
    assert_eq!(fixture.submit().await, Some(unknown));
    // Other than a running job, this one is refused whatever the options are.
    let submit = fixture.client.submit(raw_input(MODEL, &input()));
    assert_eq!(fixture.refusal(submit.await).await, Some(unknown));
}

#[tokio::test]
async fn running_job_is_refused_or_reported() {
    let fixture = Fixture::new().await;
    let job = fixture.add(None, [accepted()]).await;
    let running = (job, ExistingReason::Running);
    assert_eq!(fixture.submit().await, Some(running));

    let (sender, reported) = std::sync::mpsc::channel();
    let submit = fixture.client.submit(raw_input(MODEL, &input()));
    let submit = submit.observer(move |event| {
        if let RunEvent::Duplicate(running) = event {
            sender.send(running.number).unwrap();
        }
    });
    assert_eq!(fixture.refusal(submit.await).await, None);
    assert_eq!(reported.iter().collect::<Vec<_>>(), [job]);
}

#[tokio::test]
async fn rejected_job_is_not_a_duplicate() {
    let fixture = Fixture::new().await;
    fixture.add(None, [Resolution::Rejected]).await;
    assert_eq!(fixture.submit().await, None);
}

#[tokio::test]
async fn ended_job_is_a_duplicate_until_its_outputs_are_saved() {
    let target = Target::new("out.mp4");
    let fixture = Fixture::new().await;
    let job = fixture.add_ended(Some(&target), "completed").await;
    let running = (job, ExistingReason::Running);
    assert_eq!(fixture.submit().await, Some(running));
    let (account, id) = (fixture.client.account(), ID.parse().unwrap());
    let saved = fixture.store.record_saved(account, &id, &[]);
    saved.await.unwrap();
    assert_eq!(fixture.submit().await, None);

    // Nothing is left to save.
    for (target, status) in [(None, "completed"), (Some(&target), "failed")] {
        let fixture = Fixture::new().await;
        fixture.add_ended(target, status).await;
        assert_eq!(fixture.submit().await, None, "{status}");
    }
}

/// The vendor keeps a prediction for 7 days, so an older job has nothing left to wait for.
#[tokio::test]
async fn job_of_more_than_seven_days_is_not_a_duplicate() {
    const MINUTE: Duration = Duration::from_secs(60);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    let old = SystemTime::now() - WEEK - MINUTE;
    // A clock that was set back does not hide a job.
    let later = SystemTime::now() + WEEK;
    for (at, is_refused) in [(old, false), (old + 2 * MINUTE, true), (later, true)] {
        let fixture = Fixture::new().await;
        fixture.add_at(at, None, [Resolution::Unknown]).await;
        assert_eq!(fixture.submit().await.is_some(), is_refused, "{at:?}");
    }
}

#[tokio::test]
async fn job_of_another_input_is_not_a_duplicate() {
    let fixture = Fixture::new().await;
    fixture.add(None, [Resolution::Unknown]).await;
    let mut other = input();
    other["text"] = "Goodbye".into();
    let submit = fixture.client.submit(raw_input(MODEL, &other));
    assert_eq!(fixture.refusal(submit.await).await, None);
    assert_eq!(fixture.jobs().await[1].stage, Stage::Submitted);
}
