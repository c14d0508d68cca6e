//! Tests of download retries: a broken transfer is resumed if the host can tell that the file is still
//! the same, and restarted otherwise. A TCP server breaks the first transfer, and the tests look at the
//! second request.

use serde_json::json;
use tempfile::TempDir;
use wavespeed::{Prediction, Target};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{ID, client};

const HALF: &str = "Content-Length: 6\r\n\r\nabc";
/// The time of a change that is long ago.
const OLD: &str = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";

/// Downloads a file of the content `abcdef` by these answers, and returns the headers `range` and `if-range`
/// of each request after the first one.
async fn download(answers: Vec<Action>) -> Vec<String> {
    let count = answers.len();
    let server = Server::start(answers).await;
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let done = json!({ "id": ID, "status": "completed", "outputs": [server.origin] });
    let done = Prediction::from_json(done).unwrap();
    // Downloads do not call the API.
    let (client, _) = client("http://127.0.0.1:9");
    let saved = client.download(&done, &target).await.unwrap();
    assert_eq!(std::fs::read_to_string(&saved[0].path).unwrap(), "abcdef");
    let requests = server.requests();
    assert_eq!(requests.len(), count);
    let ranges = |request: &String| {
        let mut headers: Vec<String> = request.lines().map(str::to_ascii_lowercase).collect();
        headers.retain(|header| header.starts_with("range:") || header.starts_with("if-range:"));
        headers.sort();
        headers.join(", ")
    };
    requests[1..].iter().map(ranges).collect()
}

/// The first answer, which has these headers and breaks after `abc`.
fn half(headers: &str) -> Action {
    Action::hang_up(format!("HTTP/1.1 200 OK\r\n{headers}{HALF}"))
}

/// A partial answer with these headers and this body.
fn part(headers: &str, body: &str) -> Action {
    let length = body.len();
    Action::send(format!(
        "HTTP/1.1 206 Partial Content\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn broken_transfer_is_resumed_if_the_host_gave_a_validator() {
    let chunked =
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let range = "Content-Range: bytes 3-5/6\r\n";
    let date = "wed, 21 oct 2015 07:28:00 gmt";
    let changed = "Last-Modified: Wed, 21 Oct 2015 07:29:00 GMT\r\n";
    for (first, rest, if_range) in [
        (half("ETag: \"v1\"\r\n"), range.to_owned(), "\"v1\""),
        (half(OLD), range.to_owned(), date),
        (
            half(&format!("ETag: \"v1\"\r\n{OLD}")),
            format!("{range}ETag: \"v1\"\r\n{changed}"),
            "\"v1\"",
        ),
        (half(OLD), format!("{range}{OLD}"), date),
        // Both answers may leave the length open.
        (
            half("ETag: \"v1\"\r\n"),
            "Content-Range: bytes 3-5/*\r\n".to_owned(),
            "\"v1\"",
        ),
        (Action::hang_up(chunked), range.to_owned(), "\"v1\""),
        // A minute before the answer.
        (
            half(&format!("Date: Wed, 21 Oct 2015 07:29:00 GMT\r\n{OLD}")),
            range.to_owned(),
            date,
        ),
    ] {
        let row = format!("{first:?} {rest}");
        let headers = download(vec![first, part(&rest, "def")]).await;
        assert_eq!(
            headers,
            [format!("if-range: {if_range}, range: bytes=3-")],
            "{row}"
        );
    }
}

/// Two versions of a file that differ in bytes may have the same weak `ETag`, or the same second of change.
#[tokio::test]
async fn broken_transfer_is_restarted_without_a_strong_validator() {
    let weak = "ETag: W/\"v1\"\r\n";
    for validators in [
        "",
        weak,
        &format!("{weak}{OLD}"),
        &format!("Date: Wed, 21 Oct 2015 07:28:00 GMT\r\n{OLD}"),
        &format!("Date: Wed, 21 Oct 2015 07:28:59 GMT\r\n{OLD}"),
        &format!("Date: Wed, 21 Oct 2015 07:27:00 GMT\r\n{OLD}"),
        "Last-Modified: yesterday\r\n",
    ] {
        let headers = download(vec![half(validators), Action::answer("abcdef")]).await;
        assert_eq!(headers, [""], "{validators}");
    }
}

#[tokio::test]
async fn partial_answer_of_another_version_starts_anew_without_a_range() {
    let range = "Content-Range: bytes 3-5/6\r\n";
    let strong = "ETag: \"v1\"\r\n";
    let rows = [
        ("another ETag", strong, format!("{range}ETag: \"v2\"\r\n")),
        ("a weak ETag", strong, format!("{range}ETag: W/\"v1\"\r\n")),
        (
            "an ETag where there was none",
            OLD,
            format!("{range}{strong}"),
        ),
        (
            "another time",
            OLD,
            format!("{range}Last-Modified: Wed, 21 Oct 2015 07:28:01 GMT\r\n"),
        ),
        (
            "another total",
            strong,
            "Content-Range: bytes 3-5/7\r\n".to_owned(),
        ),
        (
            "an earlier offset",
            strong,
            "Content-Range: bytes 2-4/6\r\n".to_owned(),
        ),
        (
            "a later offset",
            strong,
            "Content-Range: bytes 4-6/6\r\n".to_owned(),
        ),
        (
            "the beginning",
            strong,
            "Content-Range: bytes 0-2/6\r\n".to_owned(),
        ),
        (
            "several parts",
            strong,
            "Content-Type: multipart/byteranges; boundary=x\r\n".to_owned(),
        ),
        ("no range", strong, String::new()),
        (
            "an encoding",
            strong,
            format!("{range}Content-Encoding: gzip\r\n"),
        ),
    ];
    for (row, first, second) in rows {
        let answers = vec![half(first), part(&second, "xyz"), Action::answer("abcdef")];
        let headers = download(answers).await;
        assert!(
            headers[0].ends_with("range: bytes=3-"),
            "{row}: {headers:?}"
        );
        assert_eq!(headers[1], "", "{row}");
    }
}

#[tokio::test]
async fn short_part_is_continued() {
    let strong = "ETag: \"v1\"\r\n";
    let parts = [("3-3", "d"), ("4-5", "ef")];
    let parts =
        parts.map(|(range, body)| part(&format!("Content-Range: bytes {range}/6\r\n"), body));
    let [first, second] = parts;
    let headers = download(vec![half(strong), first, second]).await;
    assert!(headers[1].ends_with("range: bytes=4-"), "{headers:?}");
}
