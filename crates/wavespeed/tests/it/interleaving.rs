//! Tests of calls that meet: another call, task or process comes in between two steps of a submit, or the
//! steps cannot be recorded. No id is lost or given to the wrong job, and no call waits forever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Claim, Content, Deadline, IdempotencyKey, Identity, Intended, Intent, JobFilter, JobNumber,
    MemoryStore, Prediction, Resolution, RunEvent, Stage, Store, StoreFuture, SubmitError,
    UploadRecord, Wavespeed,
};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{CLIP, MODEL, raw_input, settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::vendor::Vendor;

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

fn other_input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Goodbye", "voice_id": "AOT" })
}

/// Intends a job as another task or process would.
fn intend(
    store: &MemoryStore,
    client: &Wavespeed,
    input: &Value,
    key: Option<&str>,
    at: SystemTime,
    files: &BTreeMap<String, String>,
) -> (JobNumber, Claim) {
    let key: Option<IdempotencyKey> = key.map(|key| key.parse().unwrap());
    let identity = Identity::new(MODEL, input, files);
    let (model, body) = (MODEL.parse().unwrap(), input.to_string());
    let mut intent = Intent::new(client.account(), &model, &body, &identity, at);
    intent.key = key.as_ref();
    let intended = store.intend(&intent).now_or_never().unwrap().unwrap();
    let Intended::Recorded { job, claim, .. } = intended else {
        panic!("{intended:?}")
    };
    (job, claim)
}

fn settle(store: &MemoryStore, job: JobNumber, resolution: Resolution) {
    let settled = store.settle(job, &resolution.into());
    settled.now_or_never().unwrap().unwrap();
}

fn accepted(id: &str) -> Resolution {
    Resolution::Accepted(id.parse().unwrap())
}

#[tokio::test]
async fn reconcile_does_not_adopt_the_prediction_of_a_submit_that_began_meanwhile() {
    let server = MockServer::start().await;
    let store = Arc::new(MemoryStore::default());
    let client = settings(&server.uri(), &ManualClock::default())
        .store(Arc::clone(&store))
        .build()
        .unwrap();
    let rival = Arc::new(std::sync::Mutex::new(None));
    let (in_store, in_client, in_rival) = (Arc::clone(&store), client.clone(), Arc::clone(&rival));
    let respond = move |request: &Request| {
        if request.url.path().ends_with(MODEL) {
            return ResponseTemplate::new(502);
        }
        let mut rival = in_rival.lock().unwrap();
        if rival.is_none() {
            // Another task intends and sends while the request for the history is under way; its own answer
            // has not arrived yet.
            *rival = Some(intend(
                &in_store,
                &in_client,
                &other_input(),
                None,
                SystemTime::now(),
                &BTreeMap::new(),
            ));
        }
        let now = jiff::Timestamp::now().to_string();
        let item =
            json!({ "id": "pred_other", "model": MODEL, "status": "created", "created_at": now });
        wavespeed_harness::answer(&json!({ "page": 1, "items": [item] }))
    };
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    let result = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .await;
    let (job, claim) = rival.lock().unwrap().take().unwrap();
    settle(&store, job, accepted("pred_other"));
    drop(claim);
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    let owners = jobs.iter().filter(|job| {
        job.id
            .as_ref()
            .is_some_and(|id| id.as_str() == "pred_other")
    });
    assert_eq!(
        owners.count(),
        1,
        "one prediction, two jobs; the keyed submit got {result:?}"
    );
}

#[tokio::test]
async fn claim_of_an_accepted_job_is_released_even_if_its_future_is_not_polled() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().status = "failed";
    let mut first = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .into_future();
    // Polled until the POST is under way, as by a `select!`, and then kept without being polled.
    while vendor.submits() == 0 {
        _ = futures_util::poll!(&mut first);
        tokio::task::yield_now().await;
    }
    assert!(client.flush(Deadline::never()).await);
    client.job("pred_1").unwrap().wait().await.unwrap();
    let retry = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .retry_failed();
    let ended = tokio::time::timeout(Duration::from_secs(2), retry.into_future()).await;
    assert!(ended.is_ok(), "the retry never ends");
    drop(first);
}

