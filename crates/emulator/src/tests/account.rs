//! What the account is asked, and that its sums agree.

use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::{Credit, Ending};

impl Trial {
    async fn ask(&self, path: &str, body: &Value) -> Response {
        let call = self.call(Method::POST, &format!("/api/v3{path}"));
        call.json(body).send().await.unwrap()
    }

    async fn ids(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let task = self.submitted(&input()).await;
            ids.push(task["id"].as_str().unwrap().to_owned());
        }
        ids
    }
}

const RANGE: [&str; 2] = ["2000-01-01T00:00:00Z", "2000-02-01T00:00:01Z"];

#[tokio::test]
async fn only_what_has_ended_is_deleted() {
    let trial = Trial::new().await;
    let ended = trial.ids(1).await.remove(0);
    trial.emulator.clock().advance(TASK_TIME);
    let open = trial.ids(1).await.remove(0);
    let ids = json!({ "ids": [ended, open, "unknown"] });
    for count in [1, 0] {
        let answer = data(trial.ask("/predictions/delete", &ids).await).await;
        assert_eq!(answer, json!({ "deleted_count": count }));
    }
    assert_eq!(trial.emulator.tasks(), [open]);
    let path = format!("/api/v3/predictions/{ended}/result");
    let gone = trial.call(Method::GET, &path).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let wrong = trial
        .ask("/predictions/delete", &json!({ "ids": "all" }))
        .await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_was_paid_and_came_back_is_told_alike_by_all() {
    let trial = Trial::with(|builder| {
        builder
            .credit(Credit::new(0.5, 10.0))
            .ending(Ending::failed("no face"))
    })
    .await;
    let ids = trial.ids(3).await;
    let told = async |refunds: usize, balance: f64| {
        let kind = |kind: &str| json!({ "billing_type": kind, "page_size": 2 });
        let refunded = data(trial.ask("/billings/search", &kind("refund")).await).await;
        assert_eq!(refunded["total"], refunds);
        let paid = data(trial.ask("/billings/search", &kind("deduct")).await).await;
        assert_eq!(
            (&paid["total"], &paid["has_more"]),
            (&json!(3), &json!(true))
        );
        assert_eq!(paid["items"].as_array().unwrap().len(), 2);
        assert_eq!(paid["items"][0]["prediction"]["uuid"], ids[2]);
        assert_eq!(paid["items"][0]["price"], 0.5);
        let call = trial.call(Method::GET, "/api/v3/balance");
        let answer = data(call.send().await.unwrap()).await;
        assert_eq!(answer["balance"], balance);
        let at: Timestamp = paid["items"][0]["created_at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let (from, to) = (at - 24.hours(), at + 24.hours());
        let range = json!({ "start_time": from.to_string(), "end_time": to.to_string() });
        let usage = data(trial.ask("/user/usage_stats", &range).await).await;
        let cost = 1.5 - 0.5 * refunds as f64;
        let sums = json!({ "total_cost": cost, "total_requests": 3, "success_requests": 0 });
        assert_eq!(usage["summary"], sums);
        let models = usage["per_model_usage"].as_array().unwrap();
        assert_eq!((models.len(), &models[0]["total_cost"]), (1, &json!(cost)));
    };
    told(0, 8.5).await;
    trial
        .emulator
        .clock()
        .advance(TASK_TIME + Duration::from_secs(3 * 60 * 60));
    told(3, 10.0).await;
}

#[tokio::test]
async fn usage_needs_a_range_of_at_most_31_days() {
    let trial = Trial::new().await;
    let [from, to] = RANGE;
    for range in [
        json!({ "start_time": from, "end_time": to }),
        json!({ "start_time": from }),
        json!({ "start_time": "yesterday", "end_time": to }),
    ] {
        let answer = trial.ask("/user/usage_stats", &range).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{range}");
    }
}

#[tokio::test]
async fn the_secret_is_the_same_as_long_as_the_key_is() {
    let secret = async |trial: &Trial, key: &str| {
        let call = trial.plain(Method::GET, "/api/v3/webhook/secret");
        data(call.bearer_auth(key).send().await.unwrap()).await["secret"].clone()
    };
    let (one, two) = (
        Trial::new().await,
        Trial::with(|builder| builder.key("another")).await,
    );
    let first = secret(&one, "emulator").await;
    assert!(first.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(first, secret(&one, "emulator").await);
    assert_ne!(first, secret(&two, "another").await);
}

#[tokio::test]
async fn every_model_is_listed_with_its_schema() {
    let trial = Trial::new().await;
    let call = trial.call(Method::GET, "/api/v3/models");
    let list = data(call.send().await.unwrap()).await;
    let list = list.as_array().unwrap();
    assert!(list.len() > 1);
    for entry in list {
        let run = &entry["api_schema"]["api_schemas"][0];
        let id = entry["model_id"].as_str().unwrap();
        assert_eq!(run["api_path"], format!("/api/v3/{id}"));
        let schema = &run["request_schema"];
        let order = schema["x-order-properties"].as_array().unwrap();
        assert!(
            order
                .iter()
                .all(|name| schema["properties"].get(name.as_str().unwrap()).is_some())
        );
    }
}
