//! Tests of waiting for a job: which answers end the wait, which errors are retried, when the job is
//! polled, and that every error has the id. A server plays the answers, and the manual clock measures
//! the time of the wait.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{TryStreamExt as _, poll};
use serde_json::{Value, json};
use wavespeed::poll::{ManualClock, Update};
use wavespeed::{
    Deadline, FetchError, Job, JobFilter, MemoryStore, Prediction, Stage, Status, StoreFuture,
    WaitError,
};
use wavespeed_harness::store::{Hook, HookedStore};
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{
    ID, KEY, answer, client, envelope, input, record, requests, serve, settings,
};
use wiremock::{MockServer, ResponseTemplate};

/// An answer with a completed prediction.
fn completed() -> ResponseTemplate {
    answer(&record("completed"))
}

fn refusal(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "code": status, "message": message }))
}

/// A job whose polls get a list of answers.
struct PolledJob {
    clock: ManualClock,
    job: Job,
    /// The server must live as long as the job.
    _server: MockServer,
}

impl PolledJob {
    async fn new(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let server = serve(answers).await;
        let (client, clock) = client(&server.uri());
        let job = client.job(ID).unwrap();
        Self {
            clock,
            job,
            _server: server,
        }
    }

    /// Waits for the end. Returns the result and the time that it took, in seconds.
    async fn wait(&self) -> (Result<Prediction, WaitError>, f64) {
        let start = self.clock.elapsed();
        let ended = self.job.wait().await;
        let took = (self.clock.elapsed() - start).as_secs_f64();
        (ended, (took * 10.0).round() / 10.0)
    }
}

/// The error of a wait that a permanent error ended.
fn stopped(error: FetchError) -> WaitError {
    WaitError::Stopped {
        id: ID.parse().unwrap(),
        error,
    }
}

#[tokio::test]
async fn fetch_sends_the_documented_request() {
    let server = serve([completed()]).await;
    client(&server.uri())
        .0
        .job(ID)
        .unwrap()
        .fetch()
        .await
        .unwrap();
    let [request] = &requests(&server).await[..] else {
        panic!("one request")
    };
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(
        request.url.path(),
        format!("/api/v3/predictions/{ID}/result")
    );
    assert_eq!(request.url.query(), None);
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert!(!request.headers.contains_key("api-version"));
}

#[tokio::test]
async fn terminal_status_ends_the_wait() {
    let ends = [
        ("completed", Status::Completed),
        ("failed", Status::Failed),
        ("cancelled", Status::Cancelled),
        ("timeout", Status::Timeout),
        ("deleted", Status::Deleted),
    ];
    let polled = PolledJob::new(ends.iter().map(|(word, _)| answer(&record(word)))).await;
    for (_, status) in ends {
        let (ended, seconds) = polled.wait().await;
        assert_eq!(*ended.unwrap().status(), status);
        assert_eq!(seconds, 0.0, "a job from an id is polled at once");
    }
}

#[tokio::test]
async fn watch_yields_each_state_up_to_the_end() {
    // Neither an empty nor a missing status is terminal.
    let words = ["created", "queued_up", "", "processing", "completed"];
    let mut answers: Vec<_> = words.map(|word| answer(&record(word))).into();
    answers.insert(1, ResponseTemplate::new(502));
    answers.insert(4, answer(&json!({ "id": ID })));
    let server = serve(answers).await;
    let (client, _) = client(&server.uri());
    let states: Vec<Prediction> = client.job(ID).unwrap().watch().try_collect().await.unwrap();
    let seen: Vec<_> = states.iter().map(|state| state.status().name()).collect();
    assert_eq!(
        seen,
        ["created", "queued_up", "", "", "processing", "completed"]
    );
}

