//! Tests of idempotency keys: what a second submit with a key does, by the job that has the key.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use wavespeed::poll::{Clock, ManualClock, Sleep};
use wavespeed::{
    Adoption, Deadline, HistorySearch, IdempotencyKey, Identity, Intended, Intent,
    InvalidIdempotencyKey, JobBuilder, JobFilter, JobRecord, MemoryStore, Poller, Resolution,
    RunError, Stage, Status, Store as _, SubmitError, Wavespeed,
};
use wavespeed_harness::{CLIP, KEY, MODEL, raw_input};
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

/// The submit of the tests, with its key.
fn submit(client: &Wavespeed) -> JobBuilder<wavespeed::Job> {
    client.submit(raw_input(MODEL, &input())).key("clip 3")
}

async fn only_job(client: &Wavespeed) -> JobRecord {
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    let [job] = &jobs[..] else {
        panic!("one job per key: {jobs:?}")
    };
    job.clone()
}

/// Adds the job of the key as another process would: at this time, without an outcome. Returns its number
/// and the claim of its sender.
async fn intend_elsewhere(client: &Wavespeed, store: &MemoryStore, at: SystemTime) -> Intended {
    let key: IdempotencyKey = "clip 3".parse().unwrap();
    let identity = Identity::new(MODEL, &input(), &Default::default());
    let (model, body) = (MODEL.parse().unwrap(), input().to_string());
    let mut intent = Intent::new(client.account(), &model, &body, &identity, at);
    intent.key = Some(&key);
    store.intend(&intent).await.unwrap()
}

#[tokio::test]
async fn running_job_is_returned() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let first = submit(&client).await.unwrap();
    let again = submit(&client).await.unwrap();
    assert_eq!(again.id(), first.id());
    assert_eq!(again.number(), first.number());
    assert_eq!(vendor.submits(), 1);
    let job = only_job(&client).await;
    assert_eq!(job.key.unwrap().as_str(), "clip 3");
    assert_eq!(job.body, input().to_string());
}

#[tokio::test]
async fn job_that_ended_is_returned_with_its_end() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().status = "failed";
    submit(&client).await.unwrap().wait().await.unwrap();
    // The end is in the store, so the vendor need not have it any more.
    vendor.state().is_gone = true;
    let job = submit(&client).await.unwrap();
    let ended = job.wait().await.unwrap();
    assert_eq!(*ended.status(), Status::Failed);
    assert_eq!(ended.code(), Some(1500));
    assert_eq!(ended.error(), Some("the face was not found"));
    assert_eq!(vendor.submits(), 1);
    let run = client.run(raw_input(MODEL, &input())).key("clip 3");
    let error = run.await.unwrap_err();
    assert!(matches!(&error, RunError::Ended { .. }), "{error}");
    let message = "pred_1 ended as failed (code 1500): the face was not found";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn failed_job_is_sent_again_only_on_request_and_remembers_what_it_cost() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().status = "failed";
    let first = submit(&client).label("the opening").await.unwrap();
    first.wait().await.unwrap();
    vendor.state().status = "completed";
    let second = submit(&client).retry_failed().await.unwrap();
    assert_eq!(second.number(), first.number());
    assert_eq!(second.id().as_str(), "pred_2");
    let job = only_job(&client).await;
    let [attempt] = &job.attempts[..] else {
        panic!("{job:?}")
    };
    assert_eq!(attempt.id, *first.id());
    assert_eq!(attempt.status, Some(Status::Failed));
    assert_eq!(job.label.as_deref(), Some("the opening"));
    // A job that completed is never sent again.
    second.wait().await.unwrap();
    let third = submit(&client).retry_failed().await.unwrap();
    assert_eq!(third.id(), second.id());
    assert_eq!(vendor.submits(), 2);
}

#[tokio::test]
async fn rejected_job_is_sent_again_under_the_same_number() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [ResponseTemplate::new(402)].into();
    let error = submit(&client).await.unwrap_err();
    assert!(matches!(error, SubmitError::Rejected(_)), "{error}");
    let rejected = only_job(&client).await;
    let job = submit(&client).await.unwrap();
    assert_eq!(job.number(), Some(rejected.number));
    assert_eq!(only_job(&client).await.attempts, []);
}

#[tokio::test]
async fn unknown_outcome_is_looked_up_and_never_sent() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [ResponseTemplate::new(502)].into();
    for _ in 0..2 {
        let SubmitError::Unknown(unknown) = submit(&client).await.unwrap_err() else {
            panic!("the history is empty")
        };
        assert_eq!(unknown.search, HistorySearch::NotFound);
        assert_eq!(unknown.job, Some(only_job(&client).await.number));
    }
    let now = jiff::Timestamp::now().to_string();
    let item = json!({ "id": "pred_1", "model": MODEL, "status": "created", "created_at": now });
    vendor.state().history = vec![item];
    let SubmitError::Unknown(unknown) = submit(&client).adopt(false).await.unwrap_err() else {
        panic!("nothing may be adopted")
    };
    assert_eq!(unknown.search, HistorySearch::Skipped);
    let job = submit(&client).await.unwrap();
    assert_eq!(
        (job.id().as_str(), job.adoption()),
        ("pred_1", Some(Adoption::Inferred))
    );
    assert_eq!(vendor.submits(), 1);
}

