//! Tests of the check of media URLs before the paid request: it needs few requests, sends no API key,
//! and refuses a URL only if it is missing or its content is
//! certainly invalid. The hosts are servers on loopback with or without
//! range requests.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use serde_json::json;
use wavespeed::{Fault, Rule, Severity, Wavespeed};
use wavespeed_harness::tcp::{self, Action, Server};
use wavespeed_harness::{CLIP, MODEL, client, requests, serve};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A file on a host that may support range requests.
struct HostedFile {
    content: Vec<u8>,
    ranges: bool,
}

impl Respond for HostedFile {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let range = request.headers.get("range").filter(|_| self.ranges);
        let Some(range) = range else {
            return ResponseTemplate::new(200).set_body_bytes(self.content.clone());
        };
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (from, last) = range.split_once('-').unwrap();
        let (from, length) = (from.parse::<usize>().unwrap(), self.content.len());
        let end = (last.parse::<usize>().unwrap() + 1).min(length);
        let part = format!("bytes {from}-{}/{length}", end - 1);
        ResponseTemplate::new(206)
            .insert_header("content-range", part)
            .set_body_bytes(&self.content[from..end])
    }
}

async fn host(content: Vec<u8>, ranges: bool) -> MockServer {
    let server = MockServer::start().await;
    let file = HostedFile { content, ranges };
    Mock::given(any()).respond_with(file).mount(&server).await;
    server
}

/// A box `free` with so many bytes of content, which readers skip.
fn free_box(bytes: u32) -> Vec<u8> {
    let length = (bytes + 8).to_be_bytes();
    [&length[..], b"free", &vec![0; bytes as usize]].concat()
}

/// Checks a URL as the video of a model. Returns the rule and severity of each fault.
async fn check_url(client: &Wavespeed, url: &str) -> Vec<(Rule, Severity)> {
    let model = wavespeed::model(MODEL).unwrap();
    let faults = client.check_urls(model, &json!({ "video": url })).await;
    let each = |fault: &Fault| {
        assert_eq!((&*fault.field, &fault.value), ("video", &json!(url)));
        (fault.rule, fault.severity)
    };
    faults.iter().map(each).collect()
}

/// The faults of a URL whose content could not be read: only a warning.
const UNREADABLE: [(Rule, Severity); 1] = [(Rule::Reachable, Severity::Warning)];
/// The faults of a URL that does not exist.
const GONE: [(Rule, Severity); 1] = [(Rule::Reachable, Severity::Refusal)];

#[tokio::test]
async fn header_is_read_with_few_requests_and_without_the_api_key() {
    let (client, _) = client("http://127.0.0.1:9");
    for (content, most) in [
        (CLIP.to_vec(), 1),
        ([CLIP, &free_box(40 << 20)].concat(), 1),
        // The header is at the end of the file.
        ([&CLIP[..32], &free_box(40 << 20), &CLIP[32..]].concat(), 3),
        (
            [
                &CLIP[..32],
                &free_box(1 << 20),
                &free_box(1 << 20),
                &CLIP[32..],
            ]
            .concat(),
            4,
        ),
    ] {
        let server = host(content, true).await;
        assert_eq!(check_url(&client, &server.uri()).await, []);
        let sent = requests(&server).await;
        assert!(sent.len() <= most, "{} requests", sent.len());
        for request in sent {
            assert!(!request.headers.contains_key("authorization"));
            assert!(!format!("{request:?}").contains(wavespeed_harness::KEY));
        }
    }
}

#[tokio::test]
async fn host_without_ranges_is_read_only_at_the_beginning() {
    let (client, _) = client("http://127.0.0.1:9");
    let whole = host(CLIP.to_vec(), false).await;
    assert_eq!(check_url(&client, &whole.uri()).await, []);
    let tail = [&CLIP[..32], &free_box(4 << 20), &CLIP[32..]].concat();
    let tail = host(tail, false).await;
    assert_eq!(check_url(&client, &tail.uri()).await, UNREADABLE);
    assert_eq!(requests(&tail).await.len(), 1);
}

