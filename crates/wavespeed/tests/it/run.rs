//! Tests of the safe run: one call that submits, waits and saves, and the same call again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::Method;
use wavespeed::{
    Deadline, Finished, Identity, Intended, Intent, JobBuilder, JobFilter, JobNumber, MemoryStore,
    PollPolicy, Poller, Prediction, Resolution, Rule, RunError, SaveError, Stage, Store as _,
    SubmitError, Wavespeed,
};
use wavespeed_harness::{MODEL, raw_input};
use wiremock::ResponseTemplate;

use crate::vendor::{OUTPUT, Vendor};

/// A vendor, a client with a store, and a folder for outputs.
struct Fixture {
    vendor: Vendor,
    client: Wavespeed,
    store: Arc<MemoryStore>,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let vendor = Vendor::start().await;
        let (client, store) = vendor.client();
        let folder = tempfile::tempdir().unwrap();
        Self {
            vendor,
            client,
            store,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str) -> JobBuilder<Finished> {
        let run = self.client.run(raw_input(MODEL, &input()));
        run.key("clip 3").target(self.path(name))
    }

    /// Returns the paths of the requests since the last call.
    fn new_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.vendor.state().paths)
    }
}

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

#[tokio::test]
async fn run_submits_waits_and_saves() {
    let fixture = Fixture::new().await;
    let done = fixture.run("out.mp4").await.unwrap();
    assert_eq!(done.job.id().as_str(), "pred_1");
    assert_eq!(done.prediction.id(), "pred_1");
    assert_eq!(std::fs::read(&done.files[0].path).unwrap(), OUTPUT);
    let jobs = fixture.client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Saved));
    assert_eq!(jobs[0].files, done.files);
    let steps = fixture.new_requests().into_iter();
    let steps: Vec<String> = steps.map(|path| path.replace("/api/v3/", "")).collect();
    assert_eq!(steps, [MODEL, "predictions/pred_1/result", "/output.mp4"]);
}

#[tokio::test]
async fn repeated_run_copies_the_saved_file_and_sends_nothing() {
    let fixture = Fixture::new().await;
    fixture.run("out.mp4").await.unwrap();
    fixture.new_requests();
    fixture.vendor.state().is_gone = true;
    // The same target, which exists and has the content, and another one.
    for name in ["out.mp4", "copy.mp4", "copy.mp4"] {
        let again = fixture.run(name).await.unwrap();
        assert_eq!(again.job.id().as_str(), "pred_1", "{name}");
        assert_eq!(std::fs::read(fixture.path(name)).unwrap(), OUTPUT);
    }
    assert_eq!(fixture.new_requests(), [""; 0]);
}

#[tokio::test]
async fn repeated_run_downloads_what_changed_or_is_gone_here() {
    let fixture = Fixture::new().await;
    fixture.run("out.mp4").await.unwrap();
    fixture.new_requests();
    // Of the same length, so that only the content shows the change.
    std::fs::write(fixture.path("out.mp4"), "A TALKING VIDEO").unwrap();
    fixture.run("copy.mp4").await.unwrap();
    assert_eq!(fixture.new_requests(), ["/output.mp4"]);
    assert_eq!(std::fs::read(fixture.path("copy.mp4")).unwrap(), OUTPUT);
    // A file that holds something else is not replaced.
    let error = fixture.run("out.mp4").await.unwrap_err();
    assert!(matches!(error, RunError::Save(_)), "{error}");
}

