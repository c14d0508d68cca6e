use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{Trial, data, input};
use crate::{Credit, OptionalFields};

const ID: &str = "kwaivgi/kling-lipsync/text-to-video";

async fn ask(trial: &Trial, model: &str, inputs: Value) -> Response {
    let call = trial.call(Method::POST, "/api/v3/model/price");
    let body = json!({ "model_id": model, "inputs": inputs });
    call.json(&body).send().await.unwrap()
}

#[tokio::test]
async fn older_clients_are_told_the_same_price() {
    let credit = Credit::new(0.2, 1.0).rate(75.0);
    let trial = Trial::with(|builder| builder.credit(credit)).await;
    let call = trial.call(Method::POST, "/api/v3/model/pricing");
    let body = json!({ "model_id": ID, "inputs": {} });
    let price = data(call.json(&body).send().await.unwrap()).await;
    assert_eq!(
        price,
        json!({ "unit_price": 0.15, "model_id": ID, "currency": "USD" })
    );
}

async fn balance(trial: &Trial) -> Value {
    let call = trial.call(Method::GET, "/api/v3/balance");
    data(call.send().await.unwrap()).await["balance"].clone()
}

#[tokio::test]
async fn a_price_is_told_and_nothing_is_billed() {
    let credit = Credit::new(0.2, 1.0).rate(75.0);
    let trial = Trial::with(|builder| builder.credit(credit)).await;
    let price = data(ask(&trial, ID, json!({ "voice_speed": 1 })).await).await;
    let expected = json!({
        "model_id": ID,
        "price": 0.2,
        "discounted_price": 0.15,
        "discount_rate": 75.0,
        "currency": "USD",
    });
    assert_eq!((price, trial.emulator.billed()), (expected, 0));
    let unknown = ask(&trial, "no/such", json!({})).await;
    assert_eq!(unknown.status(), 404);
    let wrong = ask(&trial, ID, json!({ "voice_id": "nobody" })).await;
    assert_eq!(wrong.status(), 400);
    let answer: Value = wrong.json().await.unwrap();
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.starts_with("field \"voice_id\" must be one of"),
        "{message}"
    );
}

#[tokio::test]
async fn tasks_are_paid_for_until_nothing_is_left() {
    let trial = Trial::with(|builder| builder.credit(Credit::new(0.1, 0.3))).await;
    for left in [0.2, 0.1, 0.0] {
        assert_eq!(trial.submit(&input()).await.status(), 200);
        assert_eq!(balance(&trial).await, left);
    }
    let refused = trial.submit(&input()).await;
    assert_eq!(refused.status(), 400);
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(
        answer["message"],
        "Insufficient credits. Please top up your account to continue."
    );
    assert_eq!(
        (trial.emulator.billed(), balance(&trial).await),
        (3, json!(0.0))
    );
}

#[tokio::test]
async fn only_what_is_paid_is_always_told() {
    let trial = Trial::with(|builder| builder.optional_fields(OptionalFields::Absent)).await;
    let price = data(ask(&trial, ID, json!({})).await).await;
    assert_eq!(price, json!({ "discounted_price": 0.123 }));
}
