//! Looking at what is behind a URL before anything is paid for: with few requests, without the key,
//! and refusing only what nobody can have.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use serde_json::json;
use wavespeed::{Fault, Rule, Severity, Wavespeed};
use wavespeed_harness::tcp::{self, Act, Server};
use wavespeed_harness::{CLIP, MODEL, client, requests, serve};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A file whose host gives ranges of it, or does not.
struct File {
    content: Vec<u8>,
    ranges: bool,
}

impl Respond for File {
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
    let file = File { content, ranges };
    Mock::given(any()).respond_with(file).mount(&server).await;
    server
}

/// As many bytes of no meaning.
fn free(bytes: u32) -> Vec<u8> {
    let length = (bytes + 8).to_be_bytes();
    [&length[..], b"free", &vec![0; bytes as usize]].concat()
}

async fn look(client: &Wavespeed, url: &str) -> Vec<(Rule, Severity)> {
    let model = wavespeed::model(MODEL).unwrap();
    let faults = client.check_urls(model, &json!({ "video": url })).await;
    let each = |fault: &Fault| {
        assert_eq!((&*fault.field, &fault.value), ("video", &json!(url)));
        (fault.rule, fault.severity)
    };
    faults.iter().map(each).collect()
}

const UNSEEN: [(Rule, Severity); 1] = [(Rule::Reachable, Severity::Warning)];
const GONE: [(Rule, Severity); 1] = [(Rule::Reachable, Severity::Refusal)];

#[tokio::test]
async fn a_header_is_had_by_few_requests() {
    let (client, _) = client("http://127.0.0.1:9");
    for (content, most) in [
        (CLIP.to_vec(), 1),
        ([CLIP, &free(40 << 20)].concat(), 1),
        // What says what it is comes last.
        ([&CLIP[..32], &free(40 << 20), &CLIP[32..]].concat(), 3),
        (
            [&CLIP[..32], &free(1 << 20), &free(1 << 20), &CLIP[32..]].concat(),
            4,
        ),
    ] {
        let server = host(content, true).await;
        assert_eq!(look(&client, &server.uri()).await, []);
        let asked = requests(&server).await;
        assert!(asked.len() <= most, "{} requests", asked.len());
        for request in asked {
            assert!(!request.headers.contains_key("authorization"));
            assert!(!format!("{request:?}").contains(wavespeed_harness::KEY));
        }
    }
}

#[tokio::test]
async fn without_ranges_only_the_beginning_is_looked_at() {
    let (client, _) = client("http://127.0.0.1:9");
    let whole = host(CLIP.to_vec(), false).await;
    assert_eq!(look(&client, &whole.uri()).await, []);
    let tail = [&CLIP[..32], &free(4 << 20), &CLIP[32..]].concat();
    let tail = host(tail, false).await;
    assert_eq!(look(&client, &tail.uri()).await, UNSEEN);
    assert_eq!(requests(&tail).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_video_is_refused() {
    let (client, _) = client("http://127.0.0.1:9");
    for (content, rule) in [
        (b"<html>Not found</html>".to_vec(), Rule::Container),
        (CLIP[..CLIP.len() / 2].to_vec(), Rule::Whole),
        (Vec::new(), Rule::Size),
    ] {
        for ranges in [true, false] {
            // Of nothing there is no range.
            let server = host(content.clone(), ranges && !content.is_empty()).await;
            let found = look(&client, &server.uri()).await;
            assert_eq!(found, [(rule, Severity::Refusal)]);
        }
    }
}

#[tokio::test]
async fn only_what_nobody_can_have_is_refused() {
    let (client, clock) = client("http://127.0.0.1:9");
    for (status, expected) in [
        (404, GONE),
        (410, GONE),
        (401, UNSEEN),
        (403, UNSEEN),
        (416, UNSEEN),
        (500, UNSEEN),
        (204, UNSEEN),
    ] {
        let server = serve([ResponseTemplate::new(status)]).await;
        assert_eq!(look(&client, &server.uri()).await, expected, "{status}");
    }
    let (nobody, _taken) = tcp::nobody();
    assert_eq!(look(&client, &nobody).await, UNSEEN);
    let broken = Server::start([Act::hang_up("HTTP/1.1 206")]).await;
    assert_eq!(look(&client, &broken.origin).await, UNSEEN);
    let silent = Server::start([Act::stall()]).await;
    let mut looking = pin!(look(&client, &silent.origin));
    assert!(poll!(&mut looking).is_pending());
    tokio::select! {
        found = &mut looking => panic!("{found:?}"),
        () = silent.arrived(1) => {}
    }
    clock.advance(Duration::from_secs(5));
    assert_eq!(looking.await, UNSEEN);
}

#[tokio::test]
async fn a_url_that_is_none_is_not_asked() {
    let (client, _) = client("http://127.0.0.1:9");
    let media = wavespeed::model(MODEL).unwrap().input("video").unwrap();
    let media = media.media.as_ref().unwrap();
    for (file, rule) in [
        ("ftp://a.example/c.mp4", Rule::Url),
        ("none.mp4", Rule::File),
    ] {
        let seen = client.inspect(media, file).await;
        assert_eq!((seen.faults.len(), seen.faults[0].rule), (1, rule));
        assert!(seen.facts.is_none() && seen.bytes.is_none());
    }
}
