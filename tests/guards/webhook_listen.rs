//! `wave webhook listen`: being told of ends.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::{WebhookSecret, webhook};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::command::{Emulated, Wave, assert_run};

/// `wave webhook listen` at work.
struct Listener {
    child: Child,
    origin: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn start(wave: &Wave, words: &[&str]) -> Self {
        let words = [&["webhook", "listen", "--port", "0"][..], words].concat();
        let mut child = wave
            .command(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = said.next().unwrap().unwrap();
        let origin = first.strip_prefix("listening on ").unwrap().to_owned();
        // What it says later is not read, but may be said.
        std::thread::spawn(move || said.for_each(drop));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            origin,
            lines,
        }
    }

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

/// Somebody to whom webhooks are passed on, and what they are signed with.
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
fn webhooks_are_verified_told_and_passed_on_as_they_came() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let (server, secret) = application(&emulated, 200);
    let to = format!("{}/hook?a=b", server.uri());
    let mut listener = Listener::start(&wave, &["--json", "--forward-to", &to]);
    // Not as anybody would write it, but as it came.
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
    // The answer is that of the application.
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

    let passed = emulated.runtime.block_on(server.received_requests());
    let passed = passed.unwrap();
    assert_eq!(passed.len(), 2, "the forged one went nowhere");
    assert_eq!(
        (passed[0].url.path(), passed[0].url.query()),
        ("/hook", Some("a=b"))
    );
    assert_eq!(passed[0].body, body.as_bytes());
    let verified = webhook::verify(
        &passed[0].headers,
        &passed[0].body,
        &secret,
        SystemTime::now(),
    );
    assert_eq!(verified.unwrap().prediction.id, "pred_1");

    // Whoever sends it is to try again if nobody has it, and learns nothing of who that is.
    let words = ["--json", "--forward-to", "http://me:hush@127.0.0.1:9/"];
    let mut nobody = Listener::start(&wave, &words);
    for _ in 0..2 {
        let request = http.post(&nobody.origin).headers(signed.clone()).body(body);
        let (status, text) = emulated.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        });
        assert_eq!((status.as_u16(), &*text), (502, "nobody took it\n"));
        // So the next time is like the first.
        assert_eq!(nobody.line()["new"], true);
    }
}

#[test]
fn what_belongs_to_the_connection_is_not_passed_on_and_the_query_is() {
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
    let passed = emulated.runtime.block_on(server.received_requests());
    let [passed] = &passed.unwrap()[..] else {
        panic!("one")
    };
    assert_eq!(passed.url.query(), Some("a=b&user=7"));
    let names: Vec<&str> = passed.headers.keys().map(|name| name.as_str()).collect();
    assert!(names.contains(&"x-end"), "{names:?}");
    for name in ["connection", "x-hop", "te", "proxy-authorization"] {
        assert!(!names.contains(&name), "{names:?}");
    }
}

#[test]
fn the_secret_alone_is_enough_to_listen() {
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

#[test]
fn who_leaves_before_the_answer_is_told_of_all_the_same() {
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
    let mut passed = emulated.runtime.block_on(async {
        let sending = tokio::spawn(sent.send());
        // It is with the application, which has not answered, when whoever sent it leaves.
        let accepting = tokio::task::spawn_blocking(move || slow.accept().unwrap().0);
        let passed = accepting.await.unwrap();
        sending.abort();
        _ = sending.await;
        passed
    });
    drop(http);
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    passed.write_all(answer).unwrap();
    let line = listener.line();
    assert_eq!(
        (&line["new"], &line["passed_on"]),
        (&json!(true), &json!(204))
    );
}

#[test]
fn who_cannot_be_reached_asks_and_is_told_the_same() {
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
    let words = [&quick[..], &["--forward-to", &to]].concat();
    let mut listener = Listener::start(&wave, &words);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let run = wave.quick(&[
            "run",
            "kwaivgi/kling-v1-tts",
            "--text",
            "Hello",
            "--no-wait",
        ]);
        ids.push(run.stdout.trim().to_owned());
    }
    let mut told: Vec<String> = (0..2)
        .map(|_| {
            listener.line()["prediction"]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    told.sort();
    ids.sort();
    assert_eq!(told, ids, "each once, and not what was over before");
    let passed = emulated.runtime.block_on(server.received_requests());
    let passed = passed.unwrap();
    assert_eq!(passed.len(), 2);
    for request in passed {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["input"]["text"], "Hello");
        let now = SystemTime::now();
        assert!(webhook::verify(&request.headers, &request.body, &secret, now).is_ok());
        // Without it, most applications would not read the body.
        assert_eq!(request.headers["content-type"], "application/json");
    }
}

#[test]
fn what_cannot_work_is_refused() {
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
    let keyless = emulated.wave().with("WAVESPEED_API_KEY", "another");
    assert_run!(
        "webhook-key",
        keyless.run(&["webhook", "listen", "--port", "0"])
    );
    let empty = emulated.wave().with("WAVESPEED_WEBHOOK_SECRET", "whsec_");
    assert_run!("webhook-secret", empty.run(&["webhook", "listen"]));
    // What is passed on to itself would go round for ever.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let to = format!("http://{host}:{port}/hook");
        let words = [
            "webhook",
            "listen",
            "--port",
            &port.to_string(),
            "--forward-to",
            &to,
        ];
        let run = wave.run(&words);
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains("go round for ever"), "{run}");
    }
    let http = [
        "lipsync",
        "--video",
        "https://a.example/1.mp4",
        "--text",
        "Hi",
        "--webhook",
        "ftp://a",
    ];
    let refused = wave.run(&[&http[..], &["--no-media-check"]].concat());
    assert_run!("webhook-url", refused);
    assert_eq!(emulated.emulator.billed(), 0);
}
