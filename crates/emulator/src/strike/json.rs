//! Answers of the API that are spoilt as JSON: cut in half, without what they should hold, or with
//! words nobody knows.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

/// Half of the JSON, as if it were whole.
pub(super) async fn truncate(response: Response) -> Response {
    replace(response, |body| body.slice(..body.len() / 2)).await
}

/// What the vendor answers when it is unavailable, as if all were well.
pub(super) fn null_data() -> Response {
    let body = json!({ "code": 5003, "message": "Service unavailable", "data": null });
    let json = [(CONTENT_TYPE, "application/json")];
    (StatusCode::OK, json, body.to_string()).into_response()
}

/// Nothing that tells the id: the URL holds it, too.
pub(super) async fn without_id(response: Response) -> Response {
    edit(response, |prediction| {
        prediction.remove("id");
        prediction.remove("urls");
    })
    .await
}

/// Another word for the status of a task that has not ended.
pub(super) async fn with_status(response: Response, word: &str) -> Response {
    edit(response, |prediction| match prediction.get_mut("status") {
        Some(Value::String(status)) if matches!(&**status, "created" | "processing") => {
            word.clone_into(status);
        }
        _ => {}
    })
    .await
}

/// Changes each prediction of an answer; a refusal has none.
async fn edit(response: Response, change: impl Fn(&mut Map<String, Value>)) -> Response {
    replace(response, |body| {
        let Ok(mut envelope) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        let data = envelope.get_mut("data").and_then(Value::as_object_mut);
        match data.map(|data| (data.contains_key("items"), data)) {
            Some((false, prediction)) => change(prediction),
            Some((true, page)) => {
                let items = page.get_mut("items").and_then(Value::as_array_mut);
                let predictions = items.into_iter().flatten();
                predictions
                    .filter_map(Value::as_object_mut)
                    .for_each(&change);
            }
            None => {}
        }
        Bytes::from(envelope.to_string())
    })
    .await
}

async fn replace(response: Response, change: impl FnOnce(Bytes) -> Bytes) -> Response {
    let (mut parts, body) = response.into_parts();
    // It is in memory already, so this does not fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(change(body)))
}
