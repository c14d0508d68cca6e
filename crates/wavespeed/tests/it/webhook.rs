//! Tests of webhooks between the emulator, which sends them, and the library, which verifies them and
//! wakes waiting jobs. Both sides implement the signature independently. The emulator's manual clock
//! decides when a webhook is sent, and a server of the test receives it.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use wavespeed::webhook::{Event, SeenEvents, VerifyError, verify};
use wavespeed::{Job, PollPolicy, Status, SubmitError, Wavespeed, WebhookSecret};
use wavespeed_emulator::{Clock, Emulator, Scenario};
use wavespeed_harness::{MODEL, raw_input};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// An emulator, a client of it, and a server that receives its webhooks.
struct Fixture {
    emulator: Emulator,
    ws: Wavespeed,
    secret: WebhookSecret,
    server: MockServer,
    requests: UnboundedReceiver<Request>,
}

impl Fixture {
    /// Starts all of them. The receiver answers with `statuses` in order, and with the last one from then
    /// on.
    async fn new(scenario: &str, statuses: &'static [u16]) -> Self {
        let scenario: Scenario = scenario.parse().unwrap();
        let emulator = Emulator::builder()
            .clock(Clock::manual())
            .scenario(scenario)
            .start()
            .await
            .unwrap();
        let mut policy = PollPolicy::default();
        policy.floor = Some(Duration::from_secs(3_600));
        let ws = Wavespeed::builder()
            .key("emulator")
            .base_url(emulator.origin())
            .check_urls(false)
            .poll_policy(policy)
            .build()
            .unwrap();
        let secret = ws.webhook_secret().await.unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let server = MockServer::start().await;
        let answered = std::sync::atomic::AtomicUsize::new(0);
        let respond = move |request: &Request| {
            let at = answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            sender.send(request.clone()).unwrap();
            ResponseTemplate::new(statuses[at.min(statuses.len() - 1)])
        };
        let any = wiremock::matchers::any();
        Mock::given(any).respond_with(respond).mount(&server).await;
        Self {
            emulator,
            ws,
            secret,
            server,
            requests,
        }
    }

    async fn submit(&self) -> Job {
        let url = format!("{}/hook?of=me&you", self.server.uri());
        let input = json!({
            "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT",
        });
        let submit = self.ws.submit(raw_input(MODEL, &input)).webhook(url);
        submit.await.unwrap()
    }

    /// Waits until the emulator has recorded this number of deliveries.
    async fn wait_for_deliveries(&self, count: usize) {
        while self.emulator.deliveries().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Advances the emulator's clock by `seconds`. Returns the next webhook and the result of verifying
    /// it.
    async fn next_webhook(&mut self, seconds: u64) -> (Request, Result<Event, VerifyError>) {
        self.emulator.clock().advance(Duration::from_secs(seconds));
        let request = self.requests.recv().await.unwrap();
        let now = self.emulator.clock().now();
        let event = verify(&request.headers, &request.body, &self.secret, now);
        (request, event)
    }
}

#[tokio::test]
async fn end_of_a_job_is_sent_once_as_the_prediction_with_its_input() {
    let mut fixture = Fixture::new("submit nth 2 ending failed no face", &[204]).await;
    let job = fixture.submit().await;
    assert!(fixture.requests.try_recv().is_err());
    let (request, event) = fixture.next_webhook(2).await;
    assert_eq!(
        (request.method.as_str(), request.url.path()),
        ("POST", "/hook")
    );
    assert_eq!(request.url.query(), Some("of=me&you"));
    assert_eq!(request.headers["content-type"], "application/json");
    let event = event.unwrap();
    assert_eq!(event.prediction.id(), job.id().as_str());
    assert_eq!(*event.prediction.status(), Status::Completed);
    // The webhook has the prediction as the result call returns it, and also the input.
    let record = job.fetch().await.unwrap();
    let mut raw = event.prediction.raw().clone();
    assert_eq!(
        raw.as_object_mut().unwrap().remove("input").unwrap()["text"],
        "Hello"
    );
    assert_eq!(raw, *record.raw());

    let failed = fixture.submit().await;
    let (_, event) = fixture.next_webhook(2).await;
    let prediction = event.unwrap().prediction;
    assert_eq!(
        (prediction.id(), prediction.status()),
        (failed.id().as_str(), &Status::Failed)
    );
    assert_eq!(prediction.error(), Some("no face"));
    fixture.wait_for_deliveries(2).await;
}

#[tokio::test]
async fn webhook_that_is_not_accepted_is_retried_three_times() {
    let mut fixture = Fixture::new("", &[500]).await;
    let job = fixture.submit().await;
    let mut seen = SeenEvents::default();
    let mut times = Vec::new();
    for (number, wait) in [2, 1, 5, 30].into_iter().enumerate() {
        let event = fixture.next_webhook(wait).await.1.unwrap();
        assert_eq!(seen.is_new(&event), number == 0);
        times.push(event.at);
        // The emulator records the delivery before it waits for the next retry.
        fixture.wait_for_deliveries(number + 1).await;
    }
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    let deliveries = fixture.emulator.deliveries();
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.status == Some(500))
    );
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.task == job.id().as_str())
    );
}

