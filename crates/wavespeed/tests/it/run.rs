//! Tests of the safe run: one call that submits, waits and saves, and the same call again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::{
    Finished, Identity, Intended, Intent, JobBuilder, JobFilter, MemoryStore, Prediction,
    Resolution, Rule, RunError, Stage, Store as _, SubmitError, Wavespeed,
};
use wavespeed_harness::{MODEL, raw_input};

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
    assert_eq!(done.prediction.id, "pred_1");
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
