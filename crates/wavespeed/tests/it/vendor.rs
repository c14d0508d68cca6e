//! A vendor on loopback whose answers a test can change, and which counts what is billed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{Builder, MemoryStore, Store, Wavespeed};
use wavespeed_harness::{CLIP, MODEL, answer, settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The content of each output.
pub(crate) const OUTPUT: &[u8] = CLIP;

/// A vendor that accepts submits under the ids `pred_1`, `pred_2` and so on.
pub(crate) struct Vendor {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

/// What the vendor has received, and how it answers.
#[derive(Default)]
pub(crate) struct State {
    /// The bodies of the submits.
    pub(crate) submits: Vec<Value>,
    /// The webhooks of the submits.
    pub(crate) webhooks: Vec<String>,
    /// The paths of all requests.
    pub(crate) paths: Vec<String>,
    /// The answers to the next submits, before any is accepted.
    pub(crate) next: VecDeque<ResponseTemplate>,
    /// The status of every prediction.
    pub(crate) status: &'static str,
    /// The items of the history.
    pub(crate) history: Vec<Value>,
    /// The number of looks at the history that do not show the items yet.
    pub(crate) lag: usize,
    /// `true` if the vendor no longer keeps predictions and outputs.
    pub(crate) is_gone: bool,
}

impl Vendor {
    /// Starts a vendor whose predictions complete at once.
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let state = State {
            status: "completed",
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let (shared, origin) = (Arc::clone(&state), server.uri());
        let respond = move |request: &Request| shared.lock().unwrap().respond(request, &origin);
        Mock::given(any())
            .respond_with(respond)
            .mount(&server)
            .await;
        Self { server, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns the number of submits that were sent.
    pub(crate) fn submits(&self) -> usize {
        self.state().submits.len()
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// Returns the settings of a client, with this store.
    pub(crate) fn settings(&self, store: impl Store + 'static) -> Builder {
        settings(&self.url(), &ManualClock::default()).store(store)
    }

    /// Returns a client, and its store.
    pub(crate) fn client(&self) -> (Wavespeed, Arc<MemoryStore>) {
        let store = Arc::new(MemoryStore::default());
        let client = self.settings(Arc::clone(&store)).build().unwrap();
        (client, store)
    }
}

impl State {
    fn respond(&mut self, request: &Request, origin: &str) -> ResponseTemplate {
        let path = request.url.path();
        self.paths.push(path.to_owned());
        if path.ends_with(MODEL) {
            self.submits.push(request.body_json().unwrap());
            let mut query = request.url.query_pairs();
            let webhook = query.find(|(name, _)| name == "webhook");
            self.webhooks
                .extend(webhook.map(|(_, url)| url.into_owned()));
            let id = format!("pred_{}", self.submits.len());
            let accepted = answer(&json!({ "id": id, "model": MODEL, "status": "created" }));
            return self.next.pop_front().unwrap_or(accepted);
        }
        if let Some((_, rest)) = path.split_once("/predictions/") {
            let id = rest.trim_end_matches("/result");
            return match self.is_gone {
                true => ResponseTemplate::new(404),
                false => answer(&self.prediction(id, origin)),
            };
        }
        match path {
            "/output.mp4" if self.is_gone => ResponseTemplate::new(404),
            "/output.mp4" => ResponseTemplate::new(200).set_body_bytes(OUTPUT),
            path if path.ends_with("/predictions") => {
                let page = request.body_json::<Value>().unwrap()["page"].clone();
                let is_shown = page == 1 && self.lag == 0;
                self.lag = self.lag.saturating_sub(1);
                let items = if is_shown { &self.history[..] } else { &[] };
                answer(&json!({ "page": page, "items": items }))
            }
            _ => ResponseTemplate::new(404),
        }
    }

    fn prediction(&self, id: &str, origin: &str) -> Value {
        let mut prediction = json!({ "id": id, "model": MODEL, "status": self.status });
        match self.status {
            "completed" => prediction["outputs"] = json!([format!("{origin}/output.mp4")]),
            "failed" => {
                prediction["error"] = "the face was not found".into();
                prediction["code"] = 1500.into();
            }
            _ => {}
        }
        prediction
    }
}