#[tokio::test]
async fn completed_job_whose_outputs_are_gone_is_expired_after_7_days() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    for (age, is_expired) in [(WEEK + Duration::from_secs(60), true), (WEEK / 2, false)] {
        let fixture = Fixture::new().await;
        fixture.vendor.state().is_gone = true;
        let identity = Identity::new(MODEL, &input(), &Default::default());
        let (model, key) = (MODEL.parse().unwrap(), "clip 3".parse().unwrap());
        let (account, at) = (fixture.client.account(), SystemTime::now() - age);
        let mut intent = Intent::new(account, &model, "{}", &identity, at);
        intent.key = Some(&key);
        let intended = fixture.store.intend(&intent).await.unwrap();
        let Intended::Recorded { job, .. } = intended else {
            panic!("the key is new")
        };
        let accepted = Resolution::Accepted("pred_0".parse().unwrap());
        let store = &fixture.store;
        store.settle(job, &accepted.into()).await.unwrap();
        let url = format!("{}output.mp4", account.base_url.replace("api/v3", ""));
        let ended = json!({ "id": "pred_0", "status": "completed", "outputs": [url] });
        let ended = Prediction::from_json(ended).unwrap();
        store.record_end(account, &ended).await.unwrap();
        let error = fixture.run("out.mp4").await.unwrap_err();
        match (&error, is_expired) {
            (RunError::Expired { id, .. }, true) => assert_eq!(id.as_str(), "pred_0"),
            (RunError::Save(_), false) => {}
            _ => panic!("{error}"),
        }
        assert_eq!(fixture.vendor.submits(), 0);
    }
}

#[tokio::test]
async fn run_without_a_target_saves_nothing() {
    let fixture = Fixture::new().await;
    let done = fixture
        .client
        .run(raw_input(MODEL, &input()))
        .await
        .unwrap();
    assert_eq!(done.prediction.outputs().len(), 1);
    assert_eq!(done.files, []);
}

#[tokio::test]
async fn faults_of_input_and_target_are_reported_together() {
    let fixture = Fixture::new().await;
    let mut bad = input();
    bad["voice_speed"] = 9.into();
    bad["video"] = "missing.mp4".into();
    let run = fixture.client.run(raw_input(MODEL, &bad));
    let run = run.target(fixture.path("no/such/folder/out.mp4"));
    let RunError::Submit(SubmitError::Invalid(faults)) = run.await.unwrap_err() else {
        panic!("the input is invalid")
    };
    let mut rules: Vec<Rule> = faults.as_slice().iter().map(|fault| fault.rule).collect();
    rules.sort_by_key(|rule| rule.name());
    assert_eq!(rules, [Rule::File, Rule::Output, Rule::Range]);
    assert_eq!(fixture.new_requests(), [""; 0]);
}

