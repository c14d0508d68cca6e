//! Tests of a service of the program: every request passes through it, and its errors mean what they say.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use serde_json::json;
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::header::AUTHORIZATION;
use wavespeed::reqwest::{Method, Request};
use wavespeed::types::{BillingsRequest, HistoryRequest};
use wavespeed::{
    Builder, HttpError, HttpErrorKind, HttpFuture, HttpService, Poller, Purpose, Refusal,
    RequestContext, Retries, SubmitError, Target, Wavespeed,
};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::{CLIP, KEY, MODEL, input, raw_input, record, requests, serve, settings};

use crate::emulator::JoinedClock;

/// Records each request, and passes it on.
struct Recorder {
    next: Arc<dyn HttpService>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request that passed through a service.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    has_key: bool,
    context: RequestContext,
}

impl HttpService for Recorder {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        self.seen.lock().unwrap().push(Seen {
            line: format!("{} {}", request.method(), request.url().path()),
            has_key: request.headers().contains_key(AUTHORIZATION),
            context,
        });
        self.next.send(request, context)
    }
}

/// Fails every request in the same way, and passes none on.
struct Failing(HttpErrorKind);

impl HttpService for Failing {
    fn send(&self, _: Request, _: RequestContext) -> HttpFuture<'_> {
        let error = HttpError::new(self.0).with_message("refused by the test");
        Box::pin(async move { Err(error) })
    }
}

/// Starts an emulator, and returns it with the settings of a client that advances its clock.
async fn emulator(tickets: bool) -> (Emulator, Builder) {
    let emulator = Emulator::builder().key(KEY).tickets(tickets);
    let emulator = emulator.task_time(Duration::from_secs(60));
    let emulator = emulator.clock(EmulatorClock::manual()).start().await;
    let emulator = emulator.unwrap();
    let clock = JoinedClock {
        client: ManualClock::default(),
        emulator: emulator.clock().clone(),
    };
    let poller = Poller::default().with_clock(clock).with_random(|| 0.0);
    let settings = Wavespeed::builder()
        .key(KEY)
        .base_url(emulator.origin())
        .poller(poller)
        .resends(0);
    (emulator, settings)
}

/// Makes every kind of request there is. The results do not matter here.
async fn use_everything(ws: &Wavespeed, emulator: &Emulator) {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    std::fs::write(&clip, CLIP).unwrap();
    let url = ws.upload(clip.clone()).await.map(|uploaded| uploaded.url);
    let url = url.unwrap_or_else(|_| format!("{}/clip.mp4", emulator.origin()));
    let values = json!({ "video": url, "text": "Hello", "voice_id": "AOT" });
    let target = Target::new(folder.path().join("out.mp4"));
    let done = ws.run(raw_input(MODEL, &values)).target(target).await;
    if let Ok(done) = &done {
        _ = ws.open(&done.prediction, 0).await.map(drop);
        _ = ws.delete(&[done.job.id().clone()], false).await;
    }
    // A local file, which is uploaded by the submit.
    let values = json!({ "video": clip, "text": "Hi", "voice_id": "AOT" });
    _ = ws.submit(raw_input(MODEL, &values)).await;
    _ = ws.price(MODEL, &values).await;
    _ = ws.balance().await;
    _ = ws.live_models().await;
    _ = ws.webhook_secret().await;
    _ = ws.call(Method::GET, "/balance", None).await;
    let history = ws.history(HistoryRequest::default());
    _ = history.try_collect::<Vec<_>>().await;
    let billings = ws.billings(BillingsRequest::default());
    _ = billings.try_collect::<Vec<_>>().await;
    let now = SystemTime::now();
    _ = ws.usage(now - Duration::from_secs(60), now, None).await;
}

