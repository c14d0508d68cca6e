//! Outputs that break, expire, or are not what they seem.

use reqwest::header::RANGE;
use reqwest::{Client, Method, redirect};

use super::super::{TASK_TIME, Trial, input};
use super::{announced, parts, request};

/// What is uploaded, and comes back as the output.
const CLIP: &[u8] = b"0123456789";

/// The id of a completed task, and the URL of its output.
async fn output(trial: &Trial) -> (String, String) {
    let mut body = input();
    body["video"] = trial.upload("clip.mp4", CLIP.to_vec()).await.into();
    let submitted = trial.submitted(&body).await;
    let id = submitted["id"].as_str().unwrap().to_owned();
    trial.emulator.clock().advance(TASK_TIME);
    let url = url(trial, &id).await;
    (id, url)
}

async fn url(trial: &Trial, id: &str) -> String {
    let prediction = trial.prediction(id).await;
    prediction["outputs"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_output_breaks_off_and_the_rest_can_be_had() {
    let trial = Trial::of("output first 2 cut 4").await;
    let (id, url) = output(&trial).await;
    let path = format!("/outputs/{id}.mp4");
    let answer = trial.raw(&request("GET", &path, "")).await;
    let (head, body) = parts(&answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!((announced(head), body), (10, "0123"));

    // Of a part, too, only so much comes.
    let ranged = format!("GET {path} HTTP/1.1\r\nHost: emulator\r\nRange: bytes=4-\r\n\r\n");
    let answer = trial.raw(&ranged).await;
    let (head, body) = parts(&answer);
    assert!(head.contains("content-range: bytes 4-9/10\r\n"), "{head}");
    assert_eq!((announced(head), body), (6, "4567"));

    let rest = trial.plain(Method::GET, &url).header(RANGE, "bytes=8-");
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.status(), 206);
    assert_eq!(rest.text().await.unwrap(), "89");
}

#[tokio::test]
async fn a_large_output_breaks_off_at_the_very_byte() {
    let trial = Trial::of("output once cut 1234567").await;
    let bytes = vec![b'x'; 2_000_000];
    let mut body = input();
    body["video"] = trial.upload("clip.mp4", bytes).await.into();
    let submitted = trial.submitted(&body).await;
    trial.emulator.clock().advance(TASK_TIME);
    let path = format!("/outputs/{}.mp4", submitted["id"].as_str().unwrap());
    let answer = trial.raw(&request("GET", &path, "")).await;
    let (head, body) = parts(&answer);
    assert_eq!((announced(head), body.len()), (2_000_000, 1_234_567));
}

#[tokio::test]
async fn an_expired_url_stays_expired_and_a_new_one_works() {
    let trial = Trial::of("output once expired\noutput nth 4 expired").await;
    let (id, first) = output(&trial).await;
    for _ in 0..2 {
        let expired = trial.get(&first).await;
        assert_eq!(expired.status(), 403);
        assert_eq!(expired.text().await.unwrap(), "the URL has expired");
    }
    let second = url(&trial, &id).await;
    assert_ne!(first, second);
    assert_eq!(trial.get(&second).await.bytes().await.unwrap(), CLIP);
    assert_eq!(trial.get(&second).await.status(), 403);
    let third = url(&trial, &id).await;
    assert_eq!(trial.get(&third).await.bytes().await.unwrap(), CLIP);
    assert_eq!(trial.get(&first).await.status(), 403);
}

#[tokio::test]
async fn an_output_has_another_length_than_announced() {
    let trial = Trial::of("output once wrong-length").await;
    let (id, _) = output(&trial).await;
    let request = request("GET", &format!("/outputs/{id}.mp4"), "");
    let answer = trial.raw(&request).await;
    let (head, body) = parts(&answer);
    assert_eq!((announced(head), body), (11, "0123456789"));
}

#[tokio::test]
async fn an_output_is_empty_endless_or_a_page() {
    let trial = Trial::of("output once empty\noutput nth 2 huge\noutput nth 3 html").await;
    let (_, url) = output(&trial).await;
    let empty = trial.get(&url).await;
    assert_eq!(
        (empty.status().as_u16(), empty.content_length()),
        (200, Some(0))
    );
    let mut huge = trial.get(&url).await;
    assert_eq!(huge.content_length(), None);
    let mut read = 0;
    while read < 10_000_000 {
        read += huge.chunk().await.unwrap().unwrap().len();
    }
    let page = trial.get(&url).await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html");
}

#[tokio::test]
async fn an_output_is_elsewhere() {
    let trial = Trial::of("output once redirect http://127.0.0.1:1/clip.mp4").await;
    let (_, url) = output(&trial).await;
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none());
    let answer = client.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/clip.mp4");
}

#[tokio::test]
async fn an_output_comes_whole_although_a_part_was_asked_for() {
    let trial = Trial::of("output once no-ranges").await;
    let (_, url) = output(&trial).await;
    let part = trial.plain(Method::GET, &url).header(RANGE, "bytes=4-");
    let whole = part.send().await.unwrap();
    assert_eq!(whole.status(), 200);
    assert!(!whole.headers().contains_key("accept-ranges"));
    assert_eq!(whole.bytes().await.unwrap(), CLIP);
}

#[tokio::test]
async fn a_refusal_of_a_file_is_in_plain_words() {
    let trial = Trial::of("output once status 503 retry-after 1").await;
    let (_, url) = output(&trial).await;
    let refused = trial.get(&url).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.text().await.unwrap(), "Service Unavailable");
}
