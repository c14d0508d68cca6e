//! Tickets, and what the storage takes.

use std::time::Duration;

use reqwest::{Body, Method};
use serde_json::{Value, json};

use super::{Trial, assert_refused, data};

fn clip(size: u64) -> Value {
    json!({ "filename": "my clip.mp4", "size": size, "content_type": "video/mp4" })
}

#[tokio::test]
async fn a_ticket_says_where_the_bytes_go_and_where_they_are_found() {
    let trial = Trial::new().await;
    let origin = trial.emulator.origin();
    let mut ticket = data(trial.ticket(&clip(5)).await).await;
    let (download, url) = (
        ticket["download_url"].take(),
        ticket["upload"]["url"].take(),
    );
    let (download, url) = (download.as_str().unwrap(), url.as_str().unwrap());
    assert!(
        download.starts_with(&format!("{origin}/media/")),
        "{download}"
    );
    assert!(download.ends_with("/my_clip.mp4"), "{download}");
    assert!(url.starts_with(&format!("{origin}/storage/")), "{url}");
    assert!(url.contains("/my_clip.mp4?signature="), "{url}");
    assert_eq!(
        ticket,
        json!({
            "type": "video",
            "download_url": null,
            "filename": "my_clip.mp4",
            "size": 5,
            "upload": {
                "method": "PUT",
                "url": null,
                "headers": { "Content-Type": "video/mp4" },
                "expires_at": "2026-01-02T04:04:05.000Z",
            },
        })
    );
    assert_eq!(trial.emulator.billed(), 0);
}

