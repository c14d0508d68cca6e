//! Tests of the outcome of a submit: accepted, rejected or unknown, for every kind of answer and for
//! broken connections. A server plays the answers, and each test also checks that the POST is sent
//! exactly once.

use std::time::Duration;

use serde_json::json;
use wavespeed::poll::ManualClock;
use wavespeed::{Refusal, SubmitError, Wavespeed, reqwest};
use wavespeed_harness::tcp::{self, Action, Server};
use wavespeed_harness::{ID, answer, client, input, record, requests, serve, settings};
use wiremock::{MockServer, ResponseTemplate};

/// The outcome of a submit, as the caller sees it.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// With the status of the prediction, if it could be read.
    Accepted(Option<String>),
    /// With the HTTP status, if there was an answer.
    Rejected(Refusal, Option<u16>),
    Unknown(Option<u16>),
}

use Outcome::{Accepted, Rejected, Unknown};

/// Submits a valid input and returns the outcome.
async fn outcome(client: &Wavespeed) -> Outcome {
    match client.submit(&input()).await {
        Ok(job) => {
            assert_eq!(job.id().as_str(), ID);
            let record = job.submitted();
            Accepted(record.map(|record| record.status().name().to_owned()))
        }
        Err(SubmitError::Rejected(rejected)) => Rejected(rejected.refusal, rejected.status),
        Err(SubmitError::Unknown(unknown)) => Unknown(unknown.status),
        Err(other) => panic!("{other}"),
    }
}

fn json_answer(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

fn refusal(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "code": status, "message": message }))
}

fn html(status: u16) -> ResponseTemplate {
    let page = "<html><body><h1>Bad gateway</h1></body></html>";
    ResponseTemplate::new(status).set_body_raw(page, "text/html")
}

/// Checks rows of a name, the answer to one submit, and its outcome.
async fn assert_outcomes<'a>(rows: impl IntoIterator<Item = (&'a str, ResponseTemplate, Outcome)>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let server = serve(rows.iter().map(|(_, given, _)| given.clone())).await;
    let (client, _) = client(&server.uri());
    for (at, (name, _, expected)) in rows.iter().enumerate() {
        assert_eq!(outcome(&client).await, *expected, "{name}");
        let sent = requests(&server).await;
        assert_eq!(sent.len(), at + 1, "{name}: the POST must be sent once");
        assert_eq!(sent[at].method.as_str(), "POST", "{name}");
    }
}

/// The HTTP statuses of redirects.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Starts a server that answers with each redirect in turn, to another server.
async fn serve_redirects(elsewhere: &MockServer) -> MockServer {
    let location = format!("{}/take/this", elsewhere.uri());
    serve(
        REDIRECTS.map(|status| ResponseTemplate::new(status).insert_header("Location", &*location)),
    )
    .await
}

