//! Uploading: what the ticket is asked for, that the storage gets exactly what the ticket says and
//! never the key, and what every refusal becomes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::poll::ManualClock;
use wavespeed::{Deadline, Timeouts, UploadError, UploadOptions};
use wavespeed_harness::tcp::{Act, Server};
use wavespeed_harness::{KEY, MODEL, answer, client, envelope, requests, serve, settings};
use wiremock::{Request, ResponseTemplate};

pub(super) const CLIP: &[u8] = b"\0\0\0\x18ftypisom not much of a clip";
pub(super) const FOUND_AT: &str = "https://media.example/clip.mp4";

/// A folder with a clip in it.
pub(super) fn clip() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clip one.MP4");
    std::fs::write(&path, CLIP).unwrap();
    (folder, path)
}

pub(super) fn ticket(storage: &str) -> Value {
    json!({
        "type": "video",
        "download_url": FOUND_AT,
        "filename": "clip.mp4",
        "size": CLIP.len(),
        "upload": {
            "method": "PUT",
            "url": format!("{storage}/bucket/clip.mp4?X-Signature=abc"),
            "headers": { "Content-Type": "video/mp4", "x-storage-class": "hot" },
            "expires_at": "2026-01-02T04:04:05.000Z",
        },
    })
}

/// The headers of a request, without those that any request of HTTP has.
fn headers(request: &Request) -> BTreeMap<&str, &str> {
    let usual = ["accept", "content-length", "host", "user-agent"];
    let all = request.headers.iter();
    all.map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !usual.contains(name))
        .collect()
}

#[tokio::test]
async fn the_storage_gets_what_the_ticket_says_and_nothing_else() {
    let storage = serve([ResponseTemplate::new(201)]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let uploaded = client(&api.uri()).0.upload(&path).await.unwrap();
    assert_eq!(
        (&*uploaded.url, uploaded.bytes),
        (FOUND_AT, CLIP.len() as u64)
    );

    let [asked] = &requests(&api).await[..] else {
        panic!("one ticket")
    };
    assert_eq!(asked.method.as_str(), "POST");
    assert_eq!(asked.url.path(), "/api/v3/media/uploads");
    let expected =
        json!({ "filename": "clip one.MP4", "size": CLIP.len(), "content_type": "video/mp4" });
    assert_eq!(
        serde_json::from_slice::<Value>(&asked.body).unwrap(),
        expected
    );
    let bearer = format!("Bearer {KEY}");
    let expected = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers(asked), expected.into());

    let [put] = &requests(&storage).await[..] else {
        panic!("one PUT")
    };
    assert_eq!(put.method.as_str(), "PUT");
    assert_eq!(put.url.path(), "/bucket/clip.mp4");
    assert_eq!(put.url.query(), Some("X-Signature=abc"));
    assert_eq!(put.body, CLIP);
    assert_eq!(put.headers["content-length"], CLIP.len().to_string());
    let expected = [("content-type", "video/mp4"), ("x-storage-class", "hot")];
    assert_eq!(headers(put), expected.into());
}

#[tokio::test]
async fn a_file_of_no_known_kind_has_no_content_type() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let mut bare = ticket(&storage.uri());
    bare["upload"].as_object_mut().unwrap().remove("headers");
    let api = serve([answer(&bare)]).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes");
    std::fs::write(&path, "x").unwrap();
    client(&api.uri()).0.upload(&path).await.unwrap();
    let asked: Value = requests(&api).await[0].body_json().unwrap();
    assert_eq!(asked, json!({ "filename": "notes", "size": 1 }));
    assert_eq!(headers(&requests(&storage).await[0]), BTreeMap::new());
}

#[tokio::test]
async fn a_refused_ticket_is_told_with_its_status() {
    let said = |code: u16, message: Value| json!({ "code": code, "message": message });
    let rows = [
        (
            401,
            said(401, "Invalid API key.".into()),
            "HTTP 401: Invalid API key.",
        ),
        (403, said(403, "No.".into()), "HTTP 403: No."),
        (429, said(429, Value::Null), "HTTP 429"),
        (
            200,
            said(5003, "Down".into()),
            "HTTP 200 with code 5003: Down",
        ),
        (
            200,
            envelope(&json!({ "download_url": FOUND_AT })),
            "HTTP 200: success",
        ),
    ];
    let answers = rows
        .iter()
        .map(|(status, body, _)| ResponseTemplate::new(*status).set_body_json(body));
    let api = serve(answers).await;
    let (client, _) = client(&api.uri());
    let (_folder, path) = clip();
    for (at, (expected_status, _, expected)) in rows.iter().enumerate() {
        let error = client.upload(&path).await.unwrap_err();
        let UploadError::Refused {
            path: of,
            status,
            message,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (&of, &status, &*message),
            (&path, expected_status, *expected)
        );
        assert_eq!(requests(&api).await.len(), at + 1);
    }
}

