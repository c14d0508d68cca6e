//! What is made of every kind of answer to a submit, and that none of them makes it be sent again.

use std::time::Duration;

use serde_json::json;
use wavespeed::poll::ManualClock;
use wavespeed::{Refusal, SubmitError, Wavespeed, reqwest};
use wavespeed_harness::tcp::{self, Act, Server};
use wavespeed_harness::{ID, answer, client, input, record, requests, serve, settings};
use wiremock::{MockServer, ResponseTemplate};

#[derive(Debug, PartialEq)]
enum Outcome {
    /// With the status in the answer, if the record could be read.
    Accepted(Option<String>),
    /// With the HTTP status, if there was an answer.
    Rejected(Refusal, Option<u16>),
    Unknown(Option<u16>),
}

use Outcome::{Accepted, Rejected, Unknown};

/// Submits, and says what came of it.
async fn outcome(client: &Wavespeed) -> Outcome {
    match client.submit(&input()).await {
        Ok(job) => {
            assert_eq!(job.id().as_str(), ID);
            let record = job.submitted();
            Accepted(record.map(|record| record.status.name().to_owned()))
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

/// Answers, each of which is the whole and only reply to one submit.
async fn assert_outcomes<'a>(rows: impl IntoIterator<Item = (&'a str, ResponseTemplate, Outcome)>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let server = serve(rows.iter().map(|(_, given, _)| given.clone())).await;
    let (client, _) = client(&server.uri());
    for (at, (name, _, expected)) in rows.iter().enumerate() {
        assert_eq!(outcome(&client).await, *expected, "{name}");
        let sent = requests(&server).await;
        assert_eq!(sent.len(), at + 1, "{name}: it is sent once");
        assert_eq!(sent[at].method.as_str(), "POST", "{name}");
    }
}

/// Redirects of every kind to elsewhere.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

async fn serve_redirects(elsewhere: &MockServer) -> MockServer {
    let location = format!("{}/take/this", elsewhere.uri());
    serve(
        REDIRECTS.map(|status| ResponseTemplate::new(status).insert_header("Location", &*location)),
    )
    .await
}

#[tokio::test]
async fn an_id_that_can_be_read_is_an_accepted_task() {
    let known = |word: &str| Accepted(Some(word.into()));
    let more = json!({ "id": ID, "status": "warming_up", "queue": { "place": [7] }, "outputs": 1 });
    let cut_off = format!(r#"{{"code":200,"message":"success","data":{{"id":"{ID}","model":"kwai"#);
    let failed = json!({ "code": 5000, "message": "internal", "data": record("created") });
    assert_outcomes([
        ("200", answer(&record("created")), known("created")),
        (
            "200 with words of its own",
            answer(&more),
            known("warming_up"),
        ),
        (
            "200 broken off after the id",
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
async fn a_refusal_is_told_by_its_kind() {
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
async fn whatever_may_have_created_a_task_is_unknown() {
    let unknown = |status| Unknown(Some(status));
    let unavailable = r#"{"code":5003,"message":"Service unavailable","data":null}"#;
    assert_outcomes([
        (
            "200 with code 5003",
            json_answer(200, unavailable),
            unknown(200),
        ),
        (
            "200 broken",
            json_answer(200, r#"{"code":200,"data":{"id":"64"#),
            unknown(200),
        ),
        (
            "200 with an id that is none",
            answer(&json!({ "id": "../x", "status": "created" })),
            unknown(200),
        ),
        ("200 HTML", html(200), unknown(200)),
        ("204", ResponseTemplate::new(204), unknown(204)),
        ("408", refusal(408, "Request timeout"), unknown(408)),
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
async fn a_refusal_says_what_the_vendor_said_and_asked_for() {
    let busy = || refusal(429, "You have reached your concurrency limit");
    let after = |value: &str| busy().insert_header("Retry-After", value);
    // Without a message, the code for programs is all there is to go by.
    let role = json!({ "code": 403, "message": null, "error_code": "role_not_allowed" });
    let server = serve([
        after("7"),
        // Dates that are past and to come whatever today is.
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
    assert_eq!(rejected().await.retry_after, Some(Duration::ZERO));
    assert!(rejected().await.retry_after > Some(Duration::from_secs(3600)));
    assert_eq!(rejected().await.retry_after, None);
    let last = rejected().await;
    assert_eq!(last.retry_after, None);
    let said = "HTTP 429: You have reached your concurrency limit";
    assert_eq!(last.message, said);
    let told = format!("the submit was refused ({said}); nothing is billed");
    assert_eq!(last.to_string(), told);
    assert_eq!(rejected().await.message, "HTTP 403: role_not_allowed");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = serve([answer(&record("created"))]).await;
    let server = serve_redirects(&elsewhere).await;
    let (client, _) = client(&server.uri());
    for status in REDIRECTS {
        let expected = Rejected(Refusal::Redirect, Some(status));
        assert_eq!(outcome(&client).await, expected);
    }
    assert_eq!(requests(&server).await.len(), REDIRECTS.len());
    assert!(requests(&elsewhere).await.is_empty());
}

#[tokio::test]
async fn an_http_client_that_follows_redirects_does_not_repeat_the_post() {
    // Whoever brings an HTTP client with rustls brings its cryptography, too.
    _ = rustls::crypto::ring::default_provider().install_default();
    let elsewhere = serve([ResponseTemplate::new(404)]).await;
    let server = serve_redirects(&elsewhere).await;
    let eager = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::limited(10))
        .build()
        .unwrap();
    let settings = settings(&server.uri(), &ManualClock::default());
    let client = settings.http(eager).build().unwrap();
    for status in REDIRECTS {
        let made = outcome(&client).await;
        assert!(matches!(made, Rejected(..)), "{status}: {made:?}");
    }
    assert_eq!(requests(&server).await.len(), REDIRECTS.len());
    // Some redirects turn a POST into a GET, which costs nothing; but it goes without the key.
    for request in requests(&elsewhere).await {
        assert_eq!(request.method.as_str(), "GET");
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn what_never_left_is_rejected() {
    let (nobody, _taken) = tcp::nobody();
    let (client, _) = client(&nobody);
    assert_eq!(outcome(&client).await, Rejected(Refusal::NotSent, None));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_to_what_was_read() {
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
    let server = Server::start(rows.iter().map(|(text, _)| Act::hang_up(text))).await;
    let (client, _) = client(&server.origin);
    for (at, (text, expected)) in rows.iter().enumerate() {
        assert_eq!(outcome(&client).await, *expected, "{text}");
        assert_eq!(server.requests().len(), at + 1, "{text}: it is sent once");
    }
}

#[tokio::test]
async fn a_connection_that_was_used_before_and_breaks_does_not_repeat_the_post() {
    let known = wavespeed_harness::envelope(&record("created")).to_string();
    let server = Server::start([Act::answer(&known), Act::hang_up("")]).await;
    let (client, _) = client(&server.origin);
    client.job(ID).unwrap().fetch().await.unwrap();
    assert_eq!(outcome(&client).await, Unknown(None));
    let posts = server.requests();
    let posts = posts.iter().filter(|request| request.starts_with("POST"));
    assert_eq!(posts.count(), 1);
}
