//! What a completed task leaves.

use reqwest::header::{IF_RANGE, RANGE};
use reqwest::{Method, Response};

use serde_json::json;

use super::{TASK_TIME, Trial, data, input};
use crate::sample::Sample;

/// The URL of the output of a task made from `video`.
async fn output(trial: &Trial, video: &str) -> String {
    let mut body = input();
    body["video"] = video.into();
    let submitted = trial.submitted(&body).await;
    let id = submitted["id"].as_str().unwrap();
    let early = trial.get(&format!("/outputs/{id}.mp4")).await;
    assert_eq!(early.status(), 404);
    trial.emulator.clock().advance(TASK_TIME);
    let prediction = trial.prediction(id).await;
    prediction["outputs"][0].as_str().unwrap().to_owned()
}

async fn part(trial: &Trial, url: &str, range: &str) -> Response {
    let request = trial.plain(Method::GET, url).header(RANGE, range);
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_output_is_the_clip_that_was_uploaded() {
    let trial = Trial::new().await;
    // More than one piece of the stream.
    let bytes: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let upload = trial.upload("clip.mp4", bytes.clone()).await;
    let url = output(&trial, &upload).await;
    let whole = trial.get(&url).await;
    assert_eq!(whole.headers()["content-type"], "video/mp4");
    assert_eq!(whole.headers()["content-length"], "300000");
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert!(whole.bytes().await.unwrap() == bytes);

    let rest = part(&trial, &url, "bytes=299990-").await;
    assert_eq!(rest.status(), 206);
    assert_eq!(rest.bytes().await.unwrap(), bytes[299_990..]);
}

#[tokio::test]
async fn what_a_model_makes_follows_from_its_type() {
    let trial = Trial::new().await;
    let call = trial.call(Method::POST, "/api/v3/kwaivgi/kling-v1-tts");
    let body = json!({ "text": "Hello", "voice_id": "AOT" });
    let task = data(call.json(&body).send().await.unwrap()).await;
    trial.emulator.clock().advance(TASK_TIME);
    let prediction = trial.prediction(task["id"].as_str().unwrap()).await;
    let url = prediction["outputs"][0].as_str().unwrap();
    assert!(url.ends_with(".mp3"), "{url}");
    let voice = trial.get(url).await;
    assert_eq!(voice.headers()["content-type"], "audio/mpeg");
    assert_eq!(
        voice.bytes().await.unwrap(),
        include_bytes!("../../assets/voice.mp3")[..]
    );
    for (kind, extension) in [
        ("text-to-image", "png"),
        ("image-to-image", "png"),
        ("audio-to-video", "mp4"),
        ("lora", "mp4"),
    ] {
        assert_eq!(Sample::of(kind).extension(), extension, "{kind}");
    }
}

#[tokio::test]
async fn the_output_is_a_small_clip_otherwise() {
    let trial = Trial::new().await;
    let url = output(&trial, "https://example.com/clip.mp4").await;
    let clip = trial.get(&url).await.bytes().await.unwrap();
    assert_eq!(clip, include_bytes!("../../assets/clip.mp4")[..]);
    assert_eq!(clip[4..8], *b"ftyp");
}

#[tokio::test]
async fn a_transfer_can_go_on_where_it_broke_off() {
    let trial = Trial::new().await;
    let upload = trial.upload("clip.mp4", b"0123456789".to_vec()).await;
    let url = output(&trial, &upload).await;
    let tag = trial.get(&url).await.headers()["etag"].clone();

    let middle = part(&trial, &url, "bytes=2-4").await;
    assert_eq!(middle.status(), 206);
    assert_eq!(middle.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(middle.headers()["content-length"], "3");
    assert_eq!(middle.headers()["etag"], tag);
    assert_eq!(middle.text().await.unwrap(), "234");

    let behind = part(&trial, &url, "bytes=10-").await;
    assert_eq!(behind.status(), 416);
    assert_eq!(behind.headers()["content-range"], "bytes */10");

    for (if_range, status, text) in [
        (tag.to_str().unwrap(), 206, "789"),
        ("\"old\"", 200, "0123456789"),
    ] {
        let request = trial.plain(Method::GET, &url).header(RANGE, "bytes=7-");
        let rest = request.header(IF_RANGE, if_range).send().await.unwrap();
        assert_eq!(rest.status().as_u16(), status);
        assert_eq!(rest.text().await.unwrap(), text);
    }
}