#[tokio::test]
async fn job_of_a_process_that_died_is_looked_up_and_never_sent() {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    drop(intend_elsewhere(&client, &store, SystemTime::now()).await);
    let error = submit(&client).await.unwrap_err();
    assert!(matches!(error, SubmitError::Unknown(_)), "{error}");
    // Others see from now on that no one sends it.
    assert_eq!(only_job(&client).await.stage, Stage::Unknown);
    assert_eq!(vendor.submits(), 0);
}

#[tokio::test]
async fn submit_waits_for_a_process_that_sends_the_job() {
    let accepted = Resolution::Accepted("elsewhere".parse().unwrap());
    for (resolution, id) in [(accepted, "elsewhere"), (Resolution::Rejected, "pred_1")] {
        let vendor = Vendor::start().await;
        let (client, store) = vendor.client();
        let intended = intend_elsewhere(&client, &store, SystemTime::now()).await;
        let Intended::Recorded { job, claim, .. } = intended else {
            panic!("{intended:?}")
        };
        let (sender, waiting) = tokio::sync::oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let submit = submit(&client).observer(move |event| {
            if let wavespeed::RunEvent::BeingSent(_) = event {
                let sender = sender.lock().unwrap().take();
                sender.map(|sender| sender.send(()));
            }
        });
        let submit = tokio::spawn(submit.into_future());
        waiting.await.unwrap();
        store.settle(job, &resolution.into()).await.unwrap();
        drop(claim);
        let found = submit.await.unwrap().unwrap();
        assert_eq!((found.id().as_str(), found.number()), (id, Some(job)));
    }
}

#[tokio::test]
async fn wait_for_a_process_that_sends_the_job_ends_at_the_deadline() {
    let vendor = Vendor::start().await;
    let store = Arc::new(MemoryStore::default());
    let clock = ManualClock::default();
    let poller = Poller::default().with_clock(clock.clone());
    let settings = vendor.settings(Arc::clone(&store)).poller(poller);
    let client = settings.build().unwrap();
    let _claimed = intend_elsewhere(&client, &store, SystemTime::now()).await;
    let deadline = Deadline::after(Duration::from_secs(60), &clock);
    let error = submit(&client).deadline(deadline).await.unwrap_err();
    assert!(matches!(error, SubmitError::BeingSent(_)), "{error}");
    assert_eq!(vendor.submits(), 0);
}

#[tokio::test]
async fn job_that_the_vendor_no_longer_keeps_is_expired() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    let at = SystemTime::now() - WEEK - Duration::from_secs(60);
    let Intended::Recorded { job, .. } = intend_elsewhere(&client, &store, at).await else {
        panic!("the key is new")
    };
    let accepted = Resolution::Accepted("pred_0".parse().unwrap());
    store.settle(job, &accepted.into()).await.unwrap();
    let error = submit(&client).retry_failed().await.unwrap_err();
    let SubmitError::Expired { job: found, id, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*found, id.as_str()), (job, "pred_0"));
    assert_eq!(vendor.submits(), 0);
}

#[tokio::test]
async fn another_input_is_refused_and_the_first_difference_named() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    submit(&client).await.unwrap();
    let difference = async |model: &str, input: &Value| {
        let submit = client.submit(raw_input(model, input)).key("clip 3");
        match submit.await {
            Err(SubmitError::KeyConflict { difference, .. }) => difference,
            other => panic!("{other:?}"),
        }
    };
    let mut other = input();
    other["text"] = "Goodbye".into();
    assert_eq!(difference(MODEL, &other).await, "text");
    assert_eq!(difference("some/model", &input()).await, "model");
    let mut more = input();
    more["voice_speed"] = 1.5.into();
    assert_eq!(difference(MODEL, &more).await, "voice_speed");
    // The input of a job is the same whatever else the caller wants of it.
    let folder = tempfile::tempdir().unwrap();
    let same = submit(&client)
        .label("x")
        .max_price(0.01)
        .target(folder.path());
    let same = same
        .webhook("https://b.example/")
        .deadline(Deadline::never());
    assert_eq!(same.await.unwrap().id().as_str(), "pred_1");
    assert_eq!(vendor.submits(), 1);
}

