//! Connections that are closed, or fall silent.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::{TASK_TIME, Trial, input};
use super::{announced, json, parts, request, submit};

/// What has come so far when the head of an answer is there.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// Lets the server do what it can do. It runs on the thread of the test.
async fn make_way() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Returns once so many tasks were created.
async fn billed(trial: &Trial, count: u64) {
    while trial.emulator.billed() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_is_closed_before_anything_is_done() {
    let trial = Trial::of("submit once drop-before").await;
    assert_eq!(trial.raw(&submit()).await, "");
    assert_eq!(trial.emulator.billed(), 0);
    assert_eq!(trial.emulator.requests()[0].body, Some(input()));
    trial.submitted(&input()).await;
    assert_eq!(trial.emulator.billed(), 1);
}

#[tokio::test]
async fn an_answer_is_lost_after_the_work_was_done() {
    let trial = Trial::of("any once lose-answer").await;
    assert_eq!(trial.raw(&submit()).await, "");
    assert_eq!(trial.emulator.billed(), 1);
    let found = trial
        .call(Method::POST, "/api/v3/predictions")
        .json(&json!({}));
    let found = super::super::data(found.send().await.unwrap()).await;
    assert_eq!(found["items"][0]["id"], *trial.emulator.tasks()[0]);
}

#[tokio::test]
async fn every_kind_of_call_can_be_dropped() {
    for (call, method, path, body) in [
        ("result", "GET", "/api/v3/predictions/abcd/result", ""),
        ("history", "POST", "/api/v3/predictions", "{}"),
        ("ticket", "POST", "/api/v3/media/uploads", "{}"),
        ("form", "POST", "/api/v3/media/upload/binary", "x"),
        ("put", "PUT", "/storage/abcd/clip.mp4", "content"),
        ("output", "GET", "/outputs/abcd.mp4", ""),
    ] {
        for fault in ["drop-before", "lose-answer"] {
            let trial = Trial::of(&format!("{call} once {fault}")).await;
            let request = request(method, path, body);
            assert_eq!(trial.raw(&request).await, "", "{call} {fault}");
            let requests = trial.emulator.requests();
            assert_eq!(requests.len(), 1, "{call} {fault}");
            assert_eq!(requests[0].path, path);
        }
    }
}

#[tokio::test]
async fn only_the_connection_with_the_fault_is_closed() {
    let trial = Trial::of("submit nth 2 drop-before").await;
    let mut kept = trial.connect().await;
    kept.write_all(submit().as_bytes()).await.unwrap();
    let first = head(&mut kept).await;
    let mut body = vec![0; announced(&first)];
    kept.read_exact(&mut body).await.unwrap();
    assert_eq!(trial.raw(&submit()).await, "");
    kept.write_all(submit().as_bytes()).await.unwrap();
    assert!(head(&mut kept).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn an_answer_breaks_off_at_the_byte_that_is_told() {
    let whole = {
        let trial = Trial::of("").await;
        trial.submit(&input()).await.text().await.unwrap()
    };
    for at in [0, 1, 40, whole.len() - 1] {
        let trial = Trial::of(&format!("submit once cut {at}")).await;
        let answer = trial.raw(&submit()).await;
        let (head, body) = parts(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(announced(head), whole.len());
        // The same seed made the same id, but the port is another one.
        assert_eq!(body.len(), at);
        assert_eq!(body[..at.min(40)], whole[..at.min(40)]);
        assert_eq!(trial.emulator.billed(), 1);
    }
}

#[tokio::test]
async fn an_answer_stalls_after_its_head_until_the_emulator_stops() {
    let trial = Trial::of("submit once stall").await;
    let mut stream = trial.connect().await;
    stream.write_all(submit().as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(announced(&head) > 0);
    make_way().await;
    let error = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(trial.emulator.billed(), 1);
    trial.emulator.shutdown().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn no_answer_comes_at_all_until_the_emulator_stops() {
    let trial = Trial::of("submit once stall-before").await;
    let mut stream = trial.connect().await;
    stream.write_all(submit().as_bytes()).await.unwrap();
    billed(&trial, 1).await;
    make_way().await;
    let error = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    trial.emulator.shutdown().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_stall_ends_when_the_client_leaves() {
    for fault in ["stall", "stall-before"] {
        let Trial { emulator, .. } = Trial::of(&format!("submit every {fault}")).await;
        let address = emulator.origin().strip_prefix("http://").unwrap();
        let before = std::sync::Arc::strong_count(&emulator.state);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(submit().as_bytes()).await.unwrap();
        while emulator.billed() == 0 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        // What held the connection lets go of the state.
        while std::sync::Arc::strong_count(&emulator.state) > before {
            tokio::task::yield_now().await;
        }
        assert_eq!(emulator.billed(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_delayed_answer_comes_when_the_clock_has_moved() {
    let trial = Trial::of("submit once delay 2m").await;
    let clock = trial.emulator.clock().clone();
    let mut stream = trial.connect().await;
    stream.write_all(submit().as_bytes()).await.unwrap();
    billed(&trial, 1).await;
    clock.advance(Duration::from_secs(119));
    make_way().await;
    let error = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    clock.advance(Duration::from_secs(1));
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // The task began with the call.
    assert!(
        head.contains("date: Fri, 02 Jan 2026 03:06:05 GMT\r\n"),
        "{head}"
    );
    let mut body = vec![0; announced(&head)];
    stream.read_exact(&mut body).await.unwrap();
    let body = json(&String::from_utf8(body).unwrap());
    assert_eq!(body["data"]["status"], "created");
    assert_eq!(body["data"]["created_at"], "2026-01-02T03:04:05.000Z");
}

#[tokio::test]
async fn a_delay_ends_with_the_emulator() {
    let trial = Trial::of("submit once delay 2m").await;
    let mut stream = trial.connect().await;
    stream.write_all(submit().as_bytes()).await.unwrap();
    billed(&trial, 1).await;
    trial.emulator.shutdown().await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_put_can_be_lost_before_and_after_it_is_stored() {
    let trial = Trial::of("put once drop-before\nput nth 2 lose-answer").await;
    let file = json!({ "filename": "a.mp4", "size": 3, "content_type": "video/mp4" });
    let ticket = super::super::data(trial.ticket(&file).await).await;
    let url = ticket["download_url"].as_str().unwrap();
    for (status, stored) in [(404, false), (200, true)] {
        let put = trial.put(&ticket).body("abc").send().await;
        assert!(put.is_err(), "{stored}");
        assert_eq!(trial.get(url).await.status().as_u16(), status);
    }
    let put = trial.put(&ticket).body("abc").send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    assert!(trial.emulator.clock().elapsed() < TASK_TIME);
}
