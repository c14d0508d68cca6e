//! What the tests of several crates share: a client of a server on loopback whose clock is moved by
//! hand, answers in the vendor's envelope, servers that play answers in order, and a
//! [TCP server](tcp) for faults that no HTTP server commits.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

pub mod tcp;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed::models::kwaivgi::{
    KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
};
use wavespeed::poll::ManualClock;
use wavespeed::{Builder, Poller, Wavespeed};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The API key of the clients here: a text that appears in nothing else.
pub const KEY: &str = "wsk_test_secret";
/// The id of the prediction that [`record`] makes.
pub const ID: &str = "6488c2754f6f4dfea924382fa14d11bd";
/// The model that [`input`] is for.
pub const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";
/// A real mp4 file.
pub const CLIP: &[u8] = include_bytes!("../../../crates/emulator/assets/clip.mp4");

/// Settings of a client of a server on this machine, by a clock that the test moves. A rejected
/// submit is not sent again.
pub fn settings(base_url: &str, clock: &ManualClock) -> Builder {
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_random(|| 0.0);
    Wavespeed::builder()
        .key(KEY)
        .base_url(base_url)
        .poller(poller)
        .resends(0)
}

/// A client with these [`settings`], and its clock.
pub fn client(base_url: &str) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock).build().unwrap();
    (client, clock)
}

/// A [`client`] that sends a rejected submit again up to `resends` times.
pub fn persistent(base_url: &str, resends: u32) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock).resends(resends).build().unwrap();
    (client, clock)
}

/// An input without a fault.
pub fn input() -> KlingLipsyncTextToVideo {
    KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
        video: "https://a.example/clip.mp4".into(),
        text: "Hello".into(),
        voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
    })
}

/// A prediction of which only the id and the status are known.
pub fn record(status: &str) -> Value {
    json!({ "id": ID, "status": status })
}

/// The body of a successful answer with these data.
pub fn envelope(data: &Value) -> Value {
    json!({ "code": 200, "message": "success", "data": data })
}

/// A successful answer with these data.
pub fn answer(data: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(envelope(data))
}

/// A server that gives these answers in order and the last one for ever, whatever the request.
pub async fn serve(answers: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
    struct InOrder(Mutex<VecDeque<ResponseTemplate>>);
    impl Respond for InOrder {
        fn respond(&self, _: &Request) -> ResponseTemplate {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match left.len() {
                1 => left[0].clone(),
                _ => left.pop_front().expect("there is an answer"),
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

/// The requests that reached a server.
pub async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.expect("they are recorded")
}

/// The names in a folder, sorted.
pub fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A runtime with one worker thread, for tests that are not asynchronous themselves.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}