#[tokio::test]
async fn content_that_is_not_a_whole_video_is_refused() {
    let (client, _) = client("http://127.0.0.1:9");
    for (content, rule) in [
        (b"<html>Not found</html>".to_vec(), Rule::Container),
        (CLIP[..CLIP.len() / 2].to_vec(), Rule::Whole),
        (Vec::new(), Rule::Size),
    ] {
        for ranges in [true, false] {
            // An empty file has no ranges.
            let server = host(content.clone(), ranges && !content.is_empty()).await;
            let found = check_url(&client, &server.uri()).await;
            assert_eq!(found, [(rule, Severity::Refusal)]);
        }
    }
}

#[tokio::test]
async fn only_a_missing_url_is_refused_and_other_errors_are_warnings() {
    let (client, clock) = client("http://127.0.0.1:9");
    for (status, expected) in [
        (404, GONE),
        (410, GONE),
        (401, UNREADABLE),
        (403, UNREADABLE),
        (416, UNREADABLE),
        (500, UNREADABLE),
        (204, UNREADABLE),
    ] {
        let server = serve([ResponseTemplate::new(status)]).await;
        assert_eq!(
            check_url(&client, &server.uri()).await,
            expected,
            "{status}"
        );
    }
    let (closed_port, _reserved) = tcp::closed_port();
    assert_eq!(check_url(&client, &closed_port).await, UNREADABLE);
    let broken = Server::start([Action::hang_up("HTTP/1.1 206")]).await;
    assert_eq!(check_url(&client, &broken.origin).await, UNREADABLE);
    let silent = Server::start([Action::stall()]).await;
    let mut check = pin!(check_url(&client, &silent.origin));
    assert!(poll!(&mut check).is_pending());
    tokio::select! {
        found = &mut check => panic!("{found:?}"),
        () = silent.arrived(1) => {}
    }
    clock.advance(Duration::from_secs(5));
    assert_eq!(check.await, UNREADABLE);
}

/// Encoded bytes say nothing about the file, so they refuse nothing.
#[tokio::test]
async fn an_encoded_answer_is_a_warning() {
    let (client, _) = client("http://127.0.0.1:9");
    for (status, encoding, expected) in [
        (206, "gzip", &UNREADABLE[..]),
        (200, "br", &UNREADABLE),
        (206, "identity", &[]),
    ] {
        let range = format!("bytes 0-{}/{}", CLIP.len() - 1, CLIP.len());
        let body = match expected {
            [] => CLIP.to_vec(),
            _ => b"\x1f\x8b\x08 encoded".to_vec(),
        };
        let answer = ResponseTemplate::new(status)
            .insert_header("content-range", range)
            .insert_header("content-encoding", encoding)
            .set_body_bytes(body);
        let server = serve([answer]).await;
        let found = check_url(&client, &server.uri()).await;
        assert_eq!(found, expected, "{encoding}");
        let sent = requests(&server).await;
        assert_eq!(sent[0].headers["accept-encoding"], "identity");
    }
}

#[tokio::test]
async fn invalid_url_is_not_requested() {
    let (client, _) = client("http://127.0.0.1:9");
    let media = wavespeed::model(MODEL).unwrap().input("video").unwrap();
    let media = media.media.as_ref().unwrap();
    for (file, rule) in [
        ("ftp://a.example/c.mp4", Rule::Url),
        ("none.mp4", Rule::File),
    ] {
        let inspection = client.inspect(media, file).await;
        assert_eq!(
            (inspection.faults.len(), inspection.faults[0].rule),
            (1, rule)
        );
        assert!(inspection.facts.is_none() && inspection.bytes.is_none());
        // The check of the input refuses the file, so that it is reported once.
        assert_eq!(check_url(&client, file).await, []);
    }
}
