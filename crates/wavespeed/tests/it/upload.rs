//! Tests of one upload: the request for an upload ticket, the PUT to the storage, which follows the
//! ticket and has no API key, and the errors of both. One server plays the API and another the storage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::poll::ManualClock;
use wavespeed::{Deadline, Timeouts, UploadError, UploadSource};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{KEY, MODEL, answer, client, raw_input, record, requests, serve, settings};
use wiremock::{Request, ResponseTemplate};

/// The content of the uploaded file.
pub(super) const CLIP: &[u8] = b"\0\0\0\x18ftypisom not much of a clip";
/// The URL of the upload.
pub(super) const MEDIA_URL: &str = "https://media.example/clip.mp4";

/// A folder, and the path of a clip in it.
pub(super) fn clip() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clip one.MP4");
    std::fs::write(&path, CLIP).unwrap();
    (folder, path)
}

/// An upload ticket for a storage at this origin.
pub(super) fn ticket(storage: &str) -> Value {
    json!({
        "type": "video",
        "download_url": MEDIA_URL,
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

/// The headers of a request, except those that every HTTP request has.
fn headers(request: &Request) -> BTreeMap<&str, &str> {
    let usual = ["accept", "content-length", "host", "user-agent"];
    let all = request.headers.iter();
    all.map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !usual.contains(name))
        .collect()
}

#[tokio::test]
async fn storage_gets_the_request_of_the_ticket_and_no_api_key() {
    let storage = serve([ResponseTemplate::new(201)]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let uploaded = client(&api.uri()).0.upload(&path).await.unwrap();
    assert_eq!(
        (&*uploaded.url, uploaded.bytes),
        (MEDIA_URL, CLIP.len() as u64)
    );

    let [ticket_request] = &requests(&api).await[..] else {
        panic!("one request for a ticket")
    };
    assert_eq!(ticket_request.method.as_str(), "POST");
    assert_eq!(ticket_request.url.path(), "/api/v3/media/uploads");
    let expected =
        json!({ "filename": "clip one.MP4", "size": CLIP.len(), "content_type": "video/mp4" });
    assert_eq!(
        serde_json::from_slice::<Value>(&ticket_request.body).unwrap(),
        expected
    );
    let bearer = format!("Bearer {KEY}");
    let expected = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers(ticket_request), expected.into());

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
async fn file_without_a_known_extension_has_no_content_type() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let mut without_headers = ticket(&storage.uri());
    without_headers["upload"]
        .as_object_mut()
        .unwrap()
        .remove("headers");
    let api = serve([answer(&without_headers)]).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes");
    std::fs::write(&path, "x").unwrap();
    client(&api.uri()).0.upload(&path).await.unwrap();
    let ticket_request: Value = requests(&api).await[0].body_json().unwrap();
    assert_eq!(ticket_request, json!({ "filename": "notes", "size": 1 }));
    assert_eq!(headers(&requests(&storage).await[0]), BTreeMap::new());
}

#[tokio::test]
async fn refused_ticket_is_an_error_with_its_status() {
    let error = |code: u16, message: Value| json!({ "code": code, "message": message });
    let rows = [
        (
            401,
            error(401, "Invalid API key.".into()),
            "HTTP 401: Invalid API key.",
        ),
        (403, error(403, "No.".into()), "HTTP 403: No."),
        (429, error(429, Value::Null), "HTTP 429"),
        (
            200,
            error(5003, "Down".into()),
            "HTTP 200 with code 5003: Down",
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
async fn refusal_by_the_storage_is_an_error_without_the_signature() {
    let (_folder, path) = clip();
    let storage = serve([
        ResponseTemplate::new(500),
        ResponseTemplate::new(403),
        ResponseTemplate::new(302).insert_header("Location", "/elsewhere"),
    ])
    .await;
    let broken = Server::start([Action::hang_up("")]).await;
    let ticket_answer = answer(&ticket(&storage.uri()));
    let api = serve([
        ticket_answer.clone(),
        ticket_answer.clone(),
        ticket_answer,
        answer(&ticket(&broken.origin)),
    ])
    .await;
    let (client, _) = client(&api.uri());
    for (at, status) in [500, 403, 302].into_iter().enumerate() {
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
async fn ticket_with_an_invalid_header_is_an_error() {
    let (_folder, path) = clip();
    let storage = serve([ResponseTemplate::new(200)]).await;
    let mut invalid = ticket(&storage.uri());
    invalid["upload"]["headers"] = json!({ "X-Odd": "a\r\nAuthorization: none" });
    let api = serve([answer(&invalid)]).await;
    let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Failed { .. }), "{error}");
    assert!(requests(&storage).await.is_empty());
}

#[tokio::test]
async fn missing_file_is_an_error_before_any_request() {
    let api = serve([ResponseTemplate::new(200)]).await;
    let (folder, _) = clip();
    let path = folder.path().join("missing.mp4");
    let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Read { .. }), "{error}");
    assert!(error.to_string().contains("missing.mp4"), "{error}");
    assert!(requests(&api).await.is_empty());
}

#[tokio::test]
async fn stalled_storage_or_api_ends_at_the_deadline_or_time_out() {
    let (_folder, path) = clip();
    let storage = Server::start([Action::stall()]).await;
    let api = serve([answer(&ticket(&storage.origin))]).await;
    let (ws, clock) = client(&api.uri());
    let deadline = Deadline::after(Duration::from_secs(40), &clock);
    let stalled = async {
        storage.arrived(1).await;
        clock.advance(Duration::from_secs(40));
    };
    let (ended, ()) = tokio::join!(ws.upload(&path).deadline(deadline).into_future(), stalled);
    let error = ended.unwrap_err();
    assert!(matches!(error, UploadError::Deadline { .. }), "{error}");

    let api = Server::start([Action::stall()]).await;
    let (ws, clock) = client(&api.origin);
    let stalled = async {
        api.arrived(1).await;
        clock.advance(Duration::from_secs(30));
    };
    let (ended, ()) = tokio::join!(ws.upload(&path).into_future(), stalled);
    let error = ended.unwrap_err();
    assert!(
        error.to_string().contains("no upload ticket within 30s"),
        "{error}"
    );
}

#[tokio::test]
async fn submit_uploads_local_files_and_keeps_urls() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let accepted = answer(&record("created"));
    let api = serve([answer(&ticket(&storage.uri())), accepted.clone(), accepted]).await;
    let (client, _) = client(&api.uri());
    let (_folder, path) = clip();
    let input = json!({ "video": path, "text": "clip.mp4", "voice_id": "AOT" });
    client.submit(raw_input(MODEL, &input)).await.unwrap();
    let sent: Value = requests(&api).await[1].body_json().unwrap();
    let expected = json!({ "video": MEDIA_URL, "text": "clip.mp4", "voice_id": "AOT" });
    assert_eq!(sent, expected);
    client.submit(raw_input(MODEL, &sent)).await.unwrap();
    let again: Value = requests(&api).await[2].body_json().unwrap();
    assert_eq!(again, expected);
    assert_eq!(
        requests(&storage).await.len(),
        1,
        "a URL must not be uploaded"
    );
}

/// The idle timeout does not limit the duration of the whole upload.
#[tokio::test]
async fn upload_may_take_longer_than_the_idle_time_out() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(100));
    let storage = serve([slow]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let mut timeouts = Timeouts::default();
    timeouts.idle = Duration::from_millis(1);
    let settings = settings(&api.uri(), &ManualClock::default());
    let client = settings.timeouts(timeouts).build().unwrap();
    assert_eq!(client.upload(&path).await.unwrap().url, MEDIA_URL);
}

#[tokio::test]
async fn upload_without_progress_ends_at_the_idle_time_out() {
    let storage = Server::start([Action::stall()]).await;
    let api = serve([answer(&ticket(&storage.origin))]).await;
    let (_folder, path) = clip();
    let (client, clock) = client(&api.uri());
    let upload = client.upload(&path);
    let advancing = async {
        storage.arrived(1).await;
        // Repeats until the upload has seen the same progress at two checks.
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(60));
        }
    };
    let error = tokio::select! {
        uploaded = upload => uploaded.unwrap_err(),
        () = advancing => unreachable!("the loop does not end"),
    };
    assert!(
        error.to_string().contains("no data was sent for 60s"),
        "{error}"
    );
}

