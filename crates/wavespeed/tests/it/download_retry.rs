//! Tests of download retries: a broken transfer is resumed if the host can tell that the file is still
//! the same, and restarted otherwise. A TCP server breaks the first transfer, and the tests look at the
//! second request.

use serde_json::json;
use tempfile::TempDir;
use wavespeed::{Prediction, Target};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{ID, client};

/// Downloads a file of the content `abcdef`. The first answer has these validators and breaks after
/// `abc`; `second` answers the second request. Returns the headers `range` and `if-range` of that
/// request.
async fn download(validators: &str, second: Action) -> Vec<String> {
    let half = format!("HTTP/1.1 200 OK\r\n{validators}Content-Length: 6\r\n\r\nabc");
    let server = Server::start([Action::hang_up(half), second]).await;
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let done = json!({ "id": ID, "status": "completed", "outputs": [server.origin] });
    let done = Prediction::from_json(done).unwrap();
    // Downloads do not call the API.
    let (client, _) = client("http://127.0.0.1:9");
    let saved = client.download(&done, &target).await.unwrap();
    assert_eq!(std::fs::read_to_string(&saved[0].path).unwrap(), "abcdef");
    let [_, request] = &server.requests()[..] else {
        panic!("two requests")
    };
    let mut headers: Vec<String> = request.lines().map(str::to_ascii_lowercase).collect();
    headers.retain(|header| header.starts_with("range:") || header.starts_with("if-range:"));
    headers.sort();
    headers
}

#[tokio::test]
async fn broken_transfer_is_resumed_if_the_host_gave_a_validator() {
    let date = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    for (validators, if_range) in [
        ("ETag: \"v1\"\r\n".to_owned(), "\"v1\""),
        (date.to_owned(), "wed, 21 oct 2015 07:28:00 gmt"),
        (format!("ETag: \"v1\"\r\n{date}"), "\"v1\""),
        // If-Range must not have a weak ETag.
        (
            format!("ETag: W/\"v1\"\r\n{date}"),
            "wed, 21 oct 2015 07:28:00 gmt",
        ),
    ] {
        let rest = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-5/6\r\n\
                    Content-Length: 3\r\n\r\ndef";
        let headers = download(&validators, Action::send(rest)).await;
        let expected = [format!("if-range: {if_range}"), "range: bytes=3-".into()];
        assert_eq!(headers, expected, "{validators}");
    }
}

/// Two versions of a file that differ in bytes may have the same weak `ETag`.
#[tokio::test]
async fn broken_transfer_is_restarted_without_a_strong_validator() {
    for validators in ["", "ETag: W/\"v1\"\r\n"] {
        let headers = download(validators, Action::answer("abcdef")).await;
        assert!(headers.is_empty(), "{validators}: {headers:?}");
    }
}