#[tokio::test]
async fn key_that_another_call_takes_during_the_upload_is_compared_with_what_was_uploaded() {
    use sha2::Digest as _;
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, CLIP).unwrap();
    let sha256 = base16ct::lower::encode_string(&sha2::Sha256::digest(CLIP));
    let upload = UploadRecord::new(
        Content::new(sha256, "mp4"),
        CLIP.len() as u64,
        "https://a.example/1.mp4",
        SystemTime::now(),
    );
    store
        .record_upload(client.account(), &upload, None)
        .await
        .unwrap();
    let mut input = input();
    input["video"] = path.to_str().unwrap().into();
    let (in_store, in_client, in_input) = (Arc::clone(&store), client.clone(), input.clone());
    let submit = client
        .submit(raw_input(MODEL, &input))
        .key("clip 3")
        .deadline(Deadline::after(
            Duration::from_secs(1),
            &ManualClock::default(),
        ))
        .observer(move |event| {
            if let RunEvent::Uploaded(_) = event {
                let files = BTreeMap::from([("/video".to_owned(), "00".to_owned())]);
                let (job, _claim) = intend(
                    &in_store,
                    &in_client,
                    &in_input,
                    Some("clip 3"),
                    SystemTime::now(),
                    &files,
                );
                settle(&in_store, job, Resolution::Rejected);
                std::fs::remove_file(&path).unwrap();
            }
        });
    let ended = tokio::time::timeout(Duration::from_secs(2), submit.into_future()).await;
    assert!(ended.is_ok(), "a loop without a pause or a deadline");
    assert!(ended.unwrap().is_err());
}

#[tokio::test]
async fn job_that_is_only_looked_for_is_not_reported_as_being_sent() {
    let server = Server::start([Action::stall()]).await;
    let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::default());
    let settings = settings(&server.origin, &clock).store(Arc::clone(&store));
    let client = settings.build().unwrap();
    let submit = || client.submit(raw_input(MODEL, &input()));
    let now = SystemTime::now();
    // A job whose sender is gone.
    drop(intend(
        &store,
        &client,
        &input(),
        Some("clip 3"),
        now,
        &BTreeMap::new(),
    ));
    let first = tokio::spawn(submit().key("clip 3").into_future());
    server.arrived(1).await;
    let second = submit().key("clip 3").timeout(Duration::ZERO).await;
    let third = submit().await;
    first.abort();
    let messages = [second, third].map(|result| result.unwrap_err().to_string());
    let is_right = |message: &String| !message.contains("being sent");
    assert!(messages.iter().all(is_right), "{messages:#?}");
}

/// A store whose `settle` fails without being carried out, as a locked file makes it.
#[derive(Debug, Default)]
struct CannotSettle(MemoryStore);

impl Store for CannotSettle {
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
        self.0.intend(intent)
    }
    fn settle(&self, _: JobNumber, _: &wavespeed::Settlement) -> StoreFuture<()> {
        Box::pin(std::future::ready(Err(wavespeed::StoreError::new(
            "the file is locked",
        ))))
    }
    fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
        self.0.claim(job)
    }
    fn record_end(&self, account: &wavespeed::Account, prediction: &Prediction) -> StoreFuture<()> {
        self.0.record_end(account, prediction)
    }
    fn record_saved(
        &self,
        account: &wavespeed::Account,
        id: &wavespeed::PredictionId,
        files: &[wavespeed::Downloaded],
    ) -> StoreFuture<()> {
        self.0.record_saved(account, id, files)
    }
    fn jobs(
        &self,
        account: &wavespeed::Account,
        filter: JobFilter<'_>,
    ) -> StoreFuture<Vec<wavespeed::JobRecord>> {
        self.0.jobs(account, filter)
    }
    fn known_ids(
        &self,
        account: &wavespeed::Account,
        ids: &[wavespeed::PredictionId],
    ) -> StoreFuture<Vec<wavespeed::PredictionId>> {
        self.0.known_ids(account, ids)
    }
    fn forget(&self, job: JobNumber) -> StoreFuture<bool> {
        self.0.forget(job)
    }
}

