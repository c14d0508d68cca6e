//! Tests of the span of each request: its fields, and that no secret is in any of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::Method;
use wavespeed::{Prediction, Target};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{ID, KEY, settings};

/// A text that stands in the query of each URL here, as a signature would.
const SIGNATURE: &str = "s1gnature";

/// The fields of spans and events, by name.
type Fields = BTreeMap<&'static str, String>;

/// Collects the spans and events of this library.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<(&'static str, Fields)>>>,
    events: Arc<Mutex<Vec<Fields>>>,
}

/// Adds each field that it visits.
struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("wavespeed")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Visitor(&mut fields));
        let mut spans = self.spans.lock().unwrap();
        spans.push((span.metadata().name(), fields));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let at = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Visitor(&mut self.spans.lock().unwrap()[at].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        self.events.lock().unwrap().push(fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Collector {
    /// Returns method, path, attempt and status of each request; an empty text stands for a missing field.
    fn requests(&self) -> Vec<[String; 4]> {
        let spans = self.spans.lock().unwrap();
        let requests = spans.iter().filter(|(name, _)| *name == "http");
        let fields = ["method", "path", "attempt", "status"];
        requests
            .map(|(_, span)| fields.map(|name| span.get(name).cloned().unwrap_or_default()))
            .collect()
    }

    /// Returns everything that was traced, as one text.
    pub(crate) fn text(&self) -> String {
        let (spans, events) = (self.spans.lock().unwrap(), self.events.lock().unwrap());
        format!("{spans:?} {events:?}")
    }
}

#[tokio::test]
async fn span_has_method_path_attempt_and_status_and_no_secret() {
    let half = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 6\r\n\r\nabc";
    let rest = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-5/6\r\n\
                Content-Length: 3\r\n\r\ndef";
    let actions = [
        Action::answer(r#"{"code":200,"data":{"balance":1.5}}"#),
        Action::hang_up(half),
        Action::send(rest),
        Action::hang_up(""),
    ];
    let server = Server::start(actions).await;
    let client = settings(&server.origin, &ManualClock::default());
    let client = client.build().unwrap();
    let collector = Collector::default();
    let subscribed = tracing::subscriber::set_default(collector.clone());

    let path = format!("/balance?key={SIGNATURE}");
    client.call(Method::GET, &path, None).await.unwrap();
    let folder = TempDir::new().unwrap();
    let url = format!("{}/out.glb?signature={SIGNATURE}", server.origin);
    let done = json!({ "id": ID, "status": "completed", "outputs": [url] });
    let done = Prediction::from_json(done).unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    client.download(&done, &target).await.unwrap();
    client.call(Method::POST, &path, None).await.unwrap_err();
    drop(subscribed);

    let expected = [
        ["GET", "/api/v3/balance", "1", "200"],
        ["GET", "/out.glb", "1", "200"],
        ["GET", "/out.glb", "2", "206"],
        ["POST", "/api/v3/balance", "1", ""],
    ];
    assert_eq!(collector.requests(), expected);
    // The retry of the download is an event.
    let text = collector.text();
    assert!(text.contains("a download is retried"), "{text}");
    for secret in [KEY, SIGNATURE] {
        assert!(!text.contains(secret), "{text}");
    }
}
