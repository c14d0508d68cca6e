//! Tests of a storage that redirects the PUT of an upload. Each server counts what it gets.

use serde_json::json;
use wavespeed::UploadError;
use wavespeed_harness::{answer, client, requests, serve};
use wiremock::ResponseTemplate;

use super::upload::{CLIP, MEDIA_URL, clip, ticket};

#[tokio::test]
async fn a_redirect_with_the_same_method_is_followed_once_without_secrets() {
    let (_folder, path) = clip();
    for status in [307, 308] {
        let second = serve([ResponseTemplate::new(200)]).await;
        let location = format!("{}/there?X-Signature=def", second.uri());
        let redirect = ResponseTemplate::new(status).insert_header("location", &*location);
        let first = serve([redirect]).await;
        let mut ticket = ticket(&first.uri());
        ticket["upload"]["headers"] = json!({
            "Content-Type": "video/mp4", "x-storage-class": "hot",
            "Authorization": "Storage secret", "x-amz-security-token": "secret", "Cookie": "a=secret",
        });
        let api = serve([answer(&ticket)]).await;
        let uploaded = client(&api.uri()).0.upload(&path).await.unwrap();
        assert_eq!(uploaded.url, MEDIA_URL);
        let [put] = &requests(&first).await[..] else {
            panic!("one PUT")
        };
        assert_eq!(put.headers["authorization"], "Storage secret");
        let [put] = &requests(&second).await[..] else {
            panic!("one PUT")
        };
        assert_eq!((put.method.as_str(), &*put.body), ("PUT", CLIP));
        assert_eq!(put.url.query(), Some("X-Signature=def"));
        assert_eq!(put.headers["content-length"], CLIP.len().to_string());
        assert_eq!(put.headers["x-storage-class"], "hot");
        assert!(!format!("{:?}", put.headers).contains("secret"), "{put:?}");
    }
}

#[tokio::test]
async fn any_other_redirect_of_the_storage_is_an_error() {
    let (_folder, path) = clip();
    let redirect =
        |status, location: &str| ResponseTemplate::new(status).insert_header("location", location);
    for (reply, puts, expected) in [
        (redirect(307, "/again"), 2, "redirected the upload twice"),
        (redirect(302, "/there"), 1, "answered HTTP 302"),
        (ResponseTemplate::new(307), 1, "without a readable location"),
        (redirect(307, "ftp://a.example/1"), 1, "not https"),
    ] {
        let storage = serve([reply]).await;
        let api = serve([answer(&ticket(&storage.uri()))]).await;
        let error = client(&api.uri()).0.upload(&path).await.unwrap_err();
        let UploadError::Failed { message, .. } = error else {
            panic!("{error}")
        };
        assert!(message.contains(expected), "{message}");
        assert_eq!(requests(&storage).await.len(), puts);
    }
}
