//! Tests of a submit: the request that it sends, its timeout, and the order in which the store learns
//! of it. A store that logs its calls, and fails at a chosen one, shares its log with the server.

use std::future::{IntoFuture as _, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::poll;
use serde_json::json;
use wavespeed::models::kwaivgi::KlingLipsyncTextToVideoVoiceLanguage as Language;
use wavespeed::poll::ManualClock;
use wavespeed::{
    Account, Claim, Downloaded, Intended, Intent, JobFilter, JobNumber, JobRecord, Prediction,
    PredictionId, Refusal, Resolution, Settlement, Store, StoreError, StoreFuture, SubmitError,
};
use wavespeed_harness::tcp::{self, Action, Server};
use wavespeed_harness::{
    ID, KEY, MODEL, answer, client, input, raw_input, record, requests, serve, settings,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

#[tokio::test]
async fn submit_sends_the_documented_request_once() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut more = input();
    more.voice_language = Some(Language::Zh);
    more.voice_speed = Some(1.5);
    client.submit(&input()).await.unwrap();
    client.submit(&more).await.unwrap();
    // A model outside the catalogue is sent with any input.
    let flux = json!({ "prompt": "a \"cat\"\n", "seed": 7, "flags": [true, null] });
    client
        .submit(raw_input("wavespeed-ai/flux-9.1/edit", &flux))
        .await
        .unwrap();

    let least = json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "genshin_klee2" });
    let mut most = least.clone();
    most["voice_language"] = "zh".into();
    most["voice_speed"] = 1.5.into();
    let sent = requests(&server).await;
    let expected = [
        (MODEL, least),
        (MODEL, most),
        ("wavespeed-ai/flux-9.1/edit", flux),
    ];
    assert_eq!(sent.len(), expected.len(), "each submit sends one request");
    for (request, (model, body)) in sent.iter().zip(expected) {
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(request.url.path(), format!("/api/v3/{model}"));
        assert_eq!(request.url.query(), None);
        assert_eq!(request.body, body.to_string().into_bytes());
        assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(request.headers["content-type"], "application/json");
        assert!(!request.headers.contains_key("api-version"));
    }
}

#[tokio::test]
async fn job_keeps_the_vendors_answer() {
    let data = json!({ "id": ID, "status": "created", "model": MODEL, "later": 1 });
    let server = serve([answer(&data)]).await;
    let job = client(&server.uri()).0.submit(&input()).await.unwrap();
    let submitted = job.submitted().unwrap();
    assert_eq!(submitted.model(), Some(MODEL));
    assert_eq!(submitted.raw(), &data);
}