#[tokio::test]
async fn flush_reports_an_id_that_could_not_be_recorded() {
    let vendor = Vendor::start().await;
    let client = vendor.settings(CannotSettle::default()).build().unwrap();
    let mut submit = client.submit(raw_input(MODEL, &input())).into_future();
    while vendor.submits() == 0 {
        _ = futures_util::poll!(&mut submit);
        tokio::task::yield_now().await;
    }
    drop(submit);
    let flushed = client.flush(Deadline::never()).await;
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert!(
        !flushed || jobs[0].id.is_some(),
        "flush returned {flushed}; the record has {:?} {:?}",
        jobs[0].stage,
        jobs[0].id
    );
}

#[tokio::test]
async fn rejection_that_could_not_be_recorded_says_so() {
    let vendor = Vendor::start().await;
    let store = Arc::new(CannotSettle::default());
    let client = vendor.settings(Arc::clone(&store)).build().unwrap();
    vendor.state().next = [ResponseTemplate::new(402)].into();
    let first = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .await
        .unwrap_err();
    let second = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .await;
    assert!(
        format!("{first:?}").contains("locked"),
        "first: {first}; the same key again: {}",
        second.unwrap_err()
    );
}

#[tokio::test(flavor = "current_thread")]
async fn future_that_is_dropped_before_the_intent_was_begun_sends_nothing() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let mut submit = client.submit(raw_input(MODEL, &input())).into_future();
    assert!(futures_util::poll!(&mut submit).is_pending());
    // The task has not run: this is the only thread.
    assert!(
        client.jobs(JobFilter::All).await.unwrap().is_empty(),
        "the intent was not begun"
    );
    drop(submit);
    assert!(client.flush(Deadline::never()).await);
    assert_eq!(vendor.submits(), 0);
}

#[tokio::test]
async fn job_of_another_base_url_is_not_resubmitted() {
    let (emulator, production) = (Vendor::start().await, Vendor::start().await);
    let store = Arc::new(MemoryStore::default());
    let test = emulator.settings(Arc::clone(&store)).build().unwrap();
    let real = production.settings(Arc::clone(&store)).build().unwrap();
    emulator.state().next = [ResponseTemplate::new(502)].into();
    let submit = test.submit(raw_input(MODEL, &input())).adopt(false);
    let SubmitError::Unknown(unknown) = submit.await.unwrap_err() else {
        panic!()
    };
    let record = real
        .jobs(JobFilter::Number(unknown.job.unwrap()))
        .await
        .unwrap()
        .remove(0);
    let sent = real.resubmit(&record, &[], Deadline::never()).await;
    let jobs = real.jobs(JobFilter::BaseUrl).await.unwrap();
    assert_eq!(
        production.submits(),
        0,
        "{:?}; jobs at the base URL that billed it: {}",
        sent.map(|job| job.id().clone()),
        jobs.len()
    );
}

#[tokio::test]
async fn redirect_to_the_same_url_is_not_reported_as_not_sent() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut buffer = vec![0; 8192];
        let read = stream.read(&mut buffer).await.unwrap();
        let answer = format!(
            "HTTP/1.1 303 See Other\r\nLocation: /api/v3/{MODEL}?id=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8_lossy(&buffer[..read]).starts_with("POST")
    });
    let client = settings(&format!("http://{address}"), &ManualClock::default())
        .http(reqwest::Client::new())
        .build()
        .unwrap();
    let error = client.submit(raw_input(MODEL, &input())).await.unwrap_err();
    assert!(server.await.unwrap());
    assert!(
        matches!(&error, SubmitError::Unknown(_)),
        "the POST was sent, and the error says: {error}"
    );
}

