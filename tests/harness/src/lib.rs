//! Shared parts of the tests of several crates: clients with a manual clock for a server on loopback,
//! answers in the vendor's envelope, HTTP servers that play answers in order, a [TCP server](tcp) for
//! faults that an HTTP server cannot produce, a [store] whose replies a test can change, and the
//! [contract](mod@store_contract) of all stores.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

pub mod store;
pub mod store_contract;
pub mod tcp;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed::models::kwaivgi::{
    KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
};
use wavespeed::poll::ManualClock;
use wavespeed::{Builder, Poller, RawInput, Retries, Wavespeed};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The API key of the clients here: a text that occurs nowhere else, so tests can search for it.
pub const KEY: &str = "wsk_test_secret";
/// The id of the prediction that [`record`] returns.
pub const ID: &str = "6488c2754f6f4dfea924382fa14d11bd";
/// The model of [`input`].
pub const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";
/// A real mp4 file.
pub const CLIP: &[u8] = include_bytes!("../../../crates/emulator/assets/clip.mp4");

/// Returns the settings of a client for a server on loopback, with a manual clock, no jitter, no retry of a
/// rejected submit, an upload or a read, and no request to the hosts of files.
pub fn settings(base_url: &str, clock: &ManualClock) -> Builder {
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_random(|| 0.0);
    Wavespeed::builder()
        .key(KEY)
        .base_url(base_url)
        .poller(poller)
        .check_urls(false)
        .resends(0)
        .retries(retries(0))
}

/// Returns retries of uploads this often, of downloads as by default, and of reads never.
fn retries(uploads: u32) -> Retries {
    Retries::default().reads(0).uploads(uploads)
}

/// Returns a client with these [`settings`], and its clock.
pub fn client(base_url: &str) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock).build().unwrap();
    (client, clock)
}

/// Returns a [`client`] that retries a rejected submit and an upload up to `resends` times.
pub fn retrying_client(base_url: &str, resends: u32) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock)
        .resends(resends)
        .retries(retries(resends));
    let client = client.build().unwrap();
    (client, clock)
}

/// Returns a valid input.
pub fn input() -> KlingLipsyncTextToVideo {
    KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
        video: "https://a.example/clip.mp4".into(),
        text: "Hello".into(),
        voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
    })
}

/// Returns a JSON input for a model.
pub fn raw_input(model: &str, input: &Value) -> RawInput {
    RawInput::new(model, input.clone())
}

/// Returns a prediction with only an id and a status.
pub fn record(status: &str) -> Value {
    json!({ "id": ID, "status": status })
}

/// Returns the body of a successful answer with these data.
pub fn envelope(data: &Value) -> Value {
    json!({ "code": 200, "message": "success", "data": data })
}

/// Returns a successful answer with these data.
pub fn answer(data: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(envelope(data))
}

/// Starts a server that gives these answers in order, and the last one from then on, to any request.
pub async fn serve(answers: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
    struct InOrder(Mutex<VecDeque<ResponseTemplate>>);
    impl Respond for InOrder {
        fn respond(&self, _: &Request) -> ResponseTemplate {
            let mut remaining = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match remaining.len() {
                1 => remaining[0].clone(),
                _ => remaining.pop_front().expect("there is an answer"),
            }
        }
    }
    let server = MockServer::start().await;
    let answers = InOrder(Mutex::new(answers.into_iter().collect()));
    Mock::given(wiremock::matchers::any())
        .respond_with(answers)
        .mount(&server)
        .await;
    server
}

/// Returns the requests that a server has received.
pub async fn requests(server: &MockServer) -> Vec<Request> {
    server
        .received_requests()
        .await
        .expect("the server records requests")
}

/// Returns the file names in a folder, sorted.
pub fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns a runtime with one worker thread, for tests that are not asynchronous.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}
