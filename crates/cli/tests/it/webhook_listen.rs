//! Tests of `wave webhook listen`, which verifies webhooks, prints them and forwards them to an
//! application. The command runs as a process; the tests send it signed requests, and a server plays
//! the application.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::{WebhookSecret, webhook};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::harness::{Emulated, LIPSYNC, Wave, assert_run};

/// A running `wave webhook listen`.
struct Listener {
    child: Child,
    origin: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn start(wave: &Wave, arguments: &[&str]) -> Self {
        let arguments = [&["webhook", "listen", "--port", "0"][..], arguments].concat();
        let mut child = wave
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = stderr.next().unwrap().unwrap();
        let origin = first.strip_prefix("listening on ").unwrap().to_owned();
        // Later messages are read and dropped, so that the process never blocks on a full pipe.
        std::thread::spawn(move || stderr.for_each(drop));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            origin,
            lines,
        }
    }

    /// The next line of output, as JSON.
    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A server to which webhooks are forwarded, and the secret that signs them.
fn application(emulated: &Emulated, status: u16) -> (MockServer, WebhookSecret) {
    let ws = emulated.client();
    emulated.runtime.block_on(async {
        let server = MockServer::start().await;
        let any = wiremock::matchers::any();
        let answer = ResponseTemplate::new(status);
        Mock::given(any).respond_with(answer).mount(&server).await;
        (server, ws.webhook_secret().await.unwrap())
    })
}

#[test]
fn webhook_is_verified_printed_and_forwarded_unchanged() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let (server, secret) = application(&emulated, 200);
    let to = format!("{}/hook?a=b", server.uri());
    let mut listener = Listener::start(&wave, &["--json", "--forward-to", &to]);
    // Unusual spacing, which must reach the application unchanged.
    let body = "{ \"id\":\"pred_1\", \"status\": \"completed\",\n\t\"outputs\": [\"\u{202e}\"] }";
    let signed = webhook::sign(&secret, "wh_1", SystemTime::now(), body.as_bytes());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |headers: &reqwest::header::HeaderMap| {
        let request = http
            .post(&listener.origin)
            .headers(headers.clone())
            .body(body);
        emulated
            .runtime
            .block_on(request.send())
            .unwrap()
            .status()
            .as_u16()
    };
    let mut forged = signed.clone();
    forged.insert("webhook-id", "wh_2".parse().unwrap());
    assert_eq!(post(&forged), 401);
    // The sender gets the answer of the application.
    assert_eq!((post(&signed), post(&signed)), (200, 200));
    let get = emulated
        .runtime
        .block_on(http.get(&listener.origin).send())
        .unwrap();
    assert_eq!(get.status(), 405);
    let (first, again) = (listener.line(), listener.line());
    assert_eq!(
        (&first["new"], &again["new"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        first["prediction"],
        serde_json::from_str::<Value>(body).unwrap()
    );
    assert_eq!(first["passed_on"], 200);

    let forwarded = emulated.runtime.block_on(server.received_requests());
    let forwarded = forwarded.unwrap();
    assert_eq!(
        forwarded.len(),
        2,
        "the forged webhook must not be forwarded"
    );
    assert_eq!(
        (forwarded[0].url.path(), forwarded[0].url.query()),
        ("/hook", Some("a=b"))
    );
    assert_eq!(forwarded[0].body, body.as_bytes());
    let verified = webhook::verify(
        &forwarded[0].headers,
        &forwarded[0].body,
        &secret,
        SystemTime::now(),
    );
    assert_eq!(verified.unwrap().prediction.id(), "pred_1");

    // If the application is unreachable, the sender is told to retry, without the application's address.
    let arguments = ["--json", "--forward-to", "http://me:hush@127.0.0.1:9/"];
    let mut unreachable = Listener::start(&wave, &arguments);
    for _ in 0..2 {
        let request = http
            .post(&unreachable.origin)
            .headers(signed.clone())
            .body(body);
        let (status, text) = emulated.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        });
        assert_eq!(
            (status.as_u16(), &*text),
            (502, "the application could not be reached\n")
        );
        // A retry counts as new, since no application has the webhook.
        assert_eq!(unreachable.line()["new"], true);
    }
}