#[tokio::test]
async fn answer_counts_even_if_the_connection_ends_with_it() {
    let fixture = Fixture::new("", &[204]).await;
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let answers = [
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nfine",
    ];
    let answering = async {
        for number in 0..30 {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut read = vec![0; 64 << 10];
            while !read.windows(2).any(|end| end == b"}}") {
                _ = stream.read(&mut read).await.unwrap();
            }
            let answer = answers[number % answers.len()].as_bytes();
            stream.write_all(answer).await.unwrap();
        }
    };
    let submitting = async {
        for number in 1..=30 {
            let input = json!({
                "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT",
            });
            let submit = fixture.ws.submit(raw_input(MODEL, &input));
            submit.webhook(&url).await.unwrap();
            fixture.emulator.clock().advance(Duration::from_secs(2));
            fixture.wait_for_deliveries(number).await;
        }
    };
    tokio::join!(answering, submitting);
    let statuses = fixture.emulator.deliveries();
    let statuses = statuses.iter().filter_map(|delivery| delivery.status);
    assert_eq!(
        statuses
            .filter(|status| matches!(status, 200 | 204))
            .count(),
        30
    );
}

#[tokio::test]
async fn forged_and_duplicate_webhooks_are_recognized() {
    let faults = "webhook nth 1 forged\nwebhook nth 2 drop-before\nwebhook nth 3 twice";
    let mut fixture = Fixture::new(faults, &[500, 204]).await;
    fixture.submit().await;
    let (_, forged) = fixture.next_webhook(2).await;
    assert_eq!(forged, Err(VerifyError::Signature));
    fixture.wait_for_deliveries(1).await;
    fixture.emulator.clock().advance(Duration::from_secs(1));
    fixture.wait_for_deliveries(2).await;
    let mut seen = SeenEvents::default();
    let first = fixture.next_webhook(5).await.1.unwrap();
    let second = fixture.next_webhook(0).await.1.unwrap();
    assert!(seen.is_new(&first) && !seen.is_new(&second));
}

#[tokio::test]
async fn wake_after_a_webhook_makes_the_wait_poll_at_once() {
    let mut fixture = Fixture::new("", &[204]).await;
    let job = fixture.submit().await;
    let waiting = tokio::spawn({
        let job = job.clone();
        async move { job.wait().await }
    });
    let event = fixture.next_webhook(2).await.1.unwrap();
    // The wait has not polled yet; without the wake, its first poll is an hour away.
    let polls = |emulator: &Emulator| {
        let requests = emulator.requests();
        let polls = requests
            .iter()
            .filter(|request| request.path.ends_with("/result"));
        polls.count()
    };
    assert_eq!(polls(&fixture.emulator), 0);
    fixture.ws.wake(&event.prediction.id().parse().unwrap());
    assert_eq!(*waiting.await.unwrap().unwrap().status(), Status::Completed);
    assert_eq!(polls(&fixture.emulator), 1);
}

#[tokio::test]
async fn webhook_url_that_the_vendor_cannot_reach_is_refused_before_the_submit() {
    let ws = Wavespeed::builder()
        .key("k")
        .base_url("https://a.example")
        .build()
        .unwrap();
    for (url, expected) in [
        ("https://b.example/hook", None),
        ("http://b.example/hook", Some("is not https")),
        ("b.example/hook", Some("is not a URL")),
        ("ftp://b.example", Some("is not https")),
        (
            "https://localhost:3000/hook",
            Some("which the vendor cannot reach"),
        ),
        (
            "https://127.0.0.1/hook",
            Some("which the vendor cannot reach"),
        ),
        (
            "https://192.168.1.5/hook",
            Some("points to a private network"),
        ),
        (
            "https://[fe80::1]/hook",
            Some("points to a link-local address"),
        ),
        ("https://hook/", Some("has a host without a domain")),
        ("https://8.8.8.8/hook", None),
        ("", Some("is not a URL")),
        (" https://b.example/hook", Some("has spaces or line ends")),
        ("https://b.example/ho\nok", Some("has spaces or line ends")),
    ] {
        let refused = ws.check_webhook(url).err().map(|error| error.to_string());
        match (refused, expected) {
            (None, None) => {}
            (Some(message), Some(part)) => assert!(message.contains(part), "{message}"),
            other => panic!("{url} {other:?}"),
        }
    }
    let fixture = Fixture::new("", &[204]).await;
    let input = json!({ "video": "https://a.example/1.mp4", "text": "Hi", "voice_id": "AOT" });
    let submit = fixture.ws.submit(raw_input(MODEL, &input));
    let refused = submit.webhook("nowhere").await;
    assert!(
        matches!(refused, Err(SubmitError::Webhook { .. })),
        "{refused:?}"
    );
    assert_eq!(fixture.emulator.billed(), 0);
}
