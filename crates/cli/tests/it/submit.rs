//! Tests of the submit: API keys, the answers of the vendor, and the deadline.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use super::harness::*;

#[test]
fn missing_or_wrong_key_is_reported() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!(
        "key-wrong",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "another")
            .run(&LIPSYNC)
    );
    assert_eq!(emulated.emulator.billed(), 0);
    let sent = emulated.emulator.requests().len();
    assert_run!("key-none", emulated.wave().without_key().run(&LIPSYNC));
    assert_run!(
        "key-empty",
        emulated.wave().with("WAVESPEED_API_KEY", " ").run(&LIPSYNC)
    );
    assert_run!(
        "key-control",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "a\u{1}b")
            .run(&LIPSYNC)
    );
    let both = [&LIPSYNC[..], &["--voice-speed", "9"]].concat();
    assert_run!(
        "key-none-and-fault",
        emulated.wave().without_key().run(&both)
    );
    assert_eq!(
        emulated.emulator.requests().len(),
        sent,
        "something was sent"
    );
}

#[test]
fn each_answer_to_a_submit_has_its_exit_code() {
    let html = ResponseTemplate::new(502).set_body_raw("<html>Bad Gateway</html>", "text/html");
    let unavailable = ResponseTemplate::new(200)
        .set_body_json(json!({"code": 5003, "message": "Service unavailable", "data": null}));
    let cases = [
        ("unknown-502", html, 5),
        ("unknown-no-id", unavailable, 5),
        (
            "credit",
            refused(
                400,
                "Insufficient credits. Please top up your account to continue.",
            ),
            3,
        ),
        (
            "role",
            refused(403, "The role viewer may not run models."),
            3,
        ),
        (
            "busy",
            refused(429, "You have reached your concurrency limit")
                .insert_header("retry-after", "7"),
            6,
        ),
        (
            "redirect",
            ResponseTemplate::new(307).insert_header("location", "https://example.com/"),
            6,
        ),
    ];
    for (name, post, exit) in cases {
        let (runtime, server) = answers(post, ResponseTemplate::new(500));
        let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "5s"]].concat());
        assert_run!(format!("answer-{name}"), run);
        assert_eq!(run.exit, exit, "{name}");
        let requests = runtime.block_on(server.received_requests()).unwrap();
        let submits = requests
            .iter()
            .filter(|it| it.url.path().ends_with("text-to-video"));
        assert_eq!(submits.count(), 1, "{name} was sent once");
    }
}

/// Whatever happens after a task was accepted, it exists and is billed.
#[test]
fn accepted_submit_is_never_reported_as_refused() {
    for status in [401, 403] {
        let (_runtime, server) = answers(created(), refused(status, "no"));
        let run = Wave::at(&server.uri()).quick(&LIPSYNC);
        assert_eq!(run.exit, 4, "{run}");
        assert!(run.stderr.contains(&format!("wave wait {ID}")), "{run}");
        let run = Wave::at(&server.uri()).quick(&["wait", ID]);
        assert_eq!(run.exit, 3, "{run}");
    }
}

#[test]
fn unreadable_id_is_in_the_document() {
    let odd = json!({"id": ".."});
    let (_runtime, server) = answers(record(odd.clone()), ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--json"]].concat());
    assert_eq!((run.exit, &run.json()["raw"]["data"]), (5, &odd));
}

#[test]
fn deadline_limits_the_submit() {
    let slow = created().set_delay(Duration::from_secs(30));
    let (_runtime, server) = answers(slow, ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat());
    assert_eq!(run.exit, 5, "{run}");
}

#[test]
fn unreachable_vendor_is_reported_as_not_billed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let wave = Wave::at(&format!("http://{free}"));
    let run = wave.run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat());
    assert_eq!(run.exit, 6, "{run}");
    // Whether the connection or the deadline is the last error depends on the speed of the machine.
    for part in [
        "error: the submit could not be sent (",
        "; nothing is billed\nhint: check the connection, then run the same command again\n",
    ] {
        assert!(run.stderr.contains(part), "{run}");
    }
}
