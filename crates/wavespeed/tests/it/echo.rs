//! Tests with a server that repeats the headers of each request, and with it the API key: in the fields of its
//! JSON, in its own headers, and in an error page. Nothing that is shown, traced or stored has the key, and
//! what is used is unchanged.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::Method;
use wavespeed::types::{BillingsRequest, HistoryRequest};
use wavespeed::{
    JobFilter, MemoryStore, Prediction, SaveError, SubmitError, Target, UploadSource, Wavespeed,
};
use wavespeed_harness::{MODEL, raw_input, requests, settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::spans::Collector;

/// An API key of the usual length.
const LONG_KEY: &str = "wsk_0123456789abcdef0123456789";

/// The way in which the server repeats the headers.
#[derive(Clone, Copy, Debug)]
enum Echo {
    /// In every text of a success.
    Success,
    /// In a success whose record has no readable id.
    NoRecord,
    /// In the message of an error.
    Message,
    /// In the page of a gateway.
    Page,
}

impl Echo {
    fn respond(self, request: &Request) -> ResponseTemplate {
        let key = request.headers.get("authorization");
        let key = key.map_or("nobody", |key| key.to_str().unwrap());
        let headers: Vec<String> = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        let answer = match self {
            Self::Success => ResponseTemplate::new(200).set_body_json(json!({
                "code": 200,
                "message": key,
                "error_code": key,
                "data": data(request.url.path(), key, &headers),
            })),
            Self::NoRecord => {
                ResponseTemplate::new(200).set_body_json(json!({ "you sent": headers }))
            }
            Self::Message => ResponseTemplate::new(503)
                .set_body_json(json!({ "code": 503, "message": key, "error_code": key })),
            Self::Page => {
                ResponseTemplate::new(502).set_body_string(format!("<pre>{headers:?}</pre>"))
            }
        };
        answer.insert_header("x-you-sent", key)
    }
}

/// Returns data that every call can read, with the headers in each text of them.
fn data(path: &str, key: &str, headers: &[String]) -> Value {
    let prediction = json!({
        "id": "pred_1", "model": MODEL, "status": "failed", "error": key, "headers": headers, key: key,
        "created_at": key,
    });
    if path.ends_with("/models") {
        return json!([{ "model_id": "vendor/new", "name": key, "description": key, "headers": headers }]);
    }
    let mut data = prediction.clone();
    data["items"] = json!([prediction]);
    for (name, value) in [
        ("price", json!(0.1)),
        ("currency", json!(key)),
        ("balance", json!(1)),
        ("page", json!(1)),
        ("deleted_count", json!(1)),
        (
            "upload",
            json!({ "url": "http://127.0.0.1:1/", "method": key }),
        ),
        ("download_url", json!("https://files.example/a")),
    ] {
        data[name] = value;
    }
    data
}

async fn serve(echo: Echo) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &Request| echo.respond(request);
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    server
}

fn input(video: &str) -> Value {
    json!({ "video": video, "text": "Hello", "voice_id": "AOT" })
}

/// Everything that is shown of a result: its `Debug`, and the texts of an error and of its sources.
fn shown<T: Debug, E: Error>(result: &Result<T, E>) -> String {
    let mut text = format!("{result:?}");
    let mut error = result.as_ref().err().map(|error| error as &dyn Error);
    while let Some(cause) = error {
        text = format!("{text}\n{cause}\n{cause:?}");
        error = cause.source();
    }
    text
}

/// Makes every kind of call, and returns the name of each with everything that it shows.
async fn use_everything(ws: &Wavespeed) -> Vec<(&'static str, String)> {
    let values = input("https://a.example/clip.mp4");
    let soon = Duration::from_secs(30);
    let submitted = ws.submit(raw_input(MODEL, &values)).await;
    let mut all = vec![("submit", shown(&submitted))];
    if let Ok(job) = &submitted {
        all.push(("submitted", format!("{:?}", job.submitted())));
    }
    let job = ws.job("pred_1").unwrap();
    let ended = job.wait_for(soon).await;
    if let Ok(ended) = &ended {
        all.push((
            "end",
            format!("{ended:?} {} {:?}", ended.raw(), ended.error()),
        ));
        all.push(("failure", shown(&ended.completed())));
        let target = Target::new("nowhere.mp4");
        all.push(("download", shown(&ws.download(ended, &target).await)));
    }
    all.push(("wait", shown(&ended)));
    all.push(("fetch", shown(&job.fetch().await)));
    all.push(("price", shown(&ws.price(MODEL, &values).await)));
    all.push(("balance", shown(&ws.balance().await)));
    all.push(("models", shown(&ws.live_models().await)));
    all.push(("secret", shown(&ws.webhook_secret().await)));
    all.push(("call", shown(&ws.call(Method::GET, "/balance", None).await)));
    let history = ws.history(HistoryRequest::default());
    all.push(("history", shown(&history.try_collect::<Vec<_>>().await)));
    let billings = ws.billings(BillingsRequest::default());
    all.push(("billings", shown(&billings.try_collect::<Vec<_>>().await)));
    let now = SystemTime::now();
    all.push(("usage", shown(&ws.usage(now - soon, now, None).await)));
    let upload = ws.upload(UploadSource::bytes("clip.mp4", vec![0; 10]));
    all.push(("upload", shown(&upload.await)));
    for record in ws.jobs(JobFilter::All).await.unwrap() {
        let reconciled = ws.reconcile(&record, ws.deadline()).await;
        all.push(("reconcile", shown(&reconciled)));
        all.push(("resume", shown(&ws.resume(&record, ws.deadline()).await)));
    }
    let id = "pred_1".parse().unwrap();
    all.push(("delete", shown(&ws.delete(&[id], true).await)));
    all.push(("stored", format!("{:?}", ws.jobs(JobFilter::All).await)));
    all
}