#[tokio::test]
async fn empty_file_or_folder_is_an_error_before_any_request() {
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

#[tokio::test]
async fn bytes_and_streams_are_uploaded_under_their_name() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (client, _) = client(&api.uri());
    let chunks = ["mo", "ov"].map(|chunk| Ok(Bytes::from(chunk)));
    for source in [
        UploadSource::bytes("../take one.mp4", "moov"),
        UploadSource::stream("take one.mp4", 4, futures_util::stream::iter(chunks)),
    ] {
        let name = format!("{source:?}");
        let uploaded = client.upload(source).await.unwrap();
        assert_eq!((&*uploaded.url, uploaded.bytes), (MEDIA_URL, 4));
        assert!(name.contains(uploaded.path.to_str().unwrap()), "{name}");
    }
    let sent = requests(&storage).await;
    assert!(sent.iter().all(|request| request.body == b"moov"));
    let request: Value = requests(&api).await[0].body_json().unwrap();
    assert!(
        request.to_string().contains("\"take one.mp4\""),
        "{request}"
    );
    for (length, chunks) in [(3, ["moov"]), (5, ["moov"])] {
        let chunks = chunks.map(|chunk| Ok(Bytes::from(chunk)));
        let stream = futures_util::stream::iter(chunks);
        let error = client.upload(UploadSource::stream("a.mp4", length, stream));
        let error = error.await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("announced {length} bytes")),
            "{error}"
        );
    }
    assert_eq!(requests(&storage).await.len(), sent.len());
}
