//! Tests of unusual answers to the request for an upload ticket, and of files without an extension. One
//! server plays the API and another the storage.

use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::UploadError;
use wavespeed_harness::{KEY, answer, client, envelope, requests, serve};
use wiremock::ResponseTemplate;

use super::upload::{CLIP, MEDIA_URL, clip, ticket};

#[tokio::test]
async fn a_ticket_is_read_tolerantly() {
    type Change = fn(&mut Value);
    let rows: [(Change, &[(&str, &str)]); 7] = [
        (
            |ticket| ticket["upload"]["headers"] = json!({ "Content-Type": ["video/mp4"] }),
            &[("content-type", "video/mp4")],
        ),
        (
            |ticket| ticket["upload"]["headers"] = json!({ "x-size": 5, "x-flag": true }),
            &[("x-size", "5"), ("x-flag", "true")],
        ),
        (
            |ticket| ticket["upload"]["headers"] = json!({ "x-many": ["a", 2], "x-none": null }),
            &[("x-many", "a"), ("x-many", "2")],
        ),
        (|ticket| ticket["upload"]["headers"] = Value::Null, &[]),
        (|ticket| ticket["upload"]["method"] = "put".into(), &[]),
        (
            |ticket| ticket["upload"]["expires_at"] = 4_000_000_000_u64.into(),
            &[],
        ),
        (|ticket| ticket["size"] = "29".into(), &[]),
    ];
    let (_folder, path) = clip();
    for (change, expected) in rows {
        let storage = serve([ResponseTemplate::new(200)]).await;
        let mut ticket = ticket(&storage.uri());
        change(&mut ticket);
        // A ticket without an envelope is one, too.
        for body in [envelope(&ticket), ticket.clone()] {
            let api = serve([ResponseTemplate::new(200).set_body_json(&body)]).await;
            let uploaded = client(&api.uri()).0.upload(&path).await.unwrap();
            assert_eq!(uploaded.url, MEDIA_URL);
        }
        for put in requests(&storage).await {
            assert_eq!(put.body, CLIP);
            for (name, value) in expected {
                let values = put.headers.get_all(*name);
                assert!(values.iter().any(|given| given == value), "{name}: {put:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_in_an_answer_is_named() {
    let storage = serve([ResponseTemplate::new(200)]).await;
    let good = ticket(&storage.uri());
    let changed = |change: fn(&mut Value)| {
        let mut ticket = good.clone();
        change(&mut ticket);
        ResponseTemplate::new(200).set_body_json(envelope(&ticket))
    };
    let (_folder, path) = clip();
    for (reply, expected) in [
        (
            changed(|ticket| ticket["upload"] = Value::Null),
            "\"upload\"",
        ),
        (
            changed(|ticket| ticket["upload"]["url"] = 7.into()),
            "\"upload.url\"",
        ),
        (
            changed(|ticket| ticket["upload"]["url"] = "ftp://a.example/?sig=hidden".into()),
            "\"upload.url\" that is not an http or https URL",
        ),
        (
            changed(|ticket| ticket["download_url"] = Value::Null),
            "\"download_url\"",
        ),
        (
            changed(|ticket| ticket["upload"]["method"] = "POST".into()),
            "asks for \"POST\", not PUT",
        ),
        (
            changed(|ticket| ticket["upload"]["method"] = format!("Bearer {KEY}").into()),
            "not PUT",
        ),
        (
            changed(|ticket| ticket["upload"]["headers"] = json!({ "x-odd": {} })),
            "header \"x-odd\"",
        ),
        (
            changed(|ticket| ticket["upload"]["headers"] = json!({ "x-odd": "a\r\nb: c" })),
            "header \"x-odd\"",
        ),
        (
            changed(|ticket| ticket["upload"]["headers"] = "none".into()),
            "\"upload.headers\"",
        ),
        (
            ResponseTemplate::new(200).set_body_json(envelope(&Value::Null)),
            "\"upload\"",
        ),
        (
            ResponseTemplate::new(200).set_body_string("fine"),
            "is no JSON",
        ),
    ] {
        let api = serve([reply]).await;
        let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
        assert!(matches!(error, UploadError::Failed { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(expected), "{expected}: {message}");
        for never in ["success", "refused", "hidden", KEY] {
            assert!(!message.contains(never), "{message}");
        }
    }
    assert!(requests(&storage).await.is_empty());
    // The answer to the form is named in the same way.
    let form = answer(&json!({ "url": MEDIA_URL }));
    let api = serve([ResponseTemplate::new(404), form]).await;
    let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
    assert!(error.to_string().contains("\"download_url\""), "{error}");
}

#[tokio::test]
async fn a_file_without_an_extension_is_announced_by_its_content() {
    let folder = TempDir::new().unwrap();
    for (name, content, filename, content_type) in [
        ("clip", CLIP, "clip.mp4", Some("video/mp4")),
        (
            "picture",
            b"\x89PNG\r\n\x1a\n",
            "picture.png",
            Some("image/png"),
        ),
        (
            "sound",
            b"ID3\x04\0\0\0\0\0\0",
            "sound.mp3",
            Some("audio/mpeg"),
        ),
        ("notes", b"words", "notes", None),
        // A name with an extension stays as it is.
        ("song.mp3", CLIP, "song.mp3", Some("audio/mpeg")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let storage = serve([ResponseTemplate::new(200)]).await;
        let api = serve([answer(&ticket(&storage.uri()))]).await;
        client(&api.uri()).0.upload(&path).await.unwrap();
        let request: Value = requests(&api).await[0].body_json().unwrap();
        assert_eq!(request["filename"], filename);
        assert_eq!(request["content_type"], json!(content_type));
    }
}
