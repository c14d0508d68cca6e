//! Tests of the settings of retries, and of the requests that are never retried.

use serde_json::json;
use tempfile::TempDir;
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::Method;
use wavespeed::{Prediction, Retries, Target, Wavespeed};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{ID, answer, requests, serve, settings};
use wiremock::ResponseTemplate;

fn client(base_url: &str, retries: Retries) -> Wavespeed {
    let settings = settings(base_url, &ManualClock::default());
    settings.retries(retries).build().unwrap()
}

#[tokio::test]
async fn read_is_retried_after_transient_errors_as_often_as_allowed() {
    let busy = || ResponseTemplate::new(503);
    let patient = |seconds| ResponseTemplate::new(429).insert_header("Retry-After", seconds);
    let balance = || answer(&json!({ "balance": 1.5 }));
    for (answers, retries, expected, count) in [
        (vec![busy(), patient("30"), balance()], 2, Some(1.5), 3),
        (vec![busy(), busy(), balance()], 1, None, 2),
        (vec![busy(), balance()], 0, None, 1),
        // A longer wait than a read allows.
        (vec![patient("31"), balance()], 2, None, 1),
        (vec![ResponseTemplate::new(400), balance()], 2, None, 1),
    ] {
        let server = serve(answers).await;
        let client = client(&server.uri(), Retries::none().reads(retries));
        assert_eq!(client.balance().await.ok(), expected);
        assert_eq!(requests(&server).await.len(), count);
    }
}

#[tokio::test]
async fn page_of_a_list_is_retried() {
    use futures_util::TryStreamExt as _;

    let page = json!({ "page": 1, "items": [{ "id": ID, "status": "failed" }], "total": 1 });
    let server = serve([ResponseTemplate::new(500), answer(&page)]).await;
    let client = client(&server.uri(), Retries::default());
    let history = client.history(wavespeed::types::HistoryRequest::default());
    assert_eq!(history.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(requests(&server).await.len(), 2);
}

#[tokio::test]
async fn call_that_may_change_something_is_made_once() {
    let server = serve([ResponseTemplate::new(503)]).await;
    let client = client(&server.uri(), Retries::default());
    let made = client.call(Method::POST, "/anything", None).await;
    assert_eq!(made.unwrap().status, 503);
    let id = ID.parse().unwrap();
    client.delete(&[id], false).await.unwrap_err();
    assert_eq!(requests(&server).await.len(), 2);
}

/// Downloads from a server with these actions, with one retry, and returns the content of the file and the
/// number of requests.
async fn download(actions: Vec<Action>) -> (Option<String>, usize) {
    let server = Server::start(actions).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.mp4");
    let done = json!({ "id": ID, "status": "completed", "outputs": [server.origin] });
    let done = Prediction::from_json(done).unwrap();
    // Downloads do not call the API.
    let client = client("http://127.0.0.1:9", Retries::none().downloads(1));
    let saved = client.download(&done, &Target::new(&path)).await;
    let content = saved.ok().map(|_| std::fs::read_to_string(path).unwrap());
    (content, server.requests().len())
}

#[tokio::test]
async fn download_that_gets_further_has_all_its_retries_again() {
    let content = "abcdef";
    let parts = (1..content.len()).map(|start| {
        let (part, length) = (&content[start..=start], content.len() - start);
        Action::hang_up(format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-5/6\r\n\
             Content-Length: {length}\r\n\r\n{part}"
        ))
    });
    let first = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 6\r\n\r\na";
    let actions = [Action::hang_up(first)].into_iter().chain(parts).collect();
    assert_eq!(download(actions).await, (Some(content.into()), 6));
}

#[tokio::test]
async fn download_that_always_breaks_at_the_same_byte_is_given_up() {
    // Without a validator, each attempt starts from the beginning.
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc";
    let actions = (0..5).map(|_| Action::hang_up(half)).collect();
    assert_eq!(download(actions).await, (None, 2));
}
