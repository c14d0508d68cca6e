//! Answers that are not what they should be.

use reqwest::{Client, Method, redirect};
use serde_json::{Value, json};

use super::super::{MODEL, TASK_TIME, Trial, assert_refused, data, input};
use super::{announced, parts, submit};
use crate::Limits;

async fn result(trial: &Trial, id: &str) -> reqwest::Response {
    let path = format!("/api/v3/predictions/{id}/result");
    trial.call(Method::GET, &path).send().await.unwrap()
}

#[tokio::test]
async fn a_status_comes_with_the_body_and_the_headers_that_are_told() {
    for (code, reason) in [
        (408, "Request Timeout"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
    ] {
        let trial = Trial::of(&format!("submit once status {code}")).await;
        let answer = trial.submit(&input()).await;
        assert!(!answer.headers().contains_key("retry-after"));
        let body = format!(r#"{{"code":{code},"message":"{reason}"}}"#);
        assert_refused(answer, code, &body).await;
        assert_eq!(trial.emulator.billed(), 0);
        trial.submitted(&input()).await;
    }
}

#[tokio::test]
async fn a_submit_can_be_done_in_spite_of_its_status() {
    let trial = Trial::of("submit once status 504 after").await;
    assert_eq!(trial.submit(&input()).await.status(), 504);
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn when_to_come_again_is_told_in_seconds_or_as_a_date() {
    let trial = Trial::of(
        "submit once status 429 retry-after 7\nsubmit nth 2 status 503 retry-after-date 7",
    )
    .await;
    let seconds = trial.submit(&input()).await;
    assert_eq!(seconds.headers()["retry-after"], "7");
    let date = trial.submit(&input()).await;
    assert_eq!(
        date.headers()["retry-after"],
        "Fri, 02 Jan 2026 03:04:12 GMT"
    );
    assert_eq!(date.headers()["date"], "Fri, 02 Jan 2026 03:04:05 GMT");
}

#[tokio::test]
async fn a_gateway_answers_with_a_page() {
    let trial = Trial::of("submit once status 502 html\nsubmit nth 2 html").await;
    for (status, billed) in [(502, 0), (200, 1)] {
        let answer = trial.submit(&input()).await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "text/html");
        assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
        assert_eq!(trial.emulator.billed(), billed);
    }
}

#[tokio::test]
async fn half_of_the_json_comes_as_if_it_were_whole() {
    let trial = Trial::of("submit once truncated").await;
    let answer = trial.submit(&input()).await;
    assert_eq!(answer.status(), 200);
    let length = answer.content_length().unwrap();
    let text = answer.text().await.unwrap();
    assert_eq!(text.len() as u64, length);
    assert!(text.starts_with(r#"{"code":200,"#), "{text}");
    assert!(serde_json::from_str::<Value>(&text).is_err());
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn success_without_data_is_no_success() {
    let trial = Trial::of("submit once null-data\nsubmit nth 2 null-data before").await;
    for _ in 0..2 {
        // Compared as JSON: the fault edits an answer, which may change the order of its fields.
        let answer = trial.submit(&input()).await;
        assert_eq!(answer.status().as_u16(), 200);
        let expected = json!({ "code": 5003, "message": "Service unavailable", "data": null });
        assert_eq!(answer.json::<Value>().await.unwrap(), expected);
        assert_eq!(trial.emulator.billed(), 1);
    }
}

#[tokio::test]
async fn an_answer_without_an_id_tells_it_nowhere() {
    let trial = Trial::of("submit once no-id\nresult once no-id").await;
    let answer = trial.submit(&input()).await.text().await.unwrap();
    let id = trial.emulator.tasks().remove(0);
    assert!(answer.contains(r#""status":"created""#), "{answer}");
    assert!(!answer.contains(&id), "{answer}");
    assert!(
        !data(result(&trial, &id).await)
            .await
            .to_string()
            .contains(&id)
    );
    assert_eq!(data(result(&trial, &id).await).await["id"], *id);
}

#[tokio::test]
async fn a_status_nobody_knows_stands_for_those_that_are_not_the_end() {
    let trial = Trial::of("any every unknown-status paused").await;
    let submitted = trial.submitted(&input()).await;
    let id = submitted["id"].as_str().unwrap();
    assert_eq!(submitted["status"], "paused");
    trial.emulator.clock().advance(TASK_TIME / 2);
    assert_eq!(trial.prediction(id).await["status"], "paused");
    trial.emulator.clock().advance(TASK_TIME / 2);
    trial.submitted(&input()).await;
    let page = trial
        .call(Method::POST, "/api/v3/predictions")
        .json(&json!({}));
    let page = data(page.send().await.unwrap()).await;
    assert_eq!(page["items"][0]["status"], "paused");
    assert_eq!(page["items"][1]["status"], "completed");
}

#[tokio::test]
async fn single_tasks_can_end_in_other_ways() {
    let trial = Trial::of(
        "submit once ending failed no face found\nresult nth 2 ending timeout\n\
         submit nth 2 lose-answer\nsubmit nth 2 ending deleted",
    )
    .await;
    trial.submitted(&input()).await;
    assert_eq!(trial.raw(&submit()).await, "");
    trial.submitted(&input()).await;
    trial.emulator.clock().advance(TASK_TIME);
    let tasks = trial.emulator.tasks();
    let failed = trial.prediction(&tasks[0]).await;
    assert_eq!(
        (
            &failed["status"],
            &failed["error"],
            &failed["code"],
            &failed["outputs"]
        ),
        (
            &json!("failed"),
            &json!("no face found"),
            &json!(1403),
            &json!([])
        )
    );
    assert_eq!(trial.prediction(&tasks[2]).await["status"], "timeout");
    assert_eq!(trial.prediction(&tasks[1]).await["status"], "deleted");
    assert_eq!(trial.prediction(&tasks[2]).await["status"], "timeout");
    assert_eq!(trial.emulator.billed(), 3);
}

#[tokio::test]
async fn a_submit_is_sent_elsewhere_and_not_done() {
    let trial = Trial::of("submit once redirect http://127.0.0.1:1/elsewhere").await;
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none());
    let url = format!("{}{MODEL}", trial.emulator.origin());
    let call = client.build().unwrap().post(url).json(&input());
    let answer = call.bearer_auth("emulator").send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/elsewhere");
    assert_eq!(trial.emulator.billed(), 0);
}

#[tokio::test]
async fn a_body_can_be_empty_too_short_or_without_an_end() {
    let trial = Trial::of("submit once empty\nsubmit nth 2 wrong-length\nsubmit nth 3 huge").await;
    let empty = trial.submit(&input()).await;
    assert_eq!(
        (empty.status().as_u16(), empty.content_length()),
        (200, Some(0))
    );
    let short = trial.raw(&submit()).await;
    let (head, body) = parts(&short);
    assert_eq!(announced(head), body.len() + 1);
    assert_eq!(super::json(body)["code"], 200);
    let mut huge = trial.submit(&input()).await;
    assert_eq!(huge.content_length(), None);
    let mut read = 0;
    while read < 10_000_000 {
        read += huge.chunk().await.unwrap().unwrap().len();
    }
    assert_eq!(trial.emulator.billed(), 3);
}

#[tokio::test]
async fn a_header_orders_a_fault_for_one_request() {
    let trial = Trial::new().await;
    let submit = async |fault: &str| {
        let call = trial.call(Method::POST, MODEL).json(&input());
        call.header("x-emulator-fault", fault).send().await
    };
    assert_eq!(submit("status 503").await.unwrap().status(), 503);
    assert!(submit("submit once drop-before").await.is_err());
    assert_eq!(trial.emulator.billed(), 0);
    assert!(submit("lose-answer").await.is_err());
    assert_eq!(trial.emulator.billed(), 1);
    let wrong = r#"{"code":400,"message":"the header x-emulator-fault cannot be obeyed: `expired` is not possible on submit; it is on output"}"#;
    assert_refused(submit("expired").await.unwrap(), 400, wrong).await;
    assert_eq!(trial.emulator.requests().len(), 4);
    trial.submitted(&input()).await;
    assert_eq!(trial.emulator.billed(), 2);
}

#[tokio::test]
async fn answers_without_a_fault_are_still_held_against_the_bundle() {
    let mut bundle: Value = serde_json::from_str(&crate::bundle::BUILT_IN).unwrap();
    bundle["components"]["schemas"]["Prediction"]["required"] = json!(["mood"]);
    let scenario = "submit once delay 0s\nresult every no-id".parse().unwrap();
    let trial = Trial::with(|builder| builder.bundle(bundle.to_string()).scenario(scenario)).await;
    assert_eq!(trial.submit(&input()).await.status(), 500);
}

#[tokio::test]
async fn an_account_may_run_only_so_many_tasks_at_once() {
    let limits = Limits::default().running(2);
    let trial = Trial::with(|builder| builder.limits(limits)).await;
    trial.submitted(&input()).await;
    trial.emulator.clock().advance(TASK_TIME / 2);
    trial.submitted(&input()).await;
    let refused = r#"{"code":429,"message":"You have reached your concurrency limit: 2 predictions running at once."}"#;
    assert_refused(trial.submit(&input()).await, 429, refused).await;
    trial.emulator.clock().advance(TASK_TIME / 2);
    trial.submitted(&input()).await;
    assert_eq!(trial.submit(&input()).await.status(), 429);
    assert_eq!(trial.emulator.billed(), 3);
}

#[tokio::test]
async fn an_account_may_submit_only_so_often_in_a_minute() {
    let limits = Limits::default().per_minute(2);
    let trial = Trial::with(|builder| builder.limits(limits)).await;
    let half = std::time::Duration::from_secs(30);
    trial.submitted(&input()).await;
    trial.emulator.clock().advance(half);
    trial.submitted(&input()).await;
    let refused = r#"{"code":429,"message":"You have reached your rate limit of 2 predictions per 1 minute."}"#;
    assert_refused(trial.submit(&input()).await, 429, refused).await;
    trial.emulator.clock().advance(half);
    trial.submitted(&input()).await;
    assert_eq!(trial.submit(&input()).await.status(), 429);
    assert_eq!(trial.emulator.billed(), 3);
}
