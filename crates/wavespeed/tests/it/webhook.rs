//! Being told instead of asking: what the emulator sends is what the library takes for the vendor's,
//! and a wait that is woken asks at once. Both sides have their own code for the signature.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use wavespeed::webhook::{Event, SeenEvents, VerifyError, verify};
use wavespeed::{Job, PollPolicy, Status, SubmitError, SubmitOptions, Wavespeed, WebhookSecret};
use wavespeed_emulator::{Clock, Emulator, Scenario};
use wavespeed_harness::MODEL;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// An emulator, a client of it, and somebody who is told.
struct World {
    emulator: Emulator,
    ws: Wavespeed,
    secret: WebhookSecret,
    server: MockServer,
    requests: UnboundedReceiver<Request>,
}

impl World {
    /// Who is told answers with these statuses, the last one for ever.
    async fn new(scenario: &str, statuses: &'static [u16]) -> Self {
        let scenario: Scenario = scenario.parse().unwrap();
        let emulator = Emulator::builder()
            .clock(Clock::manual())
            .scenario(scenario)
            .start()
            .await
            .unwrap();
        let mut pace = PollPolicy::default();
        pace.floor = Some(Duration::from_secs(3_600));
        let ws = Wavespeed::builder()
            .key("emulator")
            .base_url(emulator.origin())
            .poll_policy(pace)
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
        let mut options = SubmitOptions::new(self.ws.deadline());
        options.webhook = Some(&url);
        let input = json!({
            "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT",
        });
        self.ws.submit_with(MODEL, &input, &options).await.unwrap()
    }

    /// Waits until the emulator has noted so many tries.
    async fn noted(&self, tries: usize) {
        while self.emulator.deliveries().len() < tries {
            tokio::task::yield_now().await;
        }
    }

    /// The next request that comes once the emulator's time has moved so far, and what it says.
    async fn told(&mut self, seconds: u64) -> (Request, Result<Event, VerifyError>) {
        self.emulator.clock().advance(Duration::from_secs(seconds));
        let request = self.requests.recv().await.unwrap();
        let now = self.emulator.clock().now();
        let event = verify(&request.headers, &request.body, &self.secret, now);
        (request, event)
    }
}

#[tokio::test]
async fn the_end_of_a_task_is_reported_once_it_is_there_and_taken() {
    let mut world = World::new("submit nth 2 ending failed no face", &[204]).await;
    let job = world.submit().await;
    assert!(world.requests.try_recv().is_err());
    let (request, event) = world.told(2).await;
    assert_eq!(
        (request.method.as_str(), request.url.path()),
        ("POST", "/hook")
    );
    assert_eq!(request.url.query(), Some("of=me&you"));
    assert_eq!(request.headers["content-type"], "application/json");
    let event = event.unwrap();
    assert_eq!(event.prediction.id, job.id().as_str());
    assert_eq!(event.prediction.status, Status::Completed);
    // The bare record, which the result call says, too; and the inputs.
    let record = job.fetch().await.unwrap();
    let mut raw = event.prediction.raw().clone();
    assert_eq!(
        raw.as_object_mut().unwrap().shift_remove("input").unwrap()["text"],
        "Hello"
    );
    assert_eq!(raw, *record.raw());

    let failed = world.submit().await;
    let (_, event) = world.told(2).await;
    let prediction = event.unwrap().prediction;
    assert_eq!(
        (&*prediction.id, &prediction.status),
        (failed.id().as_str(), &Status::Failed)
    );
    assert_eq!(prediction.error(), Some("no face"));
    world.noted(2).await;
}

#[tokio::test]
async fn what_nobody_takes_is_sent_again_three_times() {
    let mut world = World::new("", &[500]).await;
    let job = world.submit().await;
    let mut seen = SeenEvents::default();
    let mut times = Vec::new();
    for (number, wait) in [2, 1, 5, 30].into_iter().enumerate() {
        let event = world.told(wait).await.1.unwrap();
        assert_eq!(seen.is_new(&event), number == 0);
        times.push(event.at);
        // The emulator has noted it before it waits for the next one.
        world.noted(number + 1).await;
    }
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    let deliveries = world.emulator.deliveries();
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
async fn an_answer_counts_also_if_the_connection_ends_with_it() {
    let world = World::new("", &[204]).await;
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let mut options = SubmitOptions::new(world.ws.deadline());
    options.webhook = Some(&url);
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
            world.ws.submit_with(MODEL, &input, &options).await.unwrap();
            world.emulator.clock().advance(Duration::from_secs(2));
            world.noted(number).await;
        }
    };
    tokio::join!(answering, submitting);
    let statuses = world.emulator.deliveries();
    let statuses = statuses.iter().filter_map(|delivery| delivery.status);
    assert_eq!(
        statuses
            .filter(|status| matches!(status, 200 | 204))
            .count(),
        30
    );
}

#[tokio::test]
async fn duplicates_and_forgeries_are_told_apart_from_the_real_one() {
    let faults = "webhook nth 1 forged\nwebhook nth 2 drop-before\nwebhook nth 3 twice";
    let mut world = World::new(faults, &[500, 204]).await;
    world.submit().await;
    let (_, forged) = world.told(2).await;
    assert_eq!(forged, Err(VerifyError::Signature));
    world.noted(1).await;
    world.emulator.clock().advance(Duration::from_secs(1));
    world.noted(2).await;
    let mut seen = SeenEvents::default();
    let first = world.told(5).await.1.unwrap();
    let second = world.told(0).await.1.unwrap();
    assert!(seen.is_new(&first) && !seen.is_new(&second));
}

#[tokio::test]
async fn a_webhook_wakes_who_waits() {
    let mut world = World::new("", &[204]).await;
    let job = world.submit().await;
    let waiting = tokio::spawn({
        let job = job.clone();
        async move { job.wait().await }
    });
    let event = world.told(2).await.1.unwrap();
    // Whoever waits has not asked yet, and would not within the hour.
    let asked = |emulator: &Emulator| {
        let requests = emulator.requests();
        let asked = requests
            .iter()
            .filter(|request| request.path.ends_with("/result"));
        asked.count()
    };
    assert_eq!(asked(&world.emulator), 0);
    world.ws.wake(&event.prediction.id.parse().unwrap());
    assert_eq!(waiting.await.unwrap().unwrap().status, Status::Completed);
    assert_eq!(asked(&world.emulator), 1);
}

#[tokio::test]
async fn a_webhook_that_the_vendor_cannot_reach_costs_nothing() {
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
        ("https://192.168.1.5/hook", Some("is of a private network")),
        ("https://[fe80::1]/hook", Some("is of a private network")),
        ("https://hook/", Some("is of a private network")),
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
    let world = World::new("", &[204]).await;
    let mut options = SubmitOptions::new(world.ws.deadline());
    options.webhook = Some("nowhere");
    let input = json!({ "video": "https://a.example/1.mp4", "text": "Hi", "voice_id": "AOT" });
    let refused = world.ws.submit_with(MODEL, &input, &options).await;
    assert!(
        matches!(refused, Err(SubmitError::Webhook { .. })),
        "{refused:?}"
    );
    assert_eq!(world.emulator.billed(), 0);
}
