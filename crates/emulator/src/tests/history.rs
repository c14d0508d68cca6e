//! The list of tasks.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{TASK_TIME, Trial, assert_refused, data, input};
use crate::OptionalFields;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn ask(trial: &Trial, body: &Value) -> Response {
    let call = trial.call(Method::POST, "/api/v3/predictions").json(body);
    call.send().await.unwrap()
}

async fn list(trial: &Trial, body: Value) -> Value {
    data(ask(trial, &body).await).await
}

/// The ids on a page.
fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

/// The ids of so many tasks, created one second after the other.
async fn tasks(trial: &Trial, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let submitted = trial.submitted(&input()).await;
        ids.push(submitted["id"].as_str().unwrap().to_owned());
        trial.emulator.clock().advance(Duration::from_secs(1));
    }
    ids
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_as_they_stand() {
    let trial = Trial::new().await;
    assert_eq!(
        list(&trial, json!({})).await,
        json!({ "page": 1, "items": [], "total": 0 })
    );
    let old = trial.submitted(&input()).await;
    trial.emulator.clock().advance(TASK_TIME);
    let new = trial.submitted(&input()).await;
    let page = list(&trial, json!({})).await;
    let ended = trial.prediction(old["id"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(
        page,
        json!({ "page": 1, "items": [new, ended], "total": 2 })
    );
    assert!(page["items"][0].get("input").is_none());
    let own: Vec<_> = ids(&page).into_iter().rev().map(str::to_owned).collect();
    assert_eq!(trial.emulator.tasks(), own);
}

#[tokio::test]
async fn pages_have_the_size_that_is_asked_for() {
    let trial = Trial::new().await;
    let mut all = tasks(&trial, 5).await;
    all.reverse();
    for (page, expected) in [(1, &all[..2]), (2, &all[2..4]), (3, &all[4..]), (4, &[])] {
        let page = list(&trial, json!({ "page": page, "page_size": 2 })).await;
        assert_eq!(ids(&page), expected);
        assert_eq!(page["total"], 5);
    }
    let behind = list(&trial, json!({ "page": i64::MAX })).await;
    assert_eq!(behind["items"], json!([]));
}

#[tokio::test]
async fn model_status_and_time_choose() {
    let trial = Trial::new().await;
    let all = tasks(&trial, 3).await;
    trial.emulator.clock().advance(TASK_TIME);
    let new = trial.submitted(&input()).await;
    let new = new["id"].as_str().unwrap();
    for (request, expected) in [
        (json!({ "status": "created" }), vec![new]),
        (
            json!({ "status": "completed" }),
            vec![&all[2], &all[1], &all[0]],
        ),
        (json!({ "status": "failed" }), vec![]),
        (json!({ "model": "no/such-model" }), vec![]),
        (
            json!({ "model": "kwaivgi/kling-lipsync/text-to-video", "page_size": 1 }),
            vec![new],
        ),
        (
            json!({ "created_after": "2026-01-02T03:04:05Z", "status": "completed" }),
            vec![&all[2], &all[1]],
        ),
        (
            json!({ "created_before": "2026-01-02T04:04:06.001+01:00" }),
            vec![&all[1], &all[0]],
        ),
        (
            json!({
                "created_after": "2026-01-02T03:04:05.999Z",
                "created_before": "2026-01-02T03:04:07Z",
            }),
            vec![&all[1]],
        ),
    ] {
        assert_eq!(
            ids(&list(&trial, request.clone()).await),
            expected,
            "{request}"
        );
    }
}

#[tokio::test]
async fn tasks_are_listed_for_seven_days() {
    let trial = Trial::new().await;
    tasks(&trial, 1).await;
    trial
        .emulator
        .clock()
        .advance(DAY * 7 - Duration::from_secs(2));
    assert_eq!(list(&trial, json!({})).await["total"], 1);
    trial.emulator.clock().advance(Duration::from_secs(1));
    assert_eq!(list(&trial, json!({})).await["total"], 0);
    assert_eq!(trial.emulator.tasks(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_page_no_size_and_no_time_is_refused() {
    let trial = Trial::new().await;
    for (request, message) in [
        (
            json!({ "page": 0 }),
            r#"field \"page\" must be at least 1, got number 0"#,
        ),
        (
            json!({ "page_size": 101 }),
            r#"field \"page_size\" must be at most 100, got number 101"#,
        ),
        (
            json!({ "page_size": 0 }),
            r#"field \"page_size\" must be at least 1, got number 0"#,
        ),
        (
            json!({ "created_after": "now" }),
            r#"field \"created_after\" must be an ISO 8601 time, got string \"now\""#,
        ),
        (json!([]), "request body must be a JSON object"),
    ] {
        let refused = format!(r#"{{"code":400,"message":"{message}"}}"#);
        assert_refused(ask(&trial, &request).await, 400, &refused).await;
    }
}

#[tokio::test]
async fn the_total_is_one_of_the_optional_fields() {
    let trial = Trial::with(|builder| builder.optional_fields(OptionalFields::Null)).await;
    let page = list(&trial, json!({})).await;
    assert_eq!(page, json!({ "page": 1, "items": [], "total": null }));
    let trial = Trial::with(|builder| builder.optional_fields(OptionalFields::Absent)).await;
    assert_eq!(
        list(&trial, json!({})).await,
        json!({ "page": 1, "items": [] })
    );
}

#[tokio::test]
async fn every_answer_tells_the_time_of_the_emulator() {
    let trial = Trial::new().await;
    trial.emulator.clock().advance(DAY);
    let page = ask(&trial, &json!({})).await;
    assert_eq!(page.headers()["date"], "Sat, 03 Jan 2026 03:04:05 GMT");
    let refused = trial.get("/api/v3/nothing").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["date"], "Sat, 03 Jan 2026 03:04:05 GMT");
}