#[tokio::test]
async fn key_that_a_server_repeats_is_not_shown_traced_or_stored() {
    for echo in [Echo::Success, Echo::NoRecord, Echo::Message, Echo::Page] {
        let server = serve(echo).await;
        let store = Arc::new(MemoryStore::default());
        let clock = ManualClock::default();
        let settings = settings(&server.uri(), &clock).key(LONG_KEY);
        let ws = settings.store(Arc::clone(&store)).build().unwrap();
        let collector = Collector::default();
        let subscribed = tracing::subscriber::set_default(collector.clone());
        let all = use_everything(&ws).await;
        drop(subscribed);
        let leaks: Vec<_> = all
            .iter()
            .filter(|(_, text)| text.contains(LONG_KEY))
            .collect();
        assert!(leaks.is_empty(), "{echo:?}: {leaks:#?}");
        // The texts are there, and say where the key was.
        let redacted = all.iter().filter(|(_, text)| text.contains("[API key]"));
        let expected = match echo {
            Echo::NoRecord => 3,
            _ => 10,
        };
        assert!(redacted.count() >= expected, "{echo:?}: {all:#?}");
        assert!(!collector.text().contains(LONG_KEY), "{echo:?}");
        // The server did get the key.
        let sent = requests(&server).await;
        assert!(sent.len() > 12, "{echo:?}");
    }
}

#[tokio::test]
async fn key_in_a_value_that_is_used_stays() {
    let output = format!("https://files.example/out.mp4?token={LONG_KEY}");
    let record = json!({
        "id": LONG_KEY, "status": "completed", "outputs": [output], "urls": { "get": output },
        "error": format!("the key {LONG_KEY} is old"),
    });
    let server = wavespeed_harness::serve([wavespeed_harness::answer(&record)]).await;
    let clock = ManualClock::default();
    let store = Arc::new(MemoryStore::default());
    let settings = settings(&server.uri(), &clock).key(LONG_KEY);
    let ws = settings.store(Arc::clone(&store)).build().unwrap();
    let job = ws
        .submit(raw_input(MODEL, &input("https://a.example/clip.mp4")))
        .await
        .unwrap();
    assert_eq!(job.id().as_str(), LONG_KEY);
    let done = job.wait().await.unwrap();
    assert_eq!(done.outputs(), [json!(output)]);
    assert_eq!(done.get_url(), Some(&*output));
    assert_eq!(done.error(), Some("the key [API key] is old"));
    // The output can still be saved by the record of the store.
    let stored = ws.jobs(JobFilter::Id(job.id())).await.unwrap().remove(0);
    assert_eq!(stored.ended().unwrap().outputs(), [json!(output)]);
}

#[tokio::test]
async fn short_key_does_not_destroy_texts() {
    let message = r#"{"code":400,"message":"Bearer a: a bad apple"}"#;
    let refused = ResponseTemplate::new(400).set_body_raw(message, "application/json");
    let server = wavespeed_harness::serve([refused]).await;
    let clock = ManualClock::default();
    let ws = settings(&server.uri(), &clock).key("a").build().unwrap();
    let error = ws
        .submit(raw_input(MODEL, &input("https://a.example/clip.mp4")))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Bearer [API key]: a bad apple"),
        "{error}"
    );
}

#[tokio::test]
async fn password_of_a_url_is_sent_and_not_shown() {
    let (closed, _reserved) = wavespeed_harness::tcp::closed_port();
    let secret = closed.replace("http://", "http://me:hunter2@");
    let video = format!("{secret}/clip.mp4");
    let message = json!({ "code": 400, "message": format!("could not fetch {video}") });
    let server =
        wavespeed_harness::serve([ResponseTemplate::new(400).set_body_json(message)]).await;
    let clock = ManualClock::default();
    let ws = settings(&server.uri(), &clock).build().unwrap();
    let submit = |video: &str| ws.submit(raw_input(MODEL, &input(video)));

    let refused = submit(&video).await;
    assert!(
        matches!(refused, Err(SubmitError::Rejected(_))),
        "{refused:?}"
    );
    let sent = String::from_utf8(requests(&server).await[0].body.clone()).unwrap();
    assert!(sent.contains("me:hunter2@"), "{sent}");
    let faults = ws
        .check_urls(wavespeed::model(MODEL).unwrap(), &input(&video))
        .await;
    let malformed = submit("ftp://me:hunter2@a.example/clip.mp4").await;
    let webhook = submit("https://a.example/clip.mp4")
        .webhook("http://me:hunter2@a.example/?b c")
        .await;
    assert!(
        matches!(webhook, Err(SubmitError::Webhook { .. })),
        "{webhook:?}"
    );
    let done = json!({ "id": "pred_1", "status": "completed", "outputs": [video] });
    let done = Prediction::from_json(done).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let download = ws.download(&done, &target).await;
    let opened: Result<(), SaveError> = ws.open(&done, 0).await.map(drop);
    for text in [
        shown(&refused),
        format!("{faults:?} {}", serde_json::to_string(&faults).unwrap()),
        shown(&malformed),
        shown(&webhook),
        shown(&download),
        shown(&opened),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