#[tokio::test]
async fn schema_of_another_model_is_refused() {
    let fixture = Fixture::new().await;
    let schema = wavespeed::model(MODEL).unwrap();
    let run = fixture.client.run(raw_input("some/model", &input()));
    let error = run.model_schema(schema).await.unwrap_err();
    let RunError::Submit(SubmitError::Schema { model, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(model, "some/model");
    assert_eq!(fixture.new_requests(), [""; 0]);
}

#[tokio::test]
async fn output_can_be_read_as_a_stream() {
    let fixture = Fixture::new().await;
    let done = fixture
        .client
        .run(raw_input(MODEL, &input()))
        .await
        .unwrap();
    let output = fixture.client.open(&done.prediction, 0).await.unwrap();
    assert_eq!(output.bytes, Some(OUTPUT.len() as u64));
    let chunks: Vec<_> = output.stream.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), OUTPUT);
    let missing = fixture.client.open(&done.prediction, 1).await;
    assert!(matches!(missing, Err(SaveError::Nothing)), "{missing:?}");
    fixture.vendor.state().is_gone = true;
    let gone = fixture.client.open(&done.prediction, 0).await;
    assert!(
        matches!(gone, Err(SaveError::Refused { status: 404, .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn job_of_each_stage_is_resumed_and_never_submitted() {
    let fixture = Fixture::new().await;
    let (client, store) = (&fixture.client, &fixture.store);
    let resume = async || {
        let job = client.jobs(JobFilter::All).await.unwrap().remove(0);
        client.resume(&job, Deadline::never()).await
    };
    // Rejected.
    fixture.vendor.state().next = [ResponseTemplate::new(402)].into();
    fixture.run("out.mp4").await.unwrap_err();
    let error = resume().await.unwrap_err();
    assert!(matches!(error, RunError::Rejected { .. }), "{error}");
    client.forget(JobNumber::new(1)).await.unwrap();
    // Unknown, and not in the history, then found there, waited for and saved.
    fixture.vendor.state().next = [ResponseTemplate::new(502)].into();
    fixture.run("out.mp4").adopt(false).await.unwrap_err();
    let error = resume().await.unwrap_err();
    assert!(
        matches!(error, RunError::Submit(SubmitError::Unknown(_))),
        "{error}"
    );
    let now = jiff::Timestamp::now().to_string();
    let item = json!({ "id": "pred_2", "model": MODEL, "status": "created", "created_at": now });
    fixture.vendor.state().history = vec![item];
    let done = resume().await.unwrap();
    assert_eq!(std::fs::read(&done.files[0].path).unwrap(), OUTPUT);
    let job = client.jobs(JobFilter::All).await.unwrap().remove(0);
    assert_eq!(job.stage, Stage::Saved);
    // Saved: nothing is asked for.
    fixture.new_requests();
    assert_eq!(resume().await.unwrap().files, done.files);
    assert_eq!(fixture.new_requests(), [""; 0]);
    // Failed.
    let ended = json!({ "id": "pred_2", "status": "failed", "error": "no face" });
    let ended = Prediction::from_json(ended).unwrap();
    store.record_end(client.account(), &ended).await.unwrap();
    let error = resume().await.unwrap_err();
    assert!(matches!(error, RunError::Ended { .. }), "{error}");
    assert_eq!(fixture.vendor.submits(), 2);
}

#[tokio::test]
async fn wake_that_comes_before_the_wait_is_not_lost() {
    let fixture = Fixture::new().await;
    let clock = ManualClock::default();
    let mut policy = PollPolicy::default();
    policy.floor = Some(Duration::from_secs(60 * 60));
    let poller = Poller::default().with_clock(clock.clone());
    let settings = fixture.vendor.settings(MemoryStore::default());
    let client = settings.poller(poller).poll_policy(policy).build().unwrap();
    let job = client.submit(raw_input(MODEL, &input())).await.unwrap();
    // The webhook is faster than the program.
    client.wake(job.id());
    job.wait_for(Duration::from_secs(24 * 60 * 60))
        .await
        .unwrap();
    assert_eq!(clock.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn call_without_a_method_returns_the_answer_whatever_it_is() {
    let fixture = Fixture::new().await;
    let call = |path| fixture.client.call(Method::GET, path, None);
    let answer = call("/predictions/pred_1/result").await.unwrap();
    assert_eq!(answer.prediction_id().unwrap().as_str(), "pred_1");
    assert_eq!(call("no/such").await.unwrap().status.as_u16(), 404);
    let paths = fixture.new_requests();
    assert_eq!(
        paths,
        ["/api/v3/predictions/pred_1/result", "/api/v3/no/such"]
    );
}

#[tokio::test]
async fn record_of_a_job_is_the_same_after_a_round_trip_through_json() {
    let fixture = Fixture::new().await;
    fixture.vendor.state().status = "failed";
    fixture
        .run("out.mp4")
        .label("the opening")
        .await
        .unwrap_err();
    fixture.vendor.state().status = "completed";
    fixture.run("out.mp4").retry_failed().await.unwrap();
    let job = fixture.client.jobs(JobFilter::Label("the opening")).await;
    let job = job.unwrap().remove(0);
    assert_eq!((job.attempts.len(), job.files.len()), (1, 1));
    let json = serde_json::to_value(&job).unwrap();
    assert_eq!(json["number"], "j1");
    assert_eq!(json["stage"], "saved");
    let again: wavespeed::JobRecord = serde_json::from_value(json).unwrap();
    assert_eq!(again, job);
}
