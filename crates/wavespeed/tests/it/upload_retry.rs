//! Tests of upload retries: which failures are retried, when an upload ticket is renewed, and the form
//! upload for an API without tickets. Servers play the API and the storage; the tests named `emulated_*`
//! use the emulator instead.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wavespeed::poll::ManualClock;
use wavespeed::{Builder, Deadline, MemoryStore, Poller, UploadError, Uploaded, Wavespeed};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{KEY, answer, requests, retrying_client, serve};
use wiremock::ResponseTemplate;

use super::emulator::JoinedClock;
use super::upload::{CLIP, MEDIA_URL, clip, ticket};

/// An answer with a ticket that does not expire during the test.
fn lasting_ticket(storage: &str) -> ResponseTemplate {
    let mut ticket = ticket(storage);
    ticket["upload"]["expires_at"] = "2199-01-02T04:04:05.000Z".into();
    answer(&ticket)
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

#[tokio::test]
async fn transient_storage_errors_are_retried_with_the_same_ticket() {
    let busy = status(429).insert_header("Retry-After", "7");
    let storage = serve([status(503), status(408), busy, status(200)]).await;
    let api = serve([lasting_ticket(&storage.uri())]).await;
    let (_folder, path) = clip();
    let (ws, clock) = retrying_client(&api.uri(), 3);
    assert_eq!(ws.upload(&path).await.unwrap().url, MEDIA_URL);
    assert_eq!(requests(&api).await.len(), 1);
    let puts = requests(&storage).await;
    assert_eq!(puts.len(), 4);
    assert!(
        puts.iter().all(|put| put.body == CLIP),
        "each PUT has the whole file"
    );
    // Back-off of 0.5 s and 1 s, and the Retry-After of 7 s.
    assert_eq!(clock.elapsed(), Duration::from_millis(8_500));
}

#[tokio::test]
async fn broken_connection_is_retried_within_the_budget() {
    let storage = Server::start([Action::hang_up("")]).await;
    let api = serve([lasting_ticket(&storage.origin)]).await;
    let (_folder, path) = clip();
    let (ws, _) = retrying_client(&api.uri(), 2);
    let error = ws.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Failed { .. }), "{error}");
    assert_eq!(storage.requests().len(), 3);
    assert_eq!(requests(&api).await.len(), 1);
}