#[tokio::test]
async fn answer_with_a_readable_id_is_accepted() {
    let known = |word: &str| Accepted(Some(word.into()));
    let more = json!({ "id": ID, "status": "warming_up", "queue": { "place": [7] }, "outputs": 1 });
    let cut_off = format!(r#"{{"code":200,"message":"success","data":{{"id":"{ID}","model":"kwai"#);
    let failed = json!({ "code": 5000, "message": "internal", "data": record("created") });
    assert_outcomes([
        ("200", answer(&record("created")), known("created")),
        (
            "200 with unknown fields",
            answer(&more),
            known("warming_up"),
        ),
        (
            "200 cut off after the id",
            json_answer(200, &cut_off),
            Accepted(None),
        ),
        (
            "500 with an id",
            json_answer(500, &failed.to_string()),
            known("created"),
        ),
        (
            "200 with another code",
            json_answer(200, &failed.to_string()),
            known("created"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn rejection_has_its_kind_and_status() {
    let rejected = |refusal, status| Rejected(refusal, Some(status));
    let bad_enum = r#"field "voice_id" must be one of ["AOT"], got string "bogus"; please use one of the allowed values"#;
    let no_credit = "Insufficient credits. Please top up your account to continue.";
    let no_model = r#"Model "no/such-model" not found. Please check the model identifier."#;
    let role = json!({ "code": 403, "message": null, "error_code": "role_not_allowed" });
    assert_outcomes([
        (
            "400",
            refusal(400, bad_enum),
            rejected(Refusal::Request, 400),
        ),
        (
            "400 for credit",
            refusal(400, no_credit),
            rejected(Refusal::Credit, 400),
        ),
        (
            "401",
            refusal(401, "Invalid API key."),
            rejected(Refusal::Key, 401),
        ),
        (
            "402",
            refusal(402, "Payment required"),
            rejected(Refusal::Credit, 402),
        ),
        (
            "403",
            json_answer(403, &role.to_string()),
            rejected(Refusal::Role, 403),
        ),
        ("404", refusal(404, no_model), rejected(Refusal::Model, 404)),
        ("413", html(413), rejected(Refusal::Request, 413)),
        (
            "422",
            refusal(422, "unprocessable"),
            rejected(Refusal::Request, 422),
        ),
        (
            "429",
            refusal(429, "2 predictions per 1 minute"),
            rejected(Refusal::Busy, 429),
        ),
    ])
    .await;
}

#[tokio::test]
async fn answer_after_which_a_job_may_exist_is_unknown() {
    let unknown = |status| Unknown(Some(status));
    let unavailable = r#"{"code":5003,"message":"Service unavailable","data":null}"#;
    assert_outcomes([
        (
            "200 with code 5003",
            json_answer(200, unavailable),
            unknown(200),
        ),
        (
            "200 cut off in the id",
            json_answer(200, r#"{"code":200,"data":{"id":"64"#),
            unknown(200),
        ),
        (
            "200 with an invalid id",
            answer(&json!({ "id": "..", "status": "created" })),
            unknown(200),
        ),
        ("200 HTML", html(200), unknown(200)),
        ("204", ResponseTemplate::new(204), unknown(204)),
        ("408", refusal(408, "Request timeout"), unknown(408)),
        ("409", refusal(409, "Duplicate request"), unknown(409)),
        ("425", refusal(425, "Too early"), unknown(425)),
        ("499", refusal(499, "Client closed request"), unknown(499)),
        ("500", refusal(500, "internal"), unknown(500)),
        ("502 HTML", html(502), unknown(502)),
        (
            "503",
            refusal(503, "busy").insert_header("Retry-After", "1"),
            unknown(503),
        ),
        ("504", html(504), unknown(504)),
    ])
    .await;
}

#[tokio::test]
async fn rejection_has_the_vendors_message_and_retry_after() {
    let busy = || refusal(429, "You have reached your concurrency limit");
    let after = |value: &str| busy().insert_header("Retry-After", value);
    // Without a message, the error code is all that the vendor says.
    let role = json!({ "code": 403, "message": null, "error_code": "role_not_allowed" });
    let server = serve([
        after("7"),
        after("1.2"),
        // A minute by the server's clock, which is years behind.
        after("Sun, 06 Nov 1994 08:49:37 GMT")
            .insert_header("Date", "Sun, 06 Nov 1994 08:48:37 GMT"),
        // Dates that are always in the past and in the future.
        after("Sun, 06 Nov 1994 08:49:37 GMT"),
        after("Fri, 31 Dec 9999 23:59:59 GMT"),
        after("soon"),
        busy(),
        json_answer(403, &role.to_string()),
    ])
    .await;
    let (client, _) = client(&server.uri());
    let rejected = async || match client.submit(&input()).await {
        Err(SubmitError::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    };
    assert_eq!(rejected().await.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(rejected().await.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(rejected().await.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(rejected().await.retry_after, Some(Duration::ZERO));
    assert_eq!(
        rejected().await.retry_after,
        Some(Duration::from_secs(3_600))
    );
    assert_eq!(rejected().await.retry_after, None);
    let last = rejected().await;
    assert_eq!(last.retry_after, None);
    let message = "HTTP 429: You have reached your concurrency limit";
    assert_eq!(last.message, message);
    let display = format!("the submit was refused ({message}); nothing is billed");
    assert_eq!(last.to_string(), display);
    assert_eq!(rejected().await.message, "HTTP 403: role_not_allowed");
}

#[tokio::test]
async fn redirect_is_not_followed_and_rejected_unless_the_post_was_carried_out() {
    let elsewhere = serve([answer(&record("created"))]).await;
    let server = serve_redirects(&elsewhere).await;
    let (client, _) = client(&server.uri());
    for status in REDIRECTS {
        let expected = match status {
            303 => Unknown(Some(303)),
            _ => Rejected(Refusal::Redirect, Some(status)),
        };
        assert_eq!(outcome(&client).await, expected);
    }
    assert_eq!(requests(&server).await.len(), REDIRECTS.len());
    assert!(requests(&elsewhere).await.is_empty());
}

#[tokio::test]
async fn post_is_not_repeated_by_an_http_client_that_follows_redirects() {
    // An application with its own HTTP client for rustls also installs the cryptography provider.
    _ = rustls::crypto::ring::default_provider().install_default();
    let elsewhere = serve([ResponseTemplate::new(404)]).await;
    let server = serve_redirects(&elsewhere).await;
    let following = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::limited(10))
        .build()
        .unwrap();
    let settings = settings(&server.uri(), &ManualClock::default());
    let client = settings.http(following).build().unwrap();
    for status in REDIRECTS {
        // Where the redirect was followed, only the answer to the GET is known.
        let expected = match status {
            301..=303 => Unknown(None),
            _ => Rejected(Refusal::Redirect, Some(status)),
        };
        assert_eq!(outcome(&client).await, expected, "{status}");
    }
    assert_eq!(requests(&server).await.len(), REDIRECTS.len());
    // Some redirects turn the POST into a GET, which costs nothing and carries no API key.
    for request in requests(&elsewhere).await {
        assert_eq!(request.method.as_str(), "GET");
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn request_that_was_not_sent_is_rejected() {
    let (closed_port, _reserved) = tcp::closed_port();
    let (client, _) = client(&closed_port);
    assert_eq!(outcome(&client).await, Rejected(Refusal::NotSent, None));
}

#[tokio::test]
async fn broken_connection_is_unknown_unless_the_id_was_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let rows = [
        (String::new(), Unknown(None)),
        ("HTTP/1.1 2".into(), Unknown(None)),
        (format!("{head}{{\"code\":200,"), Unknown(Some(200))),
        (
            format!(r#"{head}{{"data":{{"id":"{ID}","status":"cre"#),
            Accepted(None),
        ),
    ];
    let server = Server::start(rows.iter().map(|(text, _)| Action::hang_up(text))).await;
    let (client, _) = client(&server.origin);
    for (at, (text, expected)) in rows.iter().enumerate() {
        assert_eq!(outcome(&client).await, *expected, "{text}");
        assert_eq!(
            server.requests().len(),
            at + 1,
            "{text}: the POST must be sent once"
        );
    }
}

#[tokio::test]
async fn post_is_not_repeated_when_a_reused_connection_breaks() {
    let body = wavespeed_harness::envelope(&record("created")).to_string();
    let server = Server::start([Action::answer(&body), Action::hang_up("")]).await;
    let (client, _) = client(&server.origin);
    client.job(ID).unwrap().fetch().await.unwrap();
    assert_eq!(outcome(&client).await, Unknown(None));
    let posts = server.requests();
    let posts = posts.iter().filter(|request| request.starts_with("POST"));
    assert_eq!(posts.count(), 1);
}
