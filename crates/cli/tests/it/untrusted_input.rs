//! Tests of the command with an untrusted vendor: hostile answers neither control the terminal, nor
//! write outside the folder, nor exhaust the memory, and the API key is sent only to the API. The
//! emulator and servers on loopback play the answers.

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed_emulator::Ending;
use wavespeed_harness::names;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::harness::{
    CLIP, Emulated, ID, KEY, LIPSYNC, Run, Wave, answers, created, record, runtime,
};

/// Sequences that clear the screen, rename the window, move the cursor, change colours and reverse text.
const ESCAPES: &str = "a\u{1b}[2J\u{1b}]0;b\u{7}\r\u{1b}[1Ac\u{9b}31m\u{202e}d\u{8}";

/// Checks that the output has no control characters except line ends.
fn assert_harmless(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let harmful = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(text.chars().find(harmful), None, "{text:?}");
    }
}

/// A server of files on another port than the API.
fn second_host(runtime: &Runtime) -> MockServer {
    runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(CLIP))
            .mount(&server)
            .await;
        server
    })
}

/// An answer with a completed prediction.
fn completed(outputs: Value) -> ResponseTemplate {
    record(json!({"id": ID, "status": "completed", "outputs": outputs}))
}

#[test]
fn error_of_a_prediction_does_not_control_the_terminal() {
    let emulated = Emulated::start(|builder| builder.ending(Ending::failed(ESCAPES)));
    let wave = emulated.wave();
    let run = wave.quick(&LIPSYNC);
    assert_eq!(run.exit, 1, "{run}");
    assert_harmless(&run);
    let id = emulated.emulator.tasks().remove(0);
    for arguments in [
        &["show", &id][..],
        &["jobs"],
        &["jobs", "show", "j1"],
        &["wait", &id],
    ] {
        assert_harmless(&wave.quick(arguments));
    }
    let run = wave.quick(&["show", &id, "--json"]);
    assert_harmless(&run);
    // JSON output keeps every character, escaped.
    assert!(
        run.json().to_string().contains(&json!(ESCAPES).to_string()),
        "{run}"
    );
}

#[test]
fn output_urls_do_not_control_the_terminal() {
    let files = runtime();
    let host = second_host(&files);
    let url = format!("{}/{ESCAPES}.m\u{1b}p4", host.uri());
    let (_runtime, server) = answers(created(), completed(json!([url, ESCAPES, {"url": url}])));
    let wave = Wave::at(&server.uri());
    for options in [&[][..], &["-o", "videos/"], &["--json"]] {
        assert_harmless(&wave.quick(&[&LIPSYNC[..], options].concat()));
    }
    assert_harmless(&wave.quick(&["show", ID]));
}

#[test]
fn output_url_or_id_cannot_write_outside_the_folder() {
    let files = runtime();
    let host = second_host(&files);
    let paths = [
        "../../evil.mp4",
        "a/..%2f..%2fevil.mp4",
        "%2e%2e/%2e%2e/evil.sh",
        "a/..%5c..%5cevil.mp4",
        "evil.mp4%00.sh",
        "evil./../../x",
        "?file=/../../evil.mp4",
    ];
    for id in [ID, "../../evil"] {
        let urls: Vec<String> = paths
            .iter()
            .map(|path| format!("{}/{path}", host.uri()))
            .collect();
        let end = record(json!({"id": id, "status": "completed", "outputs": urls}));
        let (_runtime, server) = answers(created(), end);
        let wave = Wave::at(&server.uri());
        std::fs::create_dir_all(wave.path("a/b")).unwrap();
        let run = wave.quick(&[&LIPSYNC[..], &["-o", "a/b/videos/"]].concat());
        assert_eq!(names(&wave.path(".")), ["a", "clip.mp4"], "{run}");
        assert_eq!(names(&wave.path("a")), ["b"], "{run}");
        assert_eq!(names(&wave.path("a/b")), ["videos"], "{run}");
        let saved = names(&wave.path("a/b/videos"));
        assert_eq!(saved.len(), paths.len(), "{run}");
        let stem = if id == ID { ID } else { "output" };
        assert!(saved.iter().all(|name| name.starts_with(stem)), "{saved:?}");
        assert_eq!(run.exit, 0, "{run}");
    }
}

#[test]
fn api_key_is_not_sent_to_another_host() {
    let files = runtime();
    let host = second_host(&files);
    let urls = json!({"get": format!("{}/api/v3/predictions/{ID}/result", host.uri())});
    let output = format!("{}/out.mp4", host.uri());
    let prediction =
        |status| record(json!({"id": ID, "status": status, "urls": urls, "outputs": [output]}));
    let (_runtime, server) = answers(prediction("created"), prediction("completed"));
    let wave = Wave::at(&server.uri());
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    let requests = files.block_on(host.received_requests()).unwrap();
    assert_eq!(requests.len(), 1, "only the output is requested from it");
    assert_eq!(requests[0].url.path(), "/out.mp4");
    assert!(!format!("{requests:?}").contains(KEY));
    assert!(!requests[0].headers.contains_key("authorization"));
}

#[test]
fn api_key_is_not_sent_after_a_redirect() {
    let files = runtime();
    let host = second_host(&files);
    let scenario = format!(
        "result once redirect {0}/\noutput once redirect {0}/out.mp4",
        host.uri()
    );
    let emulated = Emulated::start(|builder| builder.scenario(scenario.parse().unwrap()));
    let wave = emulated.wave();
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    let requests = files.block_on(host.received_requests()).unwrap();
    assert_eq!(
        requests.len(),
        1,
        "only the redirect of the output is followed"
    );
    assert!(!format!("{requests:?}").contains(KEY));
}

#[test]
#[cfg(target_os = "linux")]
fn endless_answer_does_not_exhaust_the_memory() {
    let scenario = "result once huge".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let program = wave.command(&[]).get_program().to_owned();
    // 2 GB of address space, most of it for the stacks and heaps of threads.
    let script = r#"ulimit -v 2000000 && exec "$0" "$@""#;
    let command = wave.command(&[]);
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", script])
        .arg(program)
        .args(["--poll-interval", "10ms"])
        .args(LIPSYNC)
        .args(["-o", "out.mp4"])
        .current_dir(wave.path("."))
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
}