#[tokio::test]
async fn missing_answer_is_an_unknown_outcome_after_the_time_out() {
    let server = Server::start([Action::stall()]).await;
    let (client, clock) = client(&server.origin);
    let mut submit = client.submit(&input()).into_future();
    tokio::select! {
        _ = &mut submit => panic!("the server has not answered"),
        () = server.arrived(1) => clock.advance(Duration::from_secs(119)),
    }
    assert!(poll!(&mut submit).is_pending());
    clock.advance(Duration::from_secs(1));
    let error = submit.await.unwrap_err();
    let SubmitError::Unknown(unknown) = &error else {
        panic!("{error}")
    };
    assert_eq!(unknown.message, "no answer within 120 s");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn id_in_an_answer_that_stalls_is_not_lost() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let half = format!(r#"{head}{{"code":200,"data":{{"id":"{ID}","status":"cre"#);
    let server = Server::start([Action::send(half)]).await;
    let (client, clock) = client(&server.origin);
    let mut submit = client.submit(&input()).into_future();
    tokio::select! {
        _ = &mut submit => panic!("the answer is incomplete"),
        () = server.arrived(1) => {}
    }
    // Another round trip on loopback ensures that the partial answer has arrived.
    let other = serve([answer(&record("created"))]).await;
    let job = self::client(&other.uri()).0.job(ID).unwrap();
    tokio::select! {
        _ = &mut submit => panic!("the answer is incomplete"),
        fetched = job.fetch() => assert!(fetched.is_ok()),
    }
    clock.advance(Duration::from_secs(120));
    assert_eq!(submit.await.unwrap().id().as_str(), ID);
}

/// The calls of the store and the requests to the server, in order.
type Events = Arc<Mutex<Vec<String>>>;

/// A store that logs its calls and fails at the call `fails_at`.
#[derive(Debug, Default)]
struct LoggingStore {
    events: Events,
    fails_at: &'static str,
}

impl LoggingStore {
    fn log(&self, call: &str, event: String) -> Result<(), StoreError> {
        self.events.lock().unwrap().push(event);
        if call == self.fails_at {
            return Err(StoreError::new("the disk is full"));
        }
        Ok(())
    }
}

impl Store for LoggingStore {
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
        let logged = self.log("intend", format!("intend {} {}", intent.model, intent.body));
        Box::pin(ready(logged.map(|()| Intended::Recorded {
            job: JobNumber::new(7),
            claim: Claim::default(),
            running: None,
        })))
    }

    fn settle(&self, job: JobNumber, settlement: &Settlement) -> StoreFuture<()> {
        let outcome = match &settlement.resolution {
            Resolution::Accepted(id) => format!("accepted {id}"),
            other => format!("{other:?}").to_lowercase(),
        };
        Box::pin(ready(self.log("settle", format!("settle {job} {outcome}"))))
    }

    fn record_end(&self, _: &Account, prediction: &Prediction) -> StoreFuture<()> {
        Box::pin(ready(
            self.log("ended", format!("ended {}", prediction.status())),
        ))
    }

    fn record_saved(&self, _: &Account, id: &PredictionId, _: &[Downloaded]) -> StoreFuture<()> {
        Box::pin(ready(self.log("saved", format!("saved {id}"))))
    }

    fn jobs(&self, _: &Account, _: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn known_ids(&self, _: &Account, _: &[PredictionId]) -> StoreFuture<Vec<PredictionId>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn forget(&self, _: JobNumber) -> StoreFuture<bool> {
        Box::pin(ready(Ok(false)))
    }
}

/// Submits once to a server with this answer, and waits for the end if the job was accepted. Returns
/// the result and the events.
async fn submit_with_store(
    answer_to_post: ResponseTemplate,
    fails_at: &'static str,
) -> (Result<Prediction, SubmitError>, Vec<String>) {
    let events = Events::default();
    let server = MockServer::start().await;
    let seen = Arc::clone(&events);
    let respond = move |request: &Request| {
        let is_post = request.method.as_str() == "POST";
        seen.lock().unwrap().push(request.method.to_string());
        if is_post {
            answer_to_post.clone()
        } else {
            answer(&record("failed"))
        }
    };
    Mock::given(wiremock::matchers::any())
        .respond_with(respond)
        .mount(&server)
        .await;
    let store = LoggingStore {
        events: Arc::clone(&events),
        fails_at,
    };
    let client = settings(&server.uri(), &ManualClock::default())
        .store(store)
        .build()
        .unwrap();
    let ended = match client.submit(&input()).await {
        Ok(job) => {
            assert_eq!(job.store_error().is_some(), fails_at == "settle");
            Ok(job.wait().await.unwrap())
        }
        Err(error) => Err(error),
    };
    let events = events.lock().unwrap().clone();
    (ended, events)
}

#[tokio::test]
async fn submit_is_recorded_before_it_is_sent_and_after_the_answer() {
    let intend = format!("intend {MODEL} {}", json!(input()));
    let accepted = format!("settle j7 accepted {ID}");
    let all = [&*intend, "POST", &*accepted, "GET", "ended failed"];
    // A failure of the store after the submit neither loses the job nor prevents later records.
    for fails_at in ["nowhere", "settle", "ended"] {
        let (ended, events) = submit_with_store(answer(&record("created")), fails_at).await;
        let mut events = events;
        // The outcome is recorded with retries.
        events.dedup();
        assert_eq!(ended.unwrap().id(), ID, "{fails_at}");
        assert_eq!(events, all, "{fails_at}");
    }
    let (ended, events) = submit_with_store(ResponseTemplate::new(401), "nowhere").await;
    assert!(matches!(ended, Err(SubmitError::Rejected(_))));
    assert_eq!(events, [&*intend, "POST", "settle j7 rejected"]);
    let (ended, mut events) = submit_with_store(ResponseTemplate::new(502), "settle").await;
    events.dedup();
    assert!(matches!(ended, Err(SubmitError::Unknown(_))), "{ended:?}");
    assert_eq!(events, [&*intend, "POST", "settle j7 unknown"]);
}

#[tokio::test]
async fn submit_that_cannot_be_recorded_is_not_sent() {
    let intend = format!("intend {MODEL} {}", json!(input()));
    let (ended, events) = submit_with_store(answer(&record("created")), "intend").await;
    assert!(matches!(ended, Err(SubmitError::Store(_))), "{ended:?}");
    assert_eq!(events, [&*intend]);
}

#[tokio::test]
async fn submit_that_was_not_sent_is_recorded_as_rejected() {
    let events = Events::default();
    let store = LoggingStore {
        events: Arc::clone(&events),
        fails_at: "",
    };
    let (closed_port, _reserved) = tcp::closed_port();
    let client = settings(&closed_port, &ManualClock::default())
        .store(store)
        .build()
        .unwrap();
    let error = client.submit(&input()).await.unwrap_err();
    let SubmitError::Rejected(rejected) = &error else {
        panic!("{error}")
    };
    assert_eq!(rejected.refusal, Refusal::NotSent);
    assert_eq!(events.lock().unwrap().last().unwrap(), "settle j7 rejected");
}