#[tokio::test]
async fn refused_ticket_is_renewed_once() {
    for refusal in [401, 403, 404, 410] {
        let storage = serve([status(refusal), status(200)]).await;
        let api = serve([lasting_ticket(&storage.uri())]).await;
        let (_folder, path) = clip();
        let (ws, clock) = retrying_client(&api.uri(), 5);
        ws.upload(&path).await.unwrap();
        assert_eq!(requests(&api).await.len(), 2);
        assert_eq!(
            clock.elapsed(),
            Duration::ZERO,
            "a renewed ticket needs no back-off"
        );

        let storage = serve([status(refusal)]).await;
        let api = serve([lasting_ticket(&storage.uri())]).await;
        let (ws, _) = retrying_client(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        let message = format!("the storage answered HTTP {refusal}");
        assert!(error.to_string().contains(&message), "{error}");
        assert_eq!(requests(&storage).await.len(), 2);
    }
}

#[tokio::test]
async fn expired_ticket_is_not_used_for_a_retry() {
    let storage = serve([status(503), status(200)]).await;
    // The ticket expired in the past.
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let (ws, _) = retrying_client(&api.uri(), 5);
    ws.upload(&path).await.unwrap();
    assert_eq!(requests(&api).await.len(), 2);
}

#[tokio::test]
async fn ticket_request_obeys_retry_after_up_to_the_deadline() {
    let storage = serve([status(200)]).await;
    let busy = status(429).insert_header("Retry-After", "90");
    let api = serve([busy, status(502), lasting_ticket(&storage.uri())]).await;
    let (_folder, path) = clip();
    let (ws, clock) = retrying_client(&api.uri(), 5);
    let short = Deadline::after(Duration::from_secs(80), &clock);
    let error = ws.upload(&path).deadline(short).await.unwrap_err();
    assert!(
        matches!(error, UploadError::Refused { status: 429, .. }),
        "{error}"
    );
    assert_eq!(clock.elapsed(), Duration::ZERO);
    ws.upload(&path).await.unwrap();
    assert_eq!(clock.elapsed(), Duration::from_millis(500));
    assert_eq!(requests(&api).await.len(), 3);
}

#[tokio::test]
async fn too_large_file_is_an_error_with_the_limit_and_not_retried() {
    let body = json!({ "code": 413, "message": "No." });
    let refusing = serve([status(413).set_body_json(body)]).await;
    let storage = serve([status(413)]).await;
    let accepting = serve([lasting_ticket(&storage.uri())]).await;
    let (_folder, path) = clip();
    for (api, reason) in [
        (refusing, "HTTP 413: No."),
        (accepting, "the storage answered HTTP 413"),
    ] {
        let (ws, _) = retrying_client(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        assert!(matches!(error, UploadError::TooLarge { .. }), "{error}");
        let expected = format!(
            "has {} bytes, more than the vendor accepts (documented limit: 200 MiB): {reason}",
            CLIP.len()
        );
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(requests(&api).await.len(), 1);
    }
}

#[tokio::test]
async fn api_without_tickets_gets_the_exact_form() {
    for missing in [404, 405, 501] {
        let file = json!({ "type": "video", "download_url": MEDIA_URL, "size": CLIP.len() });
        let api = serve([status(missing), status(503), answer(&file)]).await;
        let (_folder, path) = clip();
        let (ws, _) = retrying_client(&api.uri(), 1);
        let uploaded = ws.upload(&path).await.unwrap();
        assert_eq!(uploaded.url, MEDIA_URL);
        let all = requests(&api).await;
        let paths: Vec<&str> = all.iter().map(|request| request.url.path()).collect();
        let form = "/api/v3/media/upload/binary";
        assert_eq!(paths, ["/api/v3/media/uploads", form, form]);
        for form in &all[1..] {
            let boundary = format!("wavespeed-{}", &uploaded.sha256[..60]);
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
                 filename=\"clip one.MP4\"\r\nContent-Type: video/mp4\r\n\r\n"
            );
            let tail = format!("\r\n--{boundary}--\r\n");
            let body = [head.as_bytes(), CLIP, tail.as_bytes()].concat();
            assert_eq!(form.method.as_str(), "POST");
            assert_eq!(form.body, body);
            assert_eq!(form.headers["content-length"], body.len().to_string());
            assert_eq!(form.headers["authorization"], format!("Bearer {KEY}"));
            let kind = format!("multipart/form-data; boundary={boundary}");
            assert_eq!(form.headers["content-type"], kind);
        }
    }
}

#[tokio::test]
async fn refused_or_unreadable_form_upload_is_an_error() {
    let (_folder, path) = clip();
    for (reply, expected) in [
        (status(404), "HTTP 404"),
        (status(401), "HTTP 401"),
        (
            status(307).insert_header("Location", "/elsewhere"),
            "HTTP 307",
        ),
    ] {
        let api = serve([status(404), reply]).await;
        let (ws, _) = retrying_client(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        let UploadError::Refused { message, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(message, expected);
        assert_eq!(requests(&api).await.len(), 2);
    }
}

/// Runs `work` with an emulator that plays `scenario`. Returns the kinds of requests and the result.
async fn run_emulated(
    scenario: &str,
    settings: impl FnOnce(wavespeed_emulator::Builder) -> wavespeed_emulator::Builder,
    work: impl AsyncFnOnce(&Emulator, &Wavespeed) -> Result<Uploaded, UploadError>,
) -> (Vec<String>, Result<Uploaded, UploadError>) {
    let builder = Emulator::builder().key(KEY).clock(EmulatorClock::manual());
    let builder = settings(builder.scenario(scenario.parse().unwrap()));
    let emulator = builder.start().await.unwrap();
    let clock = JoinedClock {
        client: ManualClock::default(),
        emulator: emulator.clock().clone(),
    };
    let poller = Poller::default().with_clock(clock).with_random(|| 0.0);
    let builder: Builder = Wavespeed::builder().key(KEY).base_url(emulator.origin());
    let ws = builder.poller(poller).store(MemoryStore::default());
    let done = work(&emulator, &ws.build().unwrap()).await;
    let calls = emulator.requests().into_iter();
    let path = |path: &str| path.split('/').nth(1).map(str::to_owned);
    let name = calls.map(|call| match &*call.path {
        "/api/v3/media/uploads" => "ticket".to_owned(),
        "/api/v3/media/upload/binary" => "form".to_owned(),
        other => path(other).unwrap_or_default(),
    });
    (name.collect(), done)
}

#[tokio::test]
async fn emulated_upload_is_sent_once_by_ticket_or_form() {
    for (tickets, expected) in [
        // The last one looks whether the emulator still has the file.
        (true, &["ticket", "storage", "media", "media"][..]),
        (false, &["ticket", "form", "media", "media"]),
    ] {
        let twice = async |_: &Emulator, ws: &Wavespeed| {
            let (_folder, path) = clip();
            let first = ws.upload(&path).await?;
            assert!(!first.known);
            let found = reqwest::get(&first.url)
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            assert_eq!(found, CLIP);
            ws.upload(&path).await
        };
        let (calls, done) = run_emulated("", |builder| builder.tickets(tickets), twice).await;
        assert!(done.unwrap().known);
        assert_eq!(calls, expected);
    }
}

#[tokio::test]
async fn emulated_rate_limit_is_waited_for() {
    let upload = async |emulator: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        let done = ws.upload(&path).await;
        assert_eq!(emulator.clock().elapsed(), Duration::from_secs(40));
        done
    };
    let scenario = "ticket once status 429 retry-after 40";
    let (calls, done) = run_emulated(scenario, |builder| builder, upload).await;
    done.unwrap();
    assert_eq!(calls, ["ticket", "ticket", "storage"]);
}

#[tokio::test]
async fn emulated_expired_ticket_is_renewed() {
    let upload = async |emulator: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        // The ticket expires while its request is delayed, before the PUT begins.
        let advancing = async {
            while emulator.requests().is_empty() {
                tokio::task::yield_now().await;
            }
            emulator.clock().advance(Duration::from_secs(2 * 60 * 60));
        };
        tokio::join!(ws.upload(&path).into_future(), advancing).0
    };
    let scenario = "ticket once delay 90m";
    let (calls, done) = run_emulated(scenario, |builder| builder, upload).await;
    done.unwrap();
    assert_eq!(calls, ["ticket", "storage", "ticket", "storage"]);
}

#[tokio::test]
async fn emulated_size_limit_is_reported() {
    let upload = async |_: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        ws.upload(&path).await
    };
    for (scenario, tickets, expected) in [
        ("ticket once status 413", true, &["ticket"][..]),
        ("put once status 413", true, &["ticket", "storage"]),
        ("form once status 413", false, &["ticket", "form"]),
    ] {
        let (calls, done) =
            run_emulated(scenario, |builder| builder.tickets(tickets), upload).await;
        let error = done.unwrap_err();
        assert!(matches!(error, UploadError::TooLarge { .. }), "{error}");
        assert_eq!(calls, expected);
    }
}

#[tokio::test]
async fn storage_that_answers_before_the_whole_file_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storage = format!("http://{}", listener.local_addr().unwrap());
    let early_answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 64 << 10]).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        // The server reads no more and keeps the connection open.
        std::future::pending::<()>().await;
    };
    let api = serve([lasting_ticket(&storage)]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    std::fs::write(&path, vec![7; 16 << 20]).unwrap();
    let (ws, _) = retrying_client(&api.uri(), 0);
    let error = tokio::select! {
        done = ws.upload(&path) => done.unwrap_err(),
        () = early_answer => unreachable!("the server does not end"),
    };
    assert!(
        error
            .to_string()
            .contains("answered before it had received the whole file"),
        "{error}"
    );
}
