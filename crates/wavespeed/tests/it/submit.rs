//! What a submit sends, and when what is written down about it.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::poll;
use serde_json::json;
use wavespeed::models::kwaivgi::KlingLipsyncTextToVideoVoiceLanguage as Language;
use wavespeed::poll::ManualClock;
use wavespeed::{
    Account, Claim, Downloaded, Intent, JobFilter, JobNumber, JobRecord, Prediction, PredictionId,
    Refusal, Resolution, Store, StoreError, SubmitError,
};
use wavespeed_harness::tcp::{self, Act, Server};
use wavespeed_harness::{ID, KEY, MODEL, answer, client, input, record, requests, serve, settings};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

#[tokio::test]
async fn the_request_is_as_documented() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut more = input();
    more.voice_language = Some(Language::Zh);
    more.voice_speed = Some(1.5);
    client.submit(&input()).await.unwrap();
    client.submit(&more).await.unwrap();
    // Also a model that the catalogue does not have, with whatever it takes.
    let raw = json!({ "prompt": "a \"cat\"\n", "seed": 7, "flags": [true, null] });
    client
        .submit_raw("wavespeed-ai/flux-9.1/edit", &raw)
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
        ("wavespeed-ai/flux-9.1/edit", raw),
    ];
    assert_eq!(sent.len(), expected.len(), "each is sent once");
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
async fn what_the_vendor_answered_is_kept_with_the_job() {
    let data = json!({ "id": ID, "status": "created", "model": MODEL, "later": 1 });
    let server = serve([answer(&data)]).await;
    let job = client(&server.uri()).0.submit(&input()).await.unwrap();
    let submitted = job.submitted().unwrap();
    assert_eq!(submitted.model.as_deref(), Some(MODEL));
    assert_eq!(submitted.raw(), &data);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_as_long_as_set() {
    let server = Server::start([Act::stall()]).await;
    let (client, clock) = client(&server.origin);
    let input = input();
    let mut submit = pin!(client.submit(&input));
    tokio::select! {
        _ = &mut submit => panic!("nobody has answered"),
        () = server.arrived(1) => clock.advance(Duration::from_secs(119)),
    }
    assert!(poll!(&mut submit).is_pending());
    clock.advance(Duration::from_secs(1));
    let error = submit.await.unwrap_err();
    let SubmitError::Unknown(unknown) = &error else {
        panic!("{error}")
    };
    assert_eq!(unknown.message, "no answer within 120s");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_id_that_came_before_the_answer_stalls_is_not_lost() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let half = format!(r#"{head}{{"code":200,"data":{{"id":"{ID}","status":"cre"#);
    let server = Server::start([Act::send(half)]).await;
    let (client, clock) = client(&server.origin);
    let input = input();
    let mut submit = pin!(client.submit(&input));
    tokio::select! {
        _ = &mut submit => panic!("the answer is not whole"),
        () = server.arrived(1) => {}
    }
    // What was sent is there by the time another connection has gone to and fro.
    let other = serve([answer(&record("created"))]).await;
    let job = self::client(&other.uri()).0.job(ID).unwrap();
    tokio::select! {
        _ = &mut submit => panic!("the answer is not whole"),
        fetched = job.fetch() => assert!(fetched.is_ok()),
    }
    clock.advance(Duration::from_secs(120));
    assert_eq!(submit.await.unwrap().id().as_str(), ID);
}

/// What happens to a submit, in the order in which it happens.
type Events = Arc<Mutex<Vec<String>>>;

/// A store that writes down what it is told, and fails where it is told to.
#[derive(Debug, Default)]
struct Recorder {
    events: Events,
    fails_at: &'static str,
}

impl Recorder {
    fn note(&self, what: &str, event: String) -> Result<(), StoreError> {
        self.events.lock().unwrap().push(event);
        if what == self.fails_at {
            return Err(StoreError::new("the disk is full"));
        }
        Ok(())
    }
}

impl Store for Recorder {
    fn intend(&self, intent: &Intent<'_>) -> Result<JobNumber, StoreError> {
        let event = format!("intend {} {}", intent.model, intent.input["text"]);
        self.note("intend", event)?;
        Ok(JobNumber::new(7))
    }

    fn settle(&self, job: JobNumber, outcome: &Resolution<'_>) -> Result<(), StoreError> {
        let outcome = match outcome {
            Resolution::Accepted(id) => format!("accepted {id}"),
            other => format!("{other:?}").to_lowercase(),
        };
        self.note("settle", format!("settle {job} {outcome}"))
    }

    fn claim(&self, job: JobNumber) -> Result<Claim, StoreError> {
        match self.fails_at {
            "claim" => Err(StoreError::claimed(job)),
            _ => Ok(Claim::default()),
        }
    }

    fn record_end(&self, _: &Account, prediction: &Prediction) -> Result<(), StoreError> {
        self.note("ended", format!("ended {}", prediction.status))
    }

    fn record_saved(
        &self,
        _: &Account,
        id: &PredictionId,
        _: &[Downloaded],
    ) -> Result<(), StoreError> {
        self.note("saved", format!("saved {id}"))
    }

    fn jobs(&self, _: &Account, _: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        Ok(Vec::new())
    }

    fn forget(&self, _: &Account, _: JobNumber) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// Submits once to a server that answers so, and waits for the end if it was accepted; what came
/// of it, and what happened.
async fn with_store(
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
    let store = Recorder {
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
async fn a_submit_is_written_down_before_it_is_sent_and_after_it_was_answered() {
    let intend = format!("intend {MODEL} \"Hello\"");
    let accepted = format!("settle j7 accepted {ID}");
    let all = [&*intend, "POST", &*accepted, "GET", "ended failed"];
    // What it is told last is told even if it failed before, and no failure loses the task.
    for fails_at in ["nowhere", "settle", "ended"] {
        let (ended, events) = with_store(answer(&record("created")), fails_at).await;
        assert_eq!(ended.unwrap().id, ID, "{fails_at}");
        assert_eq!(events, all, "{fails_at}");
    }
    let (ended, events) = with_store(ResponseTemplate::new(401), "nowhere").await;
    assert!(matches!(ended, Err(SubmitError::Rejected(_))));
    assert_eq!(events, [&*intend, "POST", "settle j7 rejected"]);
    let (ended, events) = with_store(ResponseTemplate::new(502), "settle").await;
    assert!(matches!(ended, Err(SubmitError::Unknown(_))), "{ended:?}");
    assert_eq!(events, [&*intend, "POST", "settle j7 unknown"]);
}

#[tokio::test]
async fn a_submit_that_cannot_be_written_down_is_not_sent() {
    let intend = format!("intend {MODEL} \"Hello\"");
    let (ended, events) = with_store(answer(&record("created")), "intend").await;
    assert!(matches!(ended, Err(SubmitError::Store(_))), "{ended:?}");
    assert_eq!(events, [&*intend]);
    // Nor is one that somebody else sends, and it leaves nothing open.
    let (ended, events) = with_store(answer(&record("created")), "claim").await;
    assert!(matches!(ended, Err(SubmitError::Store(_))), "{ended:?}");
    assert_eq!(events, [&*intend, "settle j7 rejected"]);
}

#[tokio::test]
async fn a_submit_that_was_never_sent_is_settled() {
    let events = Events::default();
    let store = Recorder {
        events: Arc::clone(&events),
        fails_at: "",
    };
    let (nobody, _taken) = tcp::nobody();
    let client = settings(&nobody, &ManualClock::default())
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