#[test]
fn hop_by_hop_headers_are_removed_and_the_query_is_forwarded() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let (server, secret) = application(&emulated, 418);
    let to = format!("{}/hook?a=b", server.uri());
    let mut listener = Listener::start(&wave, &["--json", "--forward-to", &to]);
    let body = br#"{"id":"pred_1","status":"completed"}"#;
    let mut headers = webhook::sign(&secret, "wh_1", SystemTime::now(), body);
    for (name, value) in [
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic eA=="),
        ("x-end", "2"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}any?user=7", listener.origin);
    let request = http.post(url).headers(headers).body(&body[..]);
    assert_eq!(
        emulated.runtime.block_on(request.send()).unwrap().status(),
        418
    );
    assert_eq!(listener.line()["new"], true);
    let requests = emulated.runtime.block_on(server.received_requests());
    let [forwarded] = &requests.unwrap()[..] else {
        panic!("one webhook is forwarded")
    };
    assert_eq!(forwarded.url.query(), Some("a=b&user=7"));
    let names: Vec<&str> = forwarded.headers.keys().map(|name| name.as_str()).collect();
    assert!(names.contains(&"x-end"), "{names:?}");
    for name in ["connection", "x-hop", "te", "proxy-authorization"] {
        assert!(!names.contains(&name), "{names:?}");
    }
}

#[test]
fn listen_needs_no_api_key_with_the_webhook_secret() {
    let emulated = Emulated::start(|builder| builder);
    let secret = WebhookSecret::new("whsec_of_the_machine_that_listens").unwrap();
    let wave = emulated.wave().with("WAVESPEED_API_KEY", "");
    let wave = wave.with("WAVESPEED_WEBHOOK_SECRET", secret.expose());
    let mut listener = Listener::start(&wave, &["--json"]);
    let body = br#"{"id":"pred_1","status":"completed"}"#;
    let headers = webhook::sign(&secret, "wh_1", SystemTime::now(), body);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(&listener.origin).headers(headers).body(&body[..]);
    let answer = emulated.runtime.block_on(request.send()).unwrap();
    assert_eq!(
        (answer.status().as_u16(), &listener.line()["event"]),
        (200, &json!("wh_1"))
    );
}

/// The answer to a submit is lost, and its webhook brings the id.
#[test]
fn lost_submit_is_settled_by_its_webhook() {
    let scenario = "submit once lose-answer".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let mut listener = Listener::start(&wave, &["--json"]);
    let webhook = format!("{}hook?x=1", listener.origin);
    let token = ["--webhook", &webhook, "--webhook-token", "--no-adopt"];
    let run = wave.quick(&[&LIPSYNC[..], &token].concat());
    assert_eq!(run.exit, 5, "{run}");
    let id = listener.line()["prediction"]["id"].clone();
    assert_eq!(id, json!(emulated.emulator.tasks()[0]));
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(
        (&jobs[0]["id"], &jobs[0]["reconciled"]),
        (&id, &json!("certain"))
    );
}

#[test]
fn webhook_is_printed_even_if_its_sender_disconnects() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let (_, secret) = application(&emulated, 204);
    let slow = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/", slow.local_addr().unwrap());
    let mut listener = Listener::start(&wave, &["--json", "--forward-to", &to]);
    let body = br#"{"id":"pred_1","status":"completed"}"#;
    let headers = webhook::sign(&secret, "wh_1", SystemTime::now(), body);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http.post(&listener.origin).headers(headers).body(&body[..]);
    let mut forwarded = emulated.runtime.block_on(async {
        let sending = tokio::spawn(sent.send());
        // The sender disconnects when the application has the webhook but has not answered.
        let accepting = tokio::task::spawn_blocking(move || slow.accept().unwrap().0);
        let forwarded = accepting.await.unwrap();
        sending.abort();
        _ = sending.await;
        forwarded
    });
    drop(http);
    // An answer before the request would be an error.
    let mut request = [0; 4096];
    assert!(forwarded.read(&mut request).unwrap() > 0);
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    forwarded.write_all(answer).unwrap();
    let line = listener.line();
    assert_eq!(
        (&line["new"], &line["passed_on"]),
        (&json!(true), &json!(204))
    );
}