#[tokio::test]
async fn a_file_is_found_once_it_was_put() {
    let trial = Trial::new().await;
    let ticket = data(trial.ticket(&clip(5)).await).await;
    let url = ticket["download_url"].as_str().unwrap();
    assert_eq!(trial.get(url).await.status(), 404);
    let put = trial.put(&ticket).body("bytes").send().await.unwrap();
    assert_eq!(put.status(), 200);
    let found = trial.get(url).await;
    assert_eq!(found.headers()["content-type"], "video/mp4");
    assert_eq!(found.headers()["content-length"], "5");
    assert_eq!(found.text().await.unwrap(), "bytes");
    let head = trial.plain(Method::HEAD, url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "5");

    trial
        .emulator
        .clock()
        .advance(Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(trial.get(url).await.status(), 404);
}

#[tokio::test]
async fn a_put_that_carries_the_key_is_refused() {
    let trial = Trial::new().await;
    let ticket = data(trial.ticket(&clip(5)).await).await;
    let put = trial.put(&ticket).bearer_auth("emulator").body("bytes");
    let put = put.send().await.unwrap();
    assert_eq!(put.status(), 400);
    let message = put.text().await.unwrap();
    assert_eq!(
        message,
        "an upload must not carry an Authorization header: it would give the key away"
    );
    assert_eq!(
        trial
            .get(ticket["download_url"].as_str().unwrap())
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn the_storage_wants_exactly_what_the_ticket_says() {
    let trial = Trial::new().await;
    let ticket = data(trial.ticket(&clip(5)).await).await;
    let url = ticket["upload"]["url"].as_str().unwrap();
    let bare = |url: &str| trial.plain(Method::PUT, url).body("bytes");
    let no_signature = url.split_once('?').unwrap().0;
    let no_length = futures_util::stream::iter([Ok::<_, std::io::Error>("bytes")]);
    for (put, status, message) in [
        (
            trial.put(&ticket).body("byte"),
            400,
            "Content-Length is 4, the ticket says 5",
        ),
        (
            trial.put(&ticket).body("bytes!"),
            400,
            "Content-Length is 6, the ticket says 5",
        ),
        (
            trial.put(&ticket).body(Body::wrap_stream(no_length)),
            411,
            "Content-Length is missing",
        ),
        (
            bare(url),
            403,
            "Content-Type must be the ticket's, video/mp4",
        ),
        (
            bare(no_signature),
            403,
            "the signature in the URL is not the ticket's",
        ),
        (bare("/storage/nobody/clip.mp4"), 404, "no such upload"),
    ] {
        let put = put.send().await.unwrap();
        assert_eq!(put.status().as_u16(), status);
        assert_eq!(put.text().await.unwrap(), message);
    }
    assert_eq!(
        trial
            .get(ticket["download_url"].as_str().unwrap())
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn a_ticket_expires() {
    let trial = Trial::new().await;
    let ticket = data(trial.ticket(&clip(5)).await).await;
    trial.emulator.clock().advance(Duration::from_secs(60 * 60));
    let put = trial.put(&ticket).body("bytes").send().await.unwrap();
    assert_eq!(put.status(), 403);
    assert_eq!(put.text().await.unwrap(), "the ticket has expired");
}

#[tokio::test]
async fn a_ticket_for_no_file_or_too_large_a_one_is_refused() {
    let trial = Trial::new().await;
    let empty = trial.ticket(&json!({ "filename": "", "size": 5 })).await;
    let too_short =
        r#"{"code":400,"message":"field \"filename\" must have at least 1 characters, got 0"}"#;
    assert_refused(empty, 400, too_short).await;
    let folder = trial.ticket(&json!({ "filename": "../", "size": 5 })).await;
    let no_name = r#"{"code":400,"message":"field \"filename\" must be the name of a file"}"#;
    assert_refused(folder, 400, no_name).await;
    let negative = trial.ticket(&json!({ "filename": "a", "size": -1 })).await;
    assert_eq!(negative.status(), 400);

    data(trial.ticket(&clip(200 << 20)).await).await;
    let too_large = r#"{"code":413,"message":"File too large: 209715201 bytes, the limit is 209715200 bytes."}"#;
    assert_refused(trial.ticket(&clip((200 << 20) + 1)).await, 413, too_large).await;
}

/// A form with one file, as a client that is not ours writes it.
fn form(trial: &Trial, name: &str, bytes: &[u8]) -> reqwest::RequestBuilder {
    let head = format!(
        "--zz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"my clip.mp4\"\r\n\
         Content-Type: video/mp4\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, b"\r\n--zz--\r\n"].concat();
    trial
        .call(Method::POST, "/api/v3/media/upload/binary")
        .header("content-type", "multipart/form-data; boundary=zz")
        .body(body)
}

#[tokio::test]
async fn a_file_may_come_as_a_form_whether_there_are_tickets_or_not() {
    for tickets in [true, false] {
        let trial = Trial::with(|builder| builder.tickets(tickets)).await;
        let asked = trial.ticket(&clip(5)).await;
        assert_eq!(asked.status(), if tickets { 200 } else { 404 });
        let mut file = data(form(&trial, "file", b"bytes").send().await.unwrap()).await;
        let url = file["download_url"].take();
        let expected = json!({
            "type": "video", "download_url": null, "filename": "my_clip.mp4", "size": 5,
        });
        assert_eq!(file, expected);
        let found = trial.get(url.as_str().unwrap()).await;
        assert_eq!(found.headers()["content-type"], "video/mp4");
        assert_eq!(found.text().await.unwrap(), "bytes");
    }
}

#[tokio::test]
async fn forms_that_are_refused() {
    let trial = Trial::new().await;
    let other = form(&trial, "clip", b"bytes").send().await.unwrap();
    let body =
        r#"{"code":400,"message":"field \"file\" must be the one file of a multipart/form-data"}"#;
    assert_refused(other, 400, body).await;
    let empty = form(&trial, "file", b"").send().await.unwrap();
    let body = r#"{"code":400,"message":"field \"file\" must be a file with a name and content"}"#;
    assert_refused(empty, 400, body).await;
    let no_key = trial
        .plain(Method::POST, "/api/v3/media/upload/binary")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(no_key.status(), 401);
}
