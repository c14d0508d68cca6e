//! Submits, predictions, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MODEL, TASK_TIME, Trial, assert_refused, data, input};
use crate::{Ending, OptionalFields};

const INVALID_KEY: &str = r#"{"code":401,"message":"Invalid API key. Verify the key on your dashboard's API Keys page, or contact support@wavespeed.ai."}"#;

#[tokio::test]
async fn only_the_key_as_a_bearer_token_is_accepted() {
    let trial = Trial::with(|builder| builder.key("k-1")).await;
    let result = "/api/v3/predictions/6488c2754f6f4dfea924382fa14d11bd/result";
    for (method, path) in [
        (Method::POST, MODEL),
        (Method::GET, result),
        (Method::POST, "/api/v3/media/uploads"),
        (Method::POST, "/api/v3/no/such-model"),
    ] {
        let request = || trial.plain(method.clone(), path).json(&input());
        for request in [
            request(),
            request().bearer_auth("emulator"),
            request().header("Authorization", "k-1"),
            request().header("Authorization", "Basic k-1"),
            request().header("X-API-Key", "k-1"),
        ] {
            assert_refused(request.send().await.unwrap(), 401, INVALID_KEY).await;
        }
    }
    assert_eq!(trial.emulator.billed(), 0);
    let accepted = trial
        .plain(Method::POST, MODEL)
        .bearer_auth("k-1")
        .json(&input());
    data(accepted.send().await.unwrap()).await;
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn the_recorded_refusals_are_answered_byte_for_byte() {
    let trial = Trial::new().await;

    let mut body = input();
    body["voice_language"] = "bogus".into();
    let bad_choice = r#"{"code":400,"message":"field \"voice_language\" must be one of [\"zh\", \"en\"], got string \"bogus\"; please use one of the allowed values"}"#;
    assert_refused(trial.submit(&body).await, 400, bad_choice).await;

    let unknown = r#"{"code":404,"message":"Model \"no/such-model\" not found. Please check the model identifier."}"#;
    let call = trial
        .call(Method::POST, "/api/v3/no/such-model")
        .json(&input());
    assert_refused(call.send().await.unwrap(), 404, unknown).await;

    let unknown = r#"{"code":404,"message":"Prediction not found."}"#;
    let call = trial.call(Method::GET, "/api/v3/predictions/nobody-knows/result");
    assert_refused(call.send().await.unwrap(), 404, unknown).await;

    assert_eq!(trial.emulator.billed(), 0);
}

#[tokio::test]
async fn what_is_no_operation_is_a_404() {
    let trial = Trial::new().await;
    let not_found = r#"{"code":404,"message":"Not found."}"#;
    for (method, path) in [
        (Method::GET, "/api/v3/no/such/path"),
        (Method::GET, "/api/v3"),
        (Method::POST, "/api/v3/one-word"),
    ] {
        let call = trial.call(method, path).send().await.unwrap();
        assert_refused(call, 404, not_found).await;
    }
    let three =
        r#"{"code":404,"message":"Model \"a/b/c\" not found. Please check the model identifier."}"#;
    let call = trial
        .call(Method::POST, "/api/v3/a/b/c")
        .send()
        .await
        .unwrap();
    assert_refused(call, 404, three).await;
    assert_eq!(trial.get("/elsewhere").await.status(), 404);
    for (method, path) in [(Method::GET, MODEL), (Method::TRACE, "/api/v3/predictions")] {
        let call = trial.call(method, path).send().await.unwrap();
        assert_eq!(call.headers()["allow"], "POST");
        let other = r#"{"code":405,"message":"This method is not allowed here."}"#;
        assert_refused(call, 405, other).await;
    }
}

#[tokio::test]
async fn a_missing_field_and_a_body_that_is_no_object_are_refused() {
    let trial = Trial::new().await;
    let mut body = input();
    body.as_object_mut().unwrap().remove("voice_id");
    let missing = r#"{"code":400,"message":"field \"voice_id\" is required"}"#;
    assert_refused(trial.submit(&body).await, 400, missing).await;
    let no_object = r#"{"code":400,"message":"request body must be a JSON object"}"#;
    assert_refused(trial.submit(&json!([1])).await, 400, no_object).await;
    let empty = trial.call(Method::POST, MODEL).send().await.unwrap();
    assert_refused(empty, 400, no_object).await;
}

#[tokio::test]
async fn a_body_above_10_mib_is_refused() {
    let trial = Trial::new().await;
    let call = trial.call(Method::POST, MODEL).body(" ".repeat(11 << 20));
    let too_long =
        r#"{"code":400,"message":"request body cannot be read, or is larger than 10 MiB"}"#;
    assert_refused(call.send().await.unwrap(), 400, too_long).await;
}

#[tokio::test]
async fn unknown_keys_are_dropped_and_defaults_filled_in() {
    let trial = Trial::new().await;
    let mut body = input();
    body["voice_sped"] = json!(1.5);
    body["voice_speed"] = json!(1.25);
    let id = trial.submitted(&body).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let task = trial.emulator.task(&id).unwrap();
    assert_eq!(task.model, "kwaivgi/kling-lipsync/text-to-video");
    let mut expected = input();
    expected["voice_speed"] = json!(1.25);
    expected["voice_language"] = json!("en");
    assert_eq!(Value::Object(task.input), expected);
    assert_eq!(task.webhook, None);
}

#[tokio::test]
async fn a_webhook_is_remembered_if_it_can_be_one() {
    let trial = Trial::new().await;
    let submit = async |url: &str| {
        let call = trial.call(Method::POST, MODEL).query(&[("webhook", url)]);
        call.json(&input()).send().await.unwrap()
    };
    let url = "https://example.com/hook?task=1&kind=a b";
    let url = url.replace(' ', "%20");
    let id = data(submit(&url).await).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(trial.emulator.task(&id).unwrap().webhook, Some(url));
    for url in [
        "",
        "example.com",
        "ftp://example.com/hook",
        "file:///etc/passwd",
    ] {
        let refused = format!(
            r#"{{"code":400,"message":"field \"webhook\" must be an http or https URL, got string \"{url}\""}}"#
        );
        assert_refused(submit(url).await, 400, &refused).await;
    }
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn a_task_is_created_then_processing_then_completed() {
    let trial = Trial::with(|builder| builder.seed(7)).await;
    let origin = trial.emulator.origin();
    let submitted = trial.submitted(&input()).await;
    let id = submitted["id"].as_str().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let created = json!({
        "id": id,
        "model": "kwaivgi/kling-lipsync/text-to-video",
        "outputs": [],
        "urls": { "get": format!("{origin}/api/v3/predictions/{id}/result") },
        "has_nsfw_contents": [],
        "status": "created",
        "created_at": "2026-01-02T03:04:05.000Z",
        "error": "",
        "executionTime": 0,
        "timings": { "inference": 0 },
        "emulated": true,
    });
    assert_eq!(submitted, created);
    assert_eq!(trial.prediction(id).await, created);

    trial.emulator.clock().advance(TASK_TIME / 4);
    let mut processing = created.clone();
    processing["status"] = "processing".into();
    assert_eq!(trial.prediction(id).await, processing);

    trial.emulator.clock().advance(TASK_TIME * 3 / 4);
    let mut completed = created;
    completed["status"] = "completed".into();
    completed["outputs"] = json!([format!("{origin}/outputs/{id}.mp4")]);
    completed["has_nsfw_contents"] = json!([false]);
    completed["executionTime"] = json!(60_000);
    completed["timings"]["inference"] = json!(60_000);
    completed["code"] = json!(0);
    assert_eq!(trial.prediction(id).await, completed);
}

#[tokio::test]
async fn a_seed_makes_ids_repeat_and_two_tasks_still_differ() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let trial = Trial::with(|builder| builder.seed(7)).await;
        ids.push(trial.submitted(&input()).await["id"].clone());
        ids.push(trial.submitted(&input()).await["id"].clone());
    }
    assert_eq!(ids[..2], ids[2..]);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_task_can_end_in_other_ways() {
    for (ending, status, error, code) in [
        (
            Ending::failed("no face found"),
            "failed",
            "no face found",
            json!(1403),
        ),
        (Ending::new("cancelled", ""), "cancelled", "", Value::Null),
        (
            Ending::new("paused", "a word of next year"),
            "paused",
            "a word of next year",
            Value::Null,
        ),
    ] {
        let trial = Trial::with(|builder| builder.ending(ending)).await;
        let submitted = trial.submitted(&input()).await;
        let id = submitted["id"].as_str().unwrap();
        trial.emulator.clock().advance(TASK_TIME);
        let ended = trial.prediction(id).await;
        assert_eq!(ended["status"], status);
        assert_eq!(ended["error"], error);
        assert_eq!(ended["code"], code);
        assert_eq!(ended["outputs"], json!([]));
        assert_eq!(trial.get(&format!("/outputs/{id}.mp4")).await.status(), 404);
    }
}

#[tokio::test]
async fn a_task_of_no_time_is_created_when_submitted_and_completed_when_asked_for() {
    let trial = Trial::with(|builder| builder.task_time(std::time::Duration::ZERO)).await;
    let submitted = trial.submitted(&input()).await;
    assert_eq!(submitted["status"], "created");
    assert_eq!(submitted["outputs"], json!([]));
    let ended = trial.prediction(submitted["id"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed");
}

#[tokio::test]
async fn optional_fields_can_be_null_or_absent() {
    let trial = Trial::with(|builder| builder.optional_fields(OptionalFields::Null)).await;
    let submitted = trial.submitted(&input()).await;
    let id = &submitted["id"];
    let nothing = Value::Null;
    assert_eq!(
        submitted,
        json!({
            "id": id, "status": "created", "emulated": true, "model": nothing, "outputs": nothing,
            "urls": nothing, "has_nsfw_contents": nothing, "created_at": nothing,
            "error": nothing, "executionTime": nothing, "timings": nothing,
        })
    );

    let trial = Trial::with(|builder| builder.optional_fields(OptionalFields::Absent)).await;
    let submitted = trial.submitted(&input()).await;
    let id = submitted["id"].as_str().unwrap();
    assert_eq!(
        submitted,
        json!({ "id": id, "status": "created", "emulated": true })
    );
    trial.emulator.clock().advance(TASK_TIME);
    let outputs = [format!("{}/outputs/{id}.mp4", trial.emulator.origin())];
    assert_eq!(
        trial.prediction(id).await,
        json!({ "id": id, "status": "completed", "emulated": true, "outputs": outputs })
    );
}

#[tokio::test]
async fn predictions_are_kept_for_seven_days() {
    let trial = Trial::new().await;
    let submitted = trial.submitted(&input()).await;
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    trial.emulator.clock().advance(day * 7 - TASK_TIME);
    let id = submitted["id"].as_str().unwrap();
    assert_eq!(trial.prediction(id).await["status"], "completed");
    trial.emulator.clock().advance(TASK_TIME);
    let path = format!("/api/v3/predictions/{id}/result");
    let call = trial.call(Method::GET, &path).send().await.unwrap();
    assert_eq!(call.status(), 404);
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn calls_are_on_record_without_the_key() {
    let trial = Trial::new().await;
    let call = trial.call(Method::POST, &format!("{MODEL}?a=b"));
    let call = call.header("X-Client-Name", "trial").json(&input());
    data(call.send().await.unwrap()).await;
    trial.get("/media/a/b").await;
    trial
        .plain(Method::POST, "/media/a/b")
        .body("c")
        .send()
        .await
        .unwrap();
    trial.get("/elsewhere").await;

    let requests = trial.emulator.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        lines,
        [
            format!("POST {MODEL}?a=b"),
            "GET /media/a/b".to_owned(),
            "POST /media/a/b".to_owned(),
            "GET /elsewhere".to_owned(),
        ]
    );
    assert_eq!(requests[0].body, Some(input()));
    assert_eq!(requests[0].header("x-client-name"), Some("trial"));
    assert_eq!(requests[0].header("authorization"), Some("(hidden)"));
    assert_eq!(requests[1].header("authorization"), None);
}

#[tokio::test]
async fn a_page_shows_how_to_use_it() {
    let trial = Trial::new().await;
    let bundle: Value = trial.get("/openapi.json").await.json().await.unwrap();
    assert!(
        bundle["paths"]
            .get(MODEL.trim_start_matches("/api/v3"))
            .is_some()
    );
    let plain = trial.get("/").await;
    assert!(plain.headers().get("content-encoding").is_none());
    assert!(plain.text().await.unwrap().contains("browser"));
    let call = trial
        .plain(Method::GET, "/")
        .header("accept-encoding", "br, gzip");
    let page = call.send().await.unwrap();
    assert_eq!(page.headers()["content-encoding"], "gzip");
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert_eq!(page.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}