#[tokio::test]
async fn every_request_passes_through_the_service() {
    for (tickets, upload) in [(true, Purpose::Upload), (false, Purpose::Api)] {
        let (emulator, settings) = emulator(tickets).await;
        let seen = Arc::new(Mutex::default());
        let recorded = Arc::clone(&seen);
        let settings = settings.http_service(move |next| {
            Arc::new(Recorder {
                next,
                seen: recorded,
            })
        });
        let ws = settings.build().unwrap();
        use_everything(&ws, &emulator).await;
        let seen: Vec<Seen> = seen.lock().unwrap().clone();
        let mut passed: Vec<&str> = seen.iter().map(|seen| &*seen.line).collect();
        let arrived = emulator.requests();
        let arrived = arrived.iter().map(|request| {
            let path = request.path.split('?').next().unwrap();
            format!("{} {path}", request.method)
        });
        let mut arrived: Vec<String> = arrived.collect();
        passed.sort_unstable();
        arrived.sort_unstable();
        assert_eq!(passed, arrived);
        for purpose in [Purpose::Api, Purpose::Submit, Purpose::Download, upload] {
            let is_seen = seen.iter().any(|seen| seen.context.purpose == purpose);
            assert!(is_seen, "{purpose:?}");
        }
        for seen in &seen {
            assert_eq!(seen.has_key, seen.context.purpose.has_api_key(), "{seen:?}");
            assert_eq!(seen.context.attempt, 1, "{seen:?}");
        }
    }
}

#[tokio::test]
async fn nothing_bypasses_a_service_that_fails_everything() {
    let (emulator, settings) = emulator(true).await;
    let settings = settings.http_service(|_| Arc::new(Failing(HttpErrorKind::Broken)));
    let ws = settings.build().unwrap();
    use_everything(&ws, &emulator).await;
    assert_eq!(emulator.requests().len(), 0);
    let error = ws.balance().await.unwrap_err().to_string();
    assert!(error.contains("refused by the test"), "{error}");
}

#[tokio::test]
async fn later_service_wraps_the_earlier_one() {
    let (_emulator, settings) = emulator(true).await;
    let seen = Arc::new(Mutex::default());
    let recorded = Arc::clone(&seen);
    let ws = settings
        .retries(Retries::none())
        .http_service(|_| Arc::new(Failing(HttpErrorKind::Connect)))
        .http_service(move |next| {
            Arc::new(Recorder {
                next,
                seen: recorded,
            })
        });
    let ws = ws.build().unwrap();
    ws.balance().await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn kind_of_the_error_decides_whether_a_submit_is_rejected() {
    for (kind, expected) in [
        (HttpErrorKind::Request, Some(Refusal::NotSent)),
        (HttpErrorKind::Connect, Some(Refusal::NotSent)),
        (HttpErrorKind::Unprocessed, Some(Refusal::Unprocessed)),
        (HttpErrorKind::Timeout, None),
        (HttpErrorKind::Broken, None),
    ] {
        let settings = settings("http://127.0.0.1:1", &ManualClock::default());
        let settings = settings.http_service(move |_| Arc::new(Failing(kind)));
        let refusal = match settings.build().unwrap().submit(&input()).await {
            Err(SubmitError::Rejected(rejected)) => Some(rejected.refusal),
            Err(SubmitError::Unknown(_)) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal, expected, "{kind:?}");
    }
}

/// Fails the first submit, which reaches no server, and passes the later ones on.
struct FirstUnprocessed {
    next: Arc<dyn HttpService>,
    is_first: Mutex<bool>,
}

impl HttpService for FirstUnprocessed {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        if std::mem::take(&mut *self.is_first.lock().unwrap()) {
            return Failing(HttpErrorKind::Unprocessed).send_owned();
        }
        self.next.send(request, context)
    }
}

impl Failing {
    fn send_owned(self) -> HttpFuture<'static> {
        Box::pin(async move { Err(HttpError::new(self.0)) })
    }
}

#[tokio::test]
async fn unprocessed_submit_is_sent_again() {
    let server = serve([wavespeed_harness::answer(&record("created"))]).await;
    let settings = settings(&server.uri(), &ManualClock::default()).resends(1);
    let ws = settings.http_service(|next| {
        let is_first = Mutex::new(true);
        Arc::new(FirstUnprocessed { next, is_first })
    });
    ws.build().unwrap().submit(&input()).await.unwrap();
    assert_eq!(requests(&server).await.len(), 1);
}