#[tokio::test]
async fn a_storage_that_does_not_take_it_is_a_failure() {
    let (_folder, path) = clip();
    let storage = serve([
        ResponseTemplate::new(500),
        ResponseTemplate::new(403),
        ResponseTemplate::new(307).insert_header("Location", "/elsewhere"),
    ])
    .await;
    let deaf = Server::start([Act::hang_up("")]).await;
    let good = answer(&ticket(&storage.uri()));
    let api = serve([
        good.clone(),
        good.clone(),
        good,
        answer(&ticket(&deaf.origin)),
    ])
    .await;
    let (client, _) = client(&api.uri());
    for (at, status) in [500, 403, 307].into_iter().enumerate() {
        let error = client.upload(&path).await.unwrap_err();
        let UploadError::Failed { message, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(message, format!("the storage answered HTTP {status}"));
        assert_eq!(requests(&storage).await.len(), at + 1);
    }
    let error = client.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Failed { .. }), "{error}");
    assert!(!error.to_string().contains("X-Signature"), "{error}");
}

#[tokio::test]
async fn a_ticket_with_a_header_that_is_none_is_a_failure() {
    let (_folder, path) = clip();
    let storage = serve([ResponseTemplate::new(200)]).await;
    let mut odd = ticket(&storage.uri());
    odd["upload"]["headers"] = json!({ "X-Odd": "a\r\nAuthorization: none" });
    let api = serve([answer(&odd)]).await;
    let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Failed { .. }), "{error}");
    assert!(requests(&storage).await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_missing_is_told_before_anything_is_sent() {
    let api = serve([ResponseTemplate::new(200)]).await;
    let (folder, _) = clip();
    let path = folder.path().join("missing.mp4");
    let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Read { .. }), "{error}");
    assert!(error.to_string().contains("missing.mp4"), "{error}");
    assert!(requests(&api).await.is_empty());
}

#[tokio::test]
async fn a_storage_or_an_api_that_stalls_is_cut() {
    let (_folder, path) = clip();
    let storage = Server::start([Act::stall()]).await;
    let api = serve([answer(&ticket(&storage.origin))]).await;
    let (ws, clock) = client(&api.uri());
    let options = UploadOptions::new(Deadline::after(Duration::from_secs(40), &clock));
    let stalled = async {
        storage.arrived(1).await;
        clock.advance(Duration::from_secs(40));
    };
    let (ended, ()) = tokio::join!(ws.upload_with(&path, &options), stalled);
    let error = ended.unwrap_err();
    assert!(matches!(error, UploadError::Deadline { .. }), "{error}");

    let api = Server::start([Act::stall()]).await;
    let (ws, clock) = client(&api.origin);
    let stalled = async {
        api.arrived(1).await;
        clock.advance(Duration::from_secs(30));
    };
    let (ended, ()) = tokio::join!(ws.upload(&path), stalled);
    let error = ended.unwrap_err();
    assert!(
        error.to_string().contains("no ticket within 30s"),
        "{error}"
    );
}

#[tokio::test]
async fn local_files_of_an_input_become_urls_and_urls_stay() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (client, _) = client(&api.uri());
    let model = wavespeed::model(MODEL).unwrap();
    let (_folder, path) = clip();
    let mut input = json!({ "video": path, "text": "clip.mp4" });
    client
        .upload_inputs(model, &mut input, &UploadOptions::new(Deadline::never()))
        .await
        .unwrap();
    assert_eq!(input, json!({ "video": FOUND_AT, "text": "clip.mp4" }));
    client
        .upload_inputs(model, &mut input, &UploadOptions::new(Deadline::never()))
        .await
        .unwrap();
    assert_eq!(requests(&storage).await.len(), 1, "a URL is not uploaded");
}

/// How long a whole upload takes is no time-out: only standing still is.
#[tokio::test]
async fn an_upload_may_take_longer_than_the_time_between_two_pieces() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(100));
    let storage = serve([slow]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let mut timeouts = Timeouts::default();
    timeouts.idle = Duration::from_millis(1);
    let settings = settings(&api.uri(), &ManualClock::default());
    let client = settings.timeouts(timeouts).build().unwrap();
    assert_eq!(client.upload(&path).await.unwrap().url, FOUND_AT);
}

#[tokio::test]
async fn an_upload_that_stands_still_fails() {
    let storage = Server::start([Act::stall()]).await;
    let api = serve([answer(&ticket(&storage.origin))]).await;
    let (_folder, path) = clip();
    let (client, clock) = client(&api.uri());
    let upload = client.upload(&path);
    let moves = async {
        storage.arrived(1).await;
        // Until it has looked twice, and seen it stand at the same place.
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(60));
        }
    };
    let error = tokio::select! {
        uploaded = upload => uploaded.unwrap_err(),
        () = moves => unreachable!("it never ends"),
    };
    assert!(
        error.to_string().contains("nothing moved for 60s"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_but_a_file_with_content_is_uploaded() {
    let api = serve([]).await;
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, "").unwrap();
    for path in [empty.as_path(), folder.path()] {
        let error = client(&api.uri()).0.upload(path).await.unwrap_err();
        assert!(matches!(error, UploadError::Read { .. }), "{error}");
    }
    assert!(requests(&api).await.is_empty());
}
