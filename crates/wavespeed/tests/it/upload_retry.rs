//! Uploads that do not succeed at once: what is tried again, when, and what is not; and the older
//! call, where the API has no tickets.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wavespeed::poll::ManualClock;
use wavespeed::{
    Builder, Deadline, MemoryStore, Poller, UploadError, UploadOptions, Uploaded, Wavespeed,
};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::tcp::{Act, Server};
use wavespeed_harness::{KEY, answer, envelope, persistent, requests, serve};
use wiremock::ResponseTemplate;

use super::emulator::Together;
use super::upload::{CLIP, FOUND_AT, clip, ticket};

/// A ticket that is good for long.
fn lasting(storage: &str) -> ResponseTemplate {
    let mut ticket = ticket(storage);
    ticket["upload"]["expires_at"] = "2199-01-02T04:04:05.000Z".into();
    answer(&ticket)
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

#[tokio::test]
async fn a_storage_out_of_order_is_tried_again_by_the_same_ticket() {
    let busy = status(429).insert_header("Retry-After", "7");
    let storage = serve([status(503), status(408), busy, status(200)]).await;
    let api = serve([lasting(&storage.uri())]).await;
    let (_folder, path) = clip();
    let (ws, clock) = persistent(&api.uri(), 3);
    assert_eq!(ws.upload(&path).await.unwrap().url, FOUND_AT);
    assert_eq!(requests(&api).await.len(), 1);
    let puts = requests(&storage).await;
    assert_eq!(puts.len(), 4);
    assert!(puts.iter().all(|put| put.body == CLIP), "each is whole");
    // Half a second, one, and what was asked for.
    assert_eq!(clock.elapsed(), Duration::from_millis(8_500));
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_within_the_budget() {
    let storage = Server::start([Act::hang_up("")]).await;
    let api = serve([lasting(&storage.origin)]).await;
    let (_folder, path) = clip();
    let (ws, _) = persistent(&api.uri(), 2);
    let error = ws.upload(&path).await.unwrap_err();
    assert!(matches!(error, UploadError::Failed { .. }), "{error}");
    assert_eq!(storage.requests().len(), 3);
    assert_eq!(requests(&api).await.len(), 1);
}

#[tokio::test]
async fn a_ticket_that_has_expired_is_renewed_once() {
    for refusal in [401, 403, 404, 410] {
        let storage = serve([status(refusal), status(200)]).await;
        let api = serve([lasting(&storage.uri())]).await;
        let (_folder, path) = clip();
        let (ws, clock) = persistent(&api.uri(), 5);
        ws.upload(&path).await.unwrap();
        assert_eq!(requests(&api).await.len(), 2);
        assert_eq!(
            clock.elapsed(),
            Duration::ZERO,
            "there is nothing to wait for"
        );

        let storage = serve([status(refusal)]).await;
        let api = serve([lasting(&storage.uri())]).await;
        let (ws, _) = persistent(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        let said = format!("the storage answered HTTP {refusal}");
        assert!(error.to_string().contains(&said), "{error}");
        assert_eq!(requests(&storage).await.len(), 2);
    }
}

#[tokio::test]
async fn a_ticket_that_is_too_old_for_another_try_is_not_used() {
    let storage = serve([status(503), status(200)]).await;
    // Of the past by its own word.
    let api = serve([answer(&ticket(&storage.uri()))]).await;
    let (_folder, path) = clip();
    let (ws, _) = persistent(&api.uri(), 5);
    ws.upload(&path).await.unwrap();
    assert_eq!(requests(&api).await.len(), 2);
}

#[tokio::test]
async fn a_busy_api_is_waited_for_as_it_says_but_not_beyond_the_deadline() {
    let storage = serve([status(200)]).await;
    let busy = status(429).insert_header("Retry-After", "90");
    let api = serve([busy, status(502), lasting(&storage.uri())]).await;
    let (_folder, path) = clip();
    let (ws, clock) = persistent(&api.uri(), 5);
    let short = UploadOptions::new(Deadline::after(Duration::from_secs(80), &clock));
    let error = ws.upload_with(&path, &short).await.unwrap_err();
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
async fn a_file_that_is_too_large_is_told_with_the_limit_and_not_tried_again() {
    let said = json!({ "code": 413, "message": "No." });
    let refusing = serve([status(413).set_body_json(said)]).await;
    let storage = serve([status(413)]).await;
    let willing = serve([lasting(&storage.uri())]).await;
    let (_folder, path) = clip();
    for (api, said) in [
        (refusing, "HTTP 413: No."),
        (willing, "the storage answered HTTP 413"),
    ] {
        let (ws, _) = persistent(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        assert!(matches!(error, UploadError::TooLarge { .. }), "{error}");
        let expected = format!(
            "its {} bytes are more than the vendor takes, 200 MiB by its word ({said})",
            CLIP.len()
        );
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(requests(&api).await.len(), 1);
    }
}

#[tokio::test]
async fn an_api_without_tickets_gets_a_form_byte_for_byte() {
    for missing in [404, 405, 501] {
        let file = json!({ "type": "video", "download_url": FOUND_AT, "size": CLIP.len() });
        let api = serve([status(missing), status(503), answer(&file)]).await;
        let (_folder, path) = clip();
        let (ws, _) = persistent(&api.uri(), 1);
        let uploaded = ws.upload(&path).await.unwrap();
        assert_eq!(uploaded.url, FOUND_AT);
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
async fn a_form_that_is_refused_or_not_understood_is_an_error() {
    let (_folder, path) = clip();
    for (reply, expected) in [
        (status(404), "HTTP 404"),
        (status(401), "HTTP 401"),
        (
            status(307).insert_header("Location", "/elsewhere"),
            "HTTP 307",
        ),
        (
            status(200).set_body_json(envelope(&json!({ "url": FOUND_AT }))),
            "HTTP 200: success",
        ),
    ] {
        let api = serve([status(404), reply]).await;
        let (ws, _) = persistent(&api.uri(), 5);
        let error = ws.upload(&path).await.unwrap_err();
        let UploadError::Refused { message, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(message, expected);
        assert_eq!(requests(&api).await.len(), 2);
    }
}

/// The paths that were called at an emulator on which this goes wrong, and what came of an upload.
async fn emulated(
    scenario: &str,
    settings: impl FnOnce(wavespeed_emulator::Builder) -> wavespeed_emulator::Builder,
    work: impl AsyncFnOnce(&Emulator, &Wavespeed) -> Result<Uploaded, UploadError>,
) -> (Vec<String>, Result<Uploaded, UploadError>) {
    let builder = Emulator::builder().key(KEY).clock(EmulatorClock::manual());
    let builder = settings(builder.scenario(scenario.parse().unwrap()));
    let emulator = builder.start().await.unwrap();
    let clock = Together {
        here: ManualClock::default(),
        there: emulator.clock().clone(),
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
async fn an_emulated_upload_is_made_once_by_either_way() {
    for (tickets, expected) in [
        (true, &["ticket", "storage", "media"][..]),
        (false, &["ticket", "form", "media"]),
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
        let (calls, done) = emulated("", |builder| builder.tickets(tickets), twice).await;
        assert!(done.unwrap().known);
        assert_eq!(calls, expected);
    }
}

#[tokio::test]
async fn an_emulated_quota_is_waited_for() {
    let upload = async |emulator: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        let done = ws.upload(&path).await;
        assert_eq!(emulator.clock().elapsed(), Duration::from_secs(40));
        done
    };
    let scenario = "ticket once status 429 retry-after 40";
    let (calls, done) = emulated(scenario, |builder| builder, upload).await;
    done.unwrap();
    assert_eq!(calls, ["ticket", "ticket", "storage"]);
}

#[tokio::test]
async fn an_emulated_ticket_that_has_expired_is_renewed() {
    let upload = async |emulator: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        // The first ticket has lain about for longer than it lives when its PUT begins.
        let late = async {
            while emulator.requests().is_empty() {
                tokio::task::yield_now().await;
            }
            emulator.clock().advance(Duration::from_secs(2 * 60 * 60));
        };
        tokio::join!(ws.upload(&path), late).0
    };
    let scenario = "ticket once delay 90m";
    let (calls, done) = emulated(scenario, |builder| builder, upload).await;
    done.unwrap();
    assert_eq!(calls, ["ticket", "storage", "ticket", "storage"]);
}

#[tokio::test]
async fn an_emulated_limit_is_told() {
    let upload = async |_: &Emulator, ws: &Wavespeed| {
        let (_folder, path) = clip();
        ws.upload(&path).await
    };
    for (scenario, tickets, expected) in [
        ("ticket once status 413", true, &["ticket"][..]),
        ("put once status 413", true, &["ticket", "storage"]),
        ("form once status 413", false, &["ticket", "form"]),
    ] {
        let (calls, done) = emulated(scenario, |builder| builder.tickets(tickets), upload).await;
        let error = done.unwrap_err();
        assert!(matches!(error, UploadError::TooLarge { .. }), "{error}");
        assert_eq!(calls, expected);
    }
}

#[tokio::test]
async fn a_storage_that_answers_before_it_has_all_has_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storage = format!("http://{}", listener.local_addr().unwrap());
    let hasty = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 64 << 10]).await.unwrap();
        let early = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(early).await.unwrap();
        // It takes no more, and leaves the connection as it is.
        std::future::pending::<()>().await;
    };
    let api = serve([lasting(&storage)]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    std::fs::write(&path, vec![7; 16 << 20]).unwrap();
    let (ws, _) = persistent(&api.uri(), 0);
    let error = tokio::select! {
        done = ws.upload(&path) => done.unwrap_err(),
        () = hasty => unreachable!("it never ends"),
    };
    assert!(
        error.to_string().contains("answered before it had all"),
        "{error}"
    );
}