#[tokio::test]
async fn files_count_by_content_and_need_not_exist_any_more() {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, content) in [("a.mp4", CLIP), ("b.mp4", CLIP), ("c.mp4", &CLIP[1..])] {
        std::fs::write(path(name), content).unwrap();
    }
    // The uploads of this vendor fail, so the job is put into the store with the hash of its file.
    let files = [("/video".to_owned(), sha256(CLIP))].into();
    let identity = Identity::new(MODEL, &input(), &files);
    let (model, key) = (MODEL.parse().unwrap(), "clip 3".parse().unwrap());
    let now = SystemTime::now();
    let mut intent = Intent::new(client.account(), &model, "{}", &identity, now);
    intent.key = Some(&key);
    let Intended::Recorded { job, .. } = store.intend(&intent).await.unwrap() else {
        panic!("the key is new")
    };
    let accepted = Resolution::Accepted("pred_0".parse().unwrap());
    store.settle(job, &accepted.into()).await.unwrap();
    let submit = |name: &str| {
        let mut input = input();
        input["video"] = path(name).to_str().unwrap().into();
        client.submit(raw_input(MODEL, &input)).key("clip 3")
    };
    for same in ["a.mp4", "b.mp4", "gone.mp4"] {
        assert_eq!(
            submit(same).await.unwrap().id().as_str(),
            "pred_0",
            "{same}"
        );
    }
    let error = submit("c.mp4").await.unwrap_err();
    assert!(
        matches!(&error, SubmitError::KeyConflict { difference, .. } if difference == "video"),
        "{error}"
    );
    assert!(vendor.state().paths.is_empty(), "nothing is sent");
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    base16ct::lower::encode_string(&sha2::Sha256::digest(content))
}

#[tokio::test]
async fn key_that_cannot_be_kept_is_refused() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let long = "k".repeat(257);
    for (key, expected) in [
        ("", InvalidIdempotencyKey::Empty),
        (&long, InvalidIdempotencyKey::TooLong(257)),
        ("a\u{7}", InvalidIdempotencyKey::Unprintable('\u{7}')),
        (KEY, InvalidIdempotencyKey::ApiKey),
    ] {
        let error = client.submit(raw_input(MODEL, &input())).key(key).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, SubmitError::Key(found) if *found == expected),
            "{error}"
        );
        assert!(!error.to_string().contains(KEY), "{error}");
    }
    let without_store = vendor
        .settings(wavespeed::NoStore::default())
        .build()
        .unwrap();
    let error = submit(&without_store).await.unwrap_err();
    assert!(matches!(error, SubmitError::KeyWithoutStore), "{error}");
    assert!(vendor.state().paths.is_empty(), "nothing is sent");
}

#[tokio::test]
async fn key_of_a_forgotten_job_is_free() {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    let first = submit(&client).await.unwrap();
    assert!(client.forget(first.number().unwrap()).await.unwrap());
    let second = submit(&client).await.unwrap();
    assert_eq!(second.id().as_str(), "pred_2");
    assert_ne!(second.number(), first.number());
    // The id of the forgotten job is still known as one of ours.
    let ids = [
        first.id().clone(),
        second.id().clone(),
        "other".parse().unwrap(),
    ];
    let known = store.known_ids(client.account(), &ids).await.unwrap();
    assert_eq!(known, ids[..2]);
}

/// A clock that stands still: a sleep only lets other tasks run, so that no submit times out while
/// others wait for it.
#[derive(Debug)]
struct StandingClock(Instant);

impl Clock for StandingClock {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep_until(&self, _: Instant) -> Sleep {
        Box::pin(tokio::task::yield_now())
    }

    fn timeout_at(&self, _: Instant) -> Sleep {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn concurrent_submits_with_one_key_are_billed_once() {
    let vendor = Vendor::start().await;
    let poller = Poller::default().with_clock(StandingClock(Instant::now()));
    let settings = vendor.settings(MemoryStore::default()).poller(poller);
    let client = settings.build().unwrap();
    let submits = (0..50).map(|_| tokio::spawn(submit(&client).into_future()));
    for submit in submits.collect::<Vec<_>>() {
        assert_eq!(submit.await.unwrap().unwrap().id().as_str(), "pred_1");
    }
    assert_eq!(vendor.submits(), 1);
    only_job(&client).await;
}

/// An account with a name keeps its jobs when the API key is replaced.
#[tokio::test]
async fn named_account_keeps_its_keys_when_the_api_key_is_replaced() {
    let vendor = Vendor::start().await;
    let store = Arc::new(MemoryStore::default());
    let client = |api_key: &str, name: Option<&str>| {
        let settings = vendor.settings(Arc::clone(&store)).key(api_key);
        let settings = name
            .into_iter()
            .fold(settings, |settings, name| settings.account(name));
        settings.build().unwrap()
    };
    let first = submit(&client("one", Some("default"))).await.unwrap();
    let second = submit(&client("two", Some("default"))).await.unwrap();
    assert_eq!(first.id(), second.id());
    // By default, every API key has an account of its own.
    for api_key in ["one", "two"] {
        submit(&client(api_key, None)).await.unwrap();
    }
    assert_eq!(vendor.submits(), 3);
    // The number of a job finds it from every account.
    let number = first.number().unwrap();
    let found = client("two", None).jobs(JobFilter::Number(number)).await;
    let found = found.unwrap();
    assert_eq!(found[0].account.name, "default");
    assert_eq!(found[0].key_fingerprint, sha256(b"one")[..12]);
}