#[tokio::test]
async fn first_poll_after_a_submit_waits_for_the_floor() {
    let server = serve([answer(&record("created")), completed()]).await;
    let (client, clock) = client(&server.uri());
    let job = client.submit(&input()).await.unwrap();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    job.wait().await.unwrap();
    assert_eq!(clock.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn rejected_api_key_or_role_ends_the_wait_at_once() {
    let in_200 = json!({ "code": 401, "message": "Invalid API key.", "data": null });
    let polled = PolledJob::new([
        refusal(401, "Invalid API key."),
        refusal(403, "no"),
        ResponseTemplate::new(200).set_body_json(in_200),
    ])
    .await;
    for expected in [
        FetchError::Key("HTTP 401: Invalid API key.".into()),
        FetchError::Role("HTTP 403: no".into()),
        FetchError::Key("HTTP 200 with code 401: Invalid API key.".into()),
    ] {
        assert_eq!(polled.wait().await, (Err(stopped(expected)), 0.0));
    }
}

#[tokio::test]
async fn id_that_is_not_found_ends_the_wait_after_a_while() {
    let missing = || refusal(404, "Prediction not found.");
    let expected = || {
        stopped(FetchError::NotFound(
            "HTTP 404: Prediction not found.".into(),
        ))
    };
    // Nothing is known of the id, which is most likely mistyped.
    let (ended, seconds) = PolledJob::new([missing()]).await.wait().await;
    assert_eq!((ended, seconds), (Err(expected()), 5.0));
    // A poll has found the job.
    let running = answer(&record("processing"));
    let seen = PolledJob::new([running, missing()]).await;
    let (ended, seconds) = seen.wait().await;
    assert_eq!(ended, Err(expected()));
    assert!((31.0..40.0).contains(&seconds), "{seconds}");
    // The job was submitted by this client.
    let server = serve([answer(&record("created")), missing()]).await;
    let clock = ManualClock::default();
    let client = settings(&server.uri(), &clock).store(MemoryStore::default());
    let client = client.build().unwrap();
    let job = client.submit(&input()).await.unwrap();
    assert_eq!(job.wait().await.unwrap_err(), expected());
    assert!(clock.elapsed() >= Duration::from_secs(30));
    // The store has the job, so its handle may come from anywhere.
    let known = client.job(ID).unwrap();
    let before = clock.elapsed();
    assert_eq!(known.wait().await.unwrap_err(), expected());
    assert_eq!(clock.elapsed() - before, Duration::from_secs(30));
    // A new prediction may not be visible everywhere yet.
    let late = PolledJob::new([missing(), missing(), missing(), completed()]).await;
    assert_eq!(late.wait().await.0.unwrap().id(), ID);
}

#[tokio::test]
async fn transient_errors_are_retried() {
    let html = || ResponseTemplate::new(502).set_body_raw("<html>Bad gateway</html>", "text/html");
    let nothing = json!({ "code": 5003, "message": "Service unavailable", "data": null });
    let busy = || refusal(429, "You have reached your concurrency limit");
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    // The second poll is 1.0 s after the first unless the vendor asks for more.
    let rows = [
        ("429", busy(), 1.0),
        (
            "429 for two minutes",
            busy().insert_header("Retry-After", "120"),
            120.0,
        ),
        (
            "429 until a time in the past",
            busy().insert_header("Retry-After", past),
            1.0,
        ),
        ("503 for 9 s", html().insert_header("Retry-After", "9"), 9.0),
        ("400", refusal(400, "no"), 1.0),
        ("500", refusal(500, "internal"), 1.0),
        ("502 HTML", html(), 1.0),
        (
            "200 with code 5003",
            ResponseTemplate::new(200).set_body_json(nothing),
            1.0,
        ),
        ("200 empty", ResponseTemplate::new(200), 1.0),
        (
            "200 without an id",
            answer(&json!({ "status": "completed" })),
            1.0,
        ),
        (
            "307",
            ResponseTemplate::new(307).insert_header("Location", "/elsewhere"),
            1.0,
        ),
    ];
    let answers = rows
        .iter()
        .flat_map(|(_, given, _)| [given.clone(), completed()]);
    let polled = PolledJob::new(answers).await;
    for (name, _, seconds) in rows {
        let (ended, took) = polled.wait().await;
        assert_eq!(*ended.unwrap().status(), Status::Completed, "{name}");
        assert_eq!(took, seconds, "{name}");
    }
}

#[tokio::test]
async fn broken_connections_are_retried() {
    let done = Action::answer(&envelope(&record("completed")).to_string());
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"code\":200,";
    let server = Server::start([Action::hang_up(""), Action::hang_up(half), done]).await;
    let (client, _) = client(&server.origin);
    let mut updates: Vec<_> = client
        .job(ID)
        .unwrap()
        .follow(Deadline::never())
        .try_collect()
        .await
        .unwrap();
    assert!(matches!(updates.pop(), Some(Update::Done(_))));
    assert!(
        matches!(
            &updates[..],
            [
                Update::Retrying {
                    error: FetchError::Transport { .. },
                    ..
                },
                Update::Retrying {
                    error: FetchError::Answer { .. },
                    ..
                },
            ]
        ),
        "{updates:?}"
    );
}

#[tokio::test]
async fn stalled_poll_is_retried_after_its_time_out() {
    let done = Action::answer(&envelope(&record("completed")).to_string());
    let server = Server::start([Action::stall(), done]).await;
    let (client, clock) = client(&server.origin);
    let job = client.job(ID).unwrap();
    let stalled = async {
        server.arrived(1).await;
        clock.advance(Duration::from_secs(30));
    };
    let (ended, ()) = tokio::join!(job.wait(), stalled);
    assert_eq!(*ended.unwrap().status(), Status::Completed);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn deadline_ends_the_wait_with_the_id_and_the_last_error() {
    let minute = |clock: &_| Deadline::after(Duration::from_secs(60), clock);
    let deadline = |trouble| WaitError::Deadline {
        id: ID.parse().unwrap(),
        last_error: trouble,
    };
    let down = FetchError::Answer {
        status: 503,
        code: None,
        error_code: None,
        message: "HTTP 503".into(),
        retry_after: None,
    };
    for (given, trouble) in [
        (answer(&record("processing")), None),
        (ResponseTemplate::new(503), Some(down)),
    ] {
        let server = serve([given]).await;
        let (client, clock) = client(&server.uri());
        let ended = client.job(ID).unwrap().wait_until(minute(&clock)).await;
        let error = ended.unwrap_err();
        assert_eq!(error, deadline(trouble));
        assert_eq!(error.id().as_str(), ID);
        assert_eq!(clock.elapsed(), Duration::from_secs(60));
    }
}

#[tokio::test]
async fn deadline_ends_a_stalled_poll() {
    let server = Server::start([Action::stall()]).await;
    let (client, clock) = client(&server.origin);
    let job = client.job(ID).unwrap();
    let stalled = async {
        server.arrived(1).await;
        clock.advance(Duration::from_secs(20));
    };
    let deadline = Deadline::after(Duration::from_secs(20), &clock);
    let (ended, ()) = tokio::join!(job.wait_until(deadline), stalled);
    let expected = WaitError::Unanswered {
        id: ID.parse().unwrap(),
    };
    assert_eq!(ended, Err(expected));
}

#[tokio::test]
async fn dropped_wait_can_be_repeated() {
    let done = Action::answer(&envelope(&record("completed")).to_string());
    let server = Server::start([Action::stall(), done]).await;
    let (client, _) = client(&server.origin);
    let job: Job = client.job(ID).unwrap();
    {
        let mut wait = pin!(job.wait());
        tokio::select! {
            ended = &mut wait => panic!("the server has not answered, but the wait ended: {ended:?}"),
            () = server.arrived(1) => assert!(poll!(&mut wait).is_pending()),
        }
    }
    assert_eq!(*job.wait().await.unwrap().status(), Status::Completed);
}

#[tokio::test]
async fn fetch_makes_one_request_and_does_not_retry() {
    let missing = refusal(404, "Prediction not found.");
    let pending: Value = record("processing");
    let server = serve([missing, answer(&pending)]).await;
    let (client, _) = client(&server.uri());
    let job = client.job(ID).unwrap();
    let error = job.fetch().await.unwrap_err();
    assert_eq!(
        error,
        FetchError::NotFound("HTTP 404: Prediction not found.".into())
    );
    assert_eq!(job.fetch().await.unwrap().raw(), &pending);
    assert_eq!(requests(&server).await.len(), 2);
}

/// The disk is busy for an hour when the end of a job is recorded.
#[derive(Debug)]
struct BusyDisk(ManualClock);

impl Hook for BusyDisk {
    fn reply<T: Send + 'static>(&self, method: &str, reply: StoreFuture<T>) -> StoreFuture<T> {
        if method != "record_end" {
            return reply;
        }
        self.0.advance(Duration::from_secs(60 * 60));
        Box::pin(async {
            tokio::task::yield_now().await;
            reply.await
        })
    }
}

#[tokio::test]
async fn end_that_was_received_is_returned_although_the_deadline_expires_while_it_is_recorded() {
    let server = serve([answer(&record("created")), completed()]).await;
    let clock = ManualClock::default();
    let store = HookedStore {
        memory: Arc::default(),
        hook: BusyDisk(clock.clone()),
    };
    let client = settings(&server.uri(), &clock)
        .store(store)
        .build()
        .unwrap();
    let job = client.submit(&input()).await.unwrap();
    let deadline = Deadline::after(Duration::from_secs(60), &clock);
    let done = job.wait_until(deadline).await.unwrap();
    assert_eq!(*done.status(), Status::Completed);
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!(jobs[0].stage, Stage::Ended);
}
