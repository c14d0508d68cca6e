//! Tests that the API key is neither shown nor written down, whatever a server or a caller does with it.

use std::sync::Arc;

use serde_json::{Value, json};
use wavespeed::{JobFilter, MemoryStore};
use wavespeed_harness::{MODEL, raw_input};
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

/// An API key of the usual length.
const LONG_KEY: &str = "wsk_0123456789abcdef0123456789";

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

#[tokio::test]
async fn api_key_in_an_answer_does_not_reach_the_error() {
    let mut leaks = Vec::new();
    for (status, body) in [
        (
            500,
            json!({ "message": format!("bad header Bearer {LONG_KEY}") }).to_string(),
        ),
        (
            401,
            json!({ "message": format!("the key {LONG_KEY} is not valid") }).to_string(),
        ),
        (502, format!("<pre>Authorization: Bearer {LONG_KEY}</pre>")),
    ] {
        let vendor = Vendor::start().await;
        let settings = vendor.settings(MemoryStore::default()).key(LONG_KEY);
        let client = settings.build().unwrap();
        vendor.state().next = [ResponseTemplate::new(status).set_body_string(body)].into();
        let error = client.submit(raw_input(MODEL, &input())).await.unwrap_err();
        if error.to_string().contains(LONG_KEY) {
            leaks.push(format!("Display {status}"));
        }
        if format!("{error:?}").contains(LONG_KEY) {
            leaks.push(format!("Debug {status}"));
        }
    }
    assert!(leaks.is_empty(), "{leaks:?}");
}

#[tokio::test]
async fn api_key_is_refused_where_it_would_be_written_down() {
    let vendor = Vendor::start().await;
    let store = Arc::new(MemoryStore::default());
    let settings = || vendor.settings(Arc::clone(&store)).key(LONG_KEY);
    let account = settings().account(format!("of {LONG_KEY}")).build();
    assert!(matches!(account, Err(wavespeed::BuildError::Account)));
    let client = settings().build().unwrap();
    for key in [LONG_KEY.to_owned(), format!("Bearer {LONG_KEY}")] {
        let submit = client.submit(raw_input(MODEL, &input())).key(&key);
        assert!(!format!("{submit:?}").contains(LONG_KEY));
        let error = submit.await.unwrap_err();
        assert!(matches!(error, wavespeed::SubmitError::Key(_)), "{error}");
    }
    let submit = client.submit(raw_input(MODEL, &input()));
    submit.label(format!("by {LONG_KEY}")).await.unwrap();
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert!(!format!("{jobs:?}").contains(LONG_KEY), "{jobs:?}");
}