#[tokio::test]
async fn job_whose_outputs_were_saved_without_a_wait_needs_no_vendor() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let folder = tempfile::tempdir().unwrap();
    let job = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .await
        .unwrap();
    let done = job.fetch().await.unwrap();
    let target = wavespeed::Target::new(folder.path().join("out.mp4"));
    client.download(&done, &target).await.unwrap();
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!(jobs[0].stage, Stage::Saved);
    vendor.state().is_gone = true;
    let run = client.run(raw_input(MODEL, &input())).key("clip 3");
    let run = run.target(folder.path().join("copy.mp4")).await;
    assert!(run.is_ok(), "{}", run.unwrap_err());
}

#[tokio::test]
async fn gone_output_is_expired_whatever_its_host_answers() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(403))
        .mount(&server)
        .await;
    let store = Arc::new(MemoryStore::default());
    let client = settings(&server.uri(), &ManualClock::default())
        .store(Arc::clone(&store))
        .build()
        .unwrap();
    let at = SystemTime::now() - Duration::from_secs(8 * 24 * 60 * 60);
    let (job, claim) = intend(
        &store,
        &client,
        &input(),
        Some("clip 3"),
        at,
        &BTreeMap::new(),
    );
    settle(&store, job, accepted("pred_0"));
    drop(claim);
    let ended = json!({ "id": "pred_0", "status": "completed", "outputs": [format!("{}/output.mp4", server.uri())] });
    store
        .record_end(client.account(), &Prediction::from_json(ended).unwrap())
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = client
        .run(raw_input(MODEL, &input()))
        .key("clip 3")
        .target(folder.path().join("a.mp4"));
    let error = run.await.unwrap_err();
    assert!(
        matches!(error, wavespeed::RunError::Expired { .. }),
        "{error}"
    );
}

/// Two calls that ask for one more attempt each, of which the first fails before the second intends.
#[tokio::test]
async fn retry_replaces_only_the_attempt_that_the_caller_has_seen() {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    vendor.state().status = "failed";
    client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    // The first attempt was seen as failed; then another caller sends the second one, which fails, too.
    let (in_store, in_client) = (Arc::clone(&store), client.clone());
    let done = std::sync::atomic::AtomicBool::new(false);
    let submit = client
        .submit(raw_input(MODEL, &input()))
        .key("clip 3")
        .retry_failed()
        .observer(move |event| {
            if matches!(event, RunEvent::Submitting)
                && !done.swap(true, std::sync::atomic::Ordering::Relaxed)
            {
                let key: IdempotencyKey = "clip 3".parse().unwrap();
                let identity = Identity::new(MODEL, &input(), &BTreeMap::new());
                let (model, body) = (MODEL.parse().unwrap(), input().to_string());
                let mut intent = Intent::new(
                    in_client.account(),
                    &model,
                    &body,
                    &identity,
                    SystemTime::now(),
                );
                let replaced = "pred_1".parse().unwrap();
                (intent.key, intent.retry) = (Some(&key), Some(&replaced));
                let Intended::Recorded { job, .. } =
                    in_store.intend(&intent).now_or_never().unwrap().unwrap()
                else {
                    panic!()
                };
                settle(&in_store, job, accepted("pred_2_elsewhere"));
                let ended =
                    Prediction::from_json(json!({ "id": "pred_2_elsewhere", "status": "failed" }))
                        .unwrap();
                in_store
                    .record_end(in_client.account(), &ended)
                    .now_or_never()
                    .unwrap()
                    .unwrap();
            }
        });
    let job = submit.await.unwrap();
    assert_eq!(
        vendor.submits(),
        1,
        "a third attempt is billed: {}",
        job.id()
    );
}
