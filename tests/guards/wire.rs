//! The library's face against recorded answers, faults and networks that break: what is sent byte
//! for byte, what is made of whatever comes back, and that nothing paid for is lost on the way.
//! Servers are on loopback, and the time is moved by hand, so nothing here waits. What a network
//! between the command and the vendor does to it is the business of `network`.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod account;
mod again;
mod checks;
mod dedupe;
mod download;
mod emulator;
mod outcomes;
mod pace;
mod persist;
mod poll;
mod probe;
mod property;
mod recorded;
mod submit;
pub(crate) mod tcp;
mod upload;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use wavespeed::models::kwaivgi::{
    KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
};
use wavespeed::poll::ManualClock;
use wavespeed::{Builder, Poller, Wavespeed};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A key that is told from everything else.
pub(crate) const KEY: &str = "wsk_test_secret";
pub(crate) const ID: &str = "6488c2754f6f4dfea924382fa14d11bd";
const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";

/// Settings for a server on this machine, by a clock that tests move.
fn settings(base_url: &str, clock: &ManualClock) -> Builder {
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_random(|| 0.0);
    Wavespeed::builder()
        .key(KEY)
        .base_url(base_url)
        .poller(poller)
        .resends(0)
}

fn client(base_url: &str) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock).build().unwrap();
    (client, clock)
}

/// The same, which sends a rejected submit again up to so many times.
fn persistent(base_url: &str, resends: u32) -> (Wavespeed, ManualClock) {
    let clock = ManualClock::default();
    let client = settings(base_url, &clock).resends(resends).build().unwrap();
    (client, clock)
}

/// An input without a fault.
fn input() -> KlingLipsyncTextToVideo {
    KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
        video: "https://a.example/clip.mp4".into(),
        text: "Hello".into(),
        voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
    })
}

/// A prediction of which no more is known than where it stands.
fn record(status: &str) -> Value {
    json!({ "id": ID, "status": status })
}

pub(crate) fn envelope(data: &Value) -> Value {
    json!({ "code": 200, "message": "success", "data": data })
}

/// A successful answer with this record.
fn answer(data: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(envelope(data))
}

/// A server that gives these answers, in order and the last one for ever, whatever it is asked.
async fn serve(answers: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
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
async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.expect("they are recorded")
}

/// The names in a folder.
fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