#[test]
fn listen_with_poll_forwards_ends_as_signed_webhooks() {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::from_millis(300)));
    let wave = emulated.wave();
    let before = wave.quick(&["run", "kwaivgi/kling-v1-tts", "--text", "Hello"]);
    assert_eq!(before.exit, 0, "{before}");
    let quick = [
        "--poll",
        "--json",
        "--mean-gap",
        "10ms",
        "--poll-interval",
        "10ms",
    ];
    let (server, secret) = application(&emulated, 204);
    let to = format!("{}/hook", server.uri());
    let arguments = [&quick[..], &["--forward-to", &to]].concat();
    let mut listener = Listener::start(&wave, &arguments);
    let mut ids = Vec::new();
    for text in ["Hello", "Hello again"] {
        let run = wave.quick(&["run", "kwaivgi/kling-v1-tts", "--text", text, "--no-wait"]);
        // A job that is not submitted would never be printed below.
        assert_eq!(run.exit, 0, "{run}");
        ids.push(run.stdout.trim().to_owned());
    }
    let mut printed: Vec<String> = (0..2)
        .map(|_| {
            listener.line()["prediction"]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    printed.sort();
    ids.sort();
    assert_eq!(
        printed, ids,
        "each end is printed once, except those before the start"
    );
    let forwarded = emulated.runtime.block_on(server.received_requests());
    let forwarded = forwarded.unwrap();
    assert_eq!(forwarded.len(), 2);
    for request in forwarded {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = body["input"]["text"].as_str().unwrap();
        assert!(text.starts_with("Hello"), "{text}");
        let now = SystemTime::now();
        assert!(webhook::verify(&request.headers, &request.body, &secret, now).is_ok());
        // Most applications only parse a body with this header.
        assert_eq!(request.headers["content-type"], "application/json");
    }
}

#[test]
fn options_that_cannot_work_are_refused() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    assert_run!(
        "webhook-emulate",
        wave.run(&["webhook", "listen", "--emulate"])
    );
    assert_run!(
        "webhook-forward",
        wave.run(&["webhook", "listen", "--forward-to", "app:3000"])
    );
    let wrong_key = emulated.wave().with("WAVESPEED_API_KEY", "another");
    assert_run!(
        "webhook-key",
        wrong_key.run(&["webhook", "listen", "--port", "0"])
    );
    let empty = emulated.wave().with("WAVESPEED_WEBHOOK_SECRET", "whsec_");
    assert_run!("webhook-secret", empty.run(&["webhook", "listen"]));
    // A webhook that is forwarded to the listener itself would loop forever.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let to = format!("http://{host}:{port}/hook");
        let arguments = [
            "webhook",
            "listen",
            "--port",
            &port.to_string(),
            "--forward-to",
            &to,
        ];
        let run = wave.run(&arguments);
        assert_eq!(run.exit, 2, "{run}");
        assert!(
            run.stderr.contains("is the address of this command itself"),
            "{run}"
        );
    }
    let lipsync = [
        "lipsync",
        "--video",
        "https://a.example/1.mp4",
        "--text",
        "Hi",
        "--webhook",
        "ftp://a",
    ];
    let refused = wave.run(&[&lipsync[..], &["--no-media-check"]].concat());
    assert_run!("webhook-url", refused);
    assert_eq!(emulated.emulator.billed(), 0);
}
