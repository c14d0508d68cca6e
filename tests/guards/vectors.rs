//! The vectors in `spec/vectors`, which tests in other languages read, too: what is right and wrong,
//! and what answers say.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::webhook::{VerifyError, verify};
use wavespeed::{Fault, Files, Prediction, Rule, WebhookSecret, check, model};
use wavespeed_client::Answer;
use wavespeed_emulator::Emulator;

fn vectors(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn inputs() -> Vec<Value> {
    vectors(include_str!("../../spec/vectors/inputs.json"))
}

#[test]
fn a_check_finds_what_is_wrong() {
    let mut rules = BTreeSet::new();
    for vector in inputs() {
        let model = model(vector["model"].as_str().unwrap()).unwrap();
        let mut faults = check(model, &vector["input"], Files::Url);
        faults.retain(Fault::is_refusal);
        let found = faults
            .iter()
            .map(|fault| json!({ "field": fault.field, "rule": fault.rule.name() }));
        let expected: Vec<Value> = Some(vector["check"].clone())
            .into_iter()
            .filter(|fault| !fault.is_null())
            .collect();
        assert_eq!(found.collect::<Vec<_>>(), expected, "{vector}");
        rules.extend(faults.iter().map(|fault| fault.rule.name()));
    }
    // Those of files are no business of a schema, a warning is no refusal, and no model has a step
    // or a limit of elements yet.
    let schema = [
        Rule::Required,
        Rule::Known,
        Rule::Type,
        Rule::Choice,
        Rule::Length,
        Rule::Range,
        Rule::Url,
    ];
    assert_eq!(rules, schema.iter().map(|rule| rule.name()).collect());
}

#[tokio::test]
async fn the_emulator_refuses_what_is_wrong() {
    let emulator = Emulator::builder().task_time(Duration::ZERO);
    let emulator = emulator.start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for vector in inputs() {
        let url = format!(
            "{}/api/v3/{}",
            emulator.origin(),
            vector["model"].as_str().unwrap()
        );
        let call = http
            .post(url)
            .bearer_auth("emulator")
            .json(&vector["input"]);
        let answer = call.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        match vector["api"].as_str() {
            None => assert_eq!(status, 200, "{vector}\n{text}"),
            Some(field) => {
                assert_eq!(status, 400, "{vector}\n{text}");
                assert!(
                    text.contains(&format!("\\\"{field}\\\"")),
                    "{vector}\n{text}"
                );
            }
        }
    }
}

#[test]
fn an_answer_says_what_it_says() {
    for vector in vectors(include_str!("../../spec/vectors/answers.json")) {
        let status = u16::try_from(vector["http"].as_u64().unwrap()).unwrap();
        let answer = Answer::new(status, vector["body"].to_string());
        let envelope = answer.envelope();
        let succeeded = status == 200 && envelope.code == Some(200);
        let prediction = envelope
            .data
            .filter(|_| succeeded)
            .and_then(Prediction::from_json);
        let read = prediction.map(|prediction| {
            json!({
                "id": prediction.id(),
                "status": prediction.status().name(),
                "ended": prediction.status().is_terminal(),
                "outputs": prediction.outputs(),
                "error": prediction.error().unwrap_or_default(),
            })
        });
        assert_eq!(read.unwrap_or_default(), vector["prediction"], "{vector}");
        let refusal = json!({ "code": envelope.code });
        let refusal = if succeeded { Value::Null } else { refusal };
        assert_eq!(refusal, vector["refusal"], "{vector}");
    }
}

#[test]
fn an_event_is_taken_only_if_it_is_the_vendors() {
    let mut ends = BTreeSet::new();
    for vector in vectors(include_str!("../../spec/vectors/webhooks.json")) {
        let text = |key: &str| vector[key].as_str().unwrap();
        let headers = vector["headers"].as_object().unwrap().iter();
        let headers = headers.map(|(name, value)| {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            (name, value.as_str().unwrap().parse().unwrap())
        });
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(vector["now"].as_u64().unwrap());
        let secret = WebhookSecret::new(text("secret")).unwrap();
        let verified = verify(&headers.collect(), text("body").as_bytes(), &secret, now);
        let end = match &verified {
            Ok(_) => "ok",
            Err(VerifyError::Missing(_)) => "missing",
            Err(VerifyError::Timestamp(_)) => "timestamp",
            Err(VerifyError::TooOld(_)) => "too_old",
            Err(VerifyError::TooNew(_)) => "too_new",
            Err(VerifyError::Scheme) => "scheme",
            Err(VerifyError::Digits) => "digits",
            Err(VerifyError::Signature) => "signature",
            Err(VerifyError::Body) => "body",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(end, text("expect"), "{vector} {verified:?}");
        ends.insert(end);
    }
    assert_eq!(ends.len(), 9, "{ends:?}");
}
