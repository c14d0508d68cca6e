//! Starting, stopping, and the emulator's watch over itself.

use std::error::Error as _;

use serde_json::{Value, json};

use super::{MODEL, Trial, input};
use crate::bundle::BUILT_IN;
use crate::{Emulator, StartError};

fn bundle() -> Value {
    serde_json::from_str(&BUILT_IN).unwrap()
}

#[tokio::test]
async fn an_operation_without_a_handler_is_told_at_the_start() {
    let mut bundle = bundle();
    let copy = bundle["paths"]["/media/uploads"]["post"].clone();
    bundle["paths"]["/weather"]["get"] = copy;
    bundle["paths"]["/weather"]["get"]["operationId"] = "get_weather".into();
    let error = Emulator::builder()
        .bundle(bundle.to_string())
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::NoHandler { .. }));
    assert_eq!(
        error.to_string(),
        "no handler for the bundle's operation get_weather (GET /weather); add one to the emulator"
    );
}

#[tokio::test]
async fn a_model_needs_no_handler_of_its_own() {
    let mut bundle = bundle();
    let path = MODEL.strip_prefix("/api/v3").unwrap();
    let mut copy = bundle["paths"][path].clone();
    copy["post"]["operationId"] = "submit_kwaivgi_another".into();
    copy["post"]["x-model"]["id"] = "kwaivgi/another".into();
    bundle["paths"]["/kwaivgi/another"] = copy;
    let trial = Trial::with(|builder| builder.bundle(bundle.to_string())).await;
    let call = trial.call(reqwest::Method::POST, "/api/v3/kwaivgi/another");
    let submitted = super::data(call.json(&input()).send().await.unwrap()).await;
    assert_eq!(submitted["model"], "kwaivgi/another");
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_is_an_error() {
    let error = Emulator::builder()
        .bundle("openapi: 3.0.3")
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Bundle { .. }));
    assert!(
        error
            .to_string()
            .starts_with("the bundle cannot be served: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_model_without_a_body_is_told_at_the_start() {
    let mut bundle = bundle();
    let path = MODEL.strip_prefix("/api/v3").unwrap();
    let operation = bundle["paths"][path]["post"].as_object_mut().unwrap();
    operation.remove("requestBody");
    let error = Emulator::builder()
        .bundle(bundle.to_string())
        .start()
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(": it submits to a model without a body"),
        "{error}"
    );
}

#[tokio::test]
async fn a_reply_that_breaks_the_bundle_does_not_leave() {
    let mut bundle = bundle();
    bundle["components"]["schemas"]["Prediction"]["required"] = json!(["id", "status", "mood"]);
    let trial = Trial::with(|builder| builder.bundle(bundle.to_string())).await;
    let answer = trial.submit(&input()).await;
    assert_eq!(answer.status(), 500);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], 500);
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("the emulator is wrong: its answer 200 to submit_"),
        "{message}"
    );
    assert!(
        message.contains("\"mood\" is a required property"),
        "{message}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let first = Emulator::builder().start().await.unwrap();
    let port: u16 = first.origin().rsplit(':').next().unwrap().parse().unwrap();
    let error = Emulator::builder().port(port).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on 127.0.0.1:{port}; stop what uses the port, or take port 0 for a free one"
        )
    );
    let source = error
        .source()
        .unwrap()
        .downcast_ref::<std::io::Error>()
        .unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn after_a_shutdown_the_port_is_free_and_nobody_answers() {
    let trial = Trial::new().await;
    trial.submitted(&input()).await;
    let port: u16 = trial
        .emulator
        .origin()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    trial.emulator.shutdown().await;
    let url = format!("http://127.0.0.1:{port}{MODEL}");
    let error = trial.client.get(url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    Emulator::builder()
        .port(port)
        .start()
        .await
        .unwrap()
        .shutdown()
        .await;
}

#[tokio::test]
async fn a_dropped_emulator_stops() {
    let Trial { emulator, client } = Trial::new().await;
    let state = std::sync::Arc::downgrade(&emulator.state);
    let url = format!("{}{MODEL}", emulator.origin());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    drop(emulator);
    // The server ends while this test makes way for it, although the client holds a connection.
    while state.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
    let error = client.get(&url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}

#[tokio::test]
async fn what_debug_shows_holds_no_key() {
    let builder = Emulator::builder().key("k-secret");
    assert!(!format!("{builder:?}").contains("k-secret"));
    let emulator = builder.start().await.unwrap();
    assert!(!format!("{emulator:?}").contains("k-secret"));
}
