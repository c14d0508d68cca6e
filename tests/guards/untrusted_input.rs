//! What an enemy could put into an answer: it reaches neither the terminal, nor a path, nor the
//! memory, and the key reaches nobody but the API.

use std::path::Path;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed_emulator::Ending;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::command::{
    CLIP, Emulated, ID, KEY, LIPSYNC, Run, Wave, answers, created, record, runtime,
};

/// Clears the screen, renames the window, goes up a line, turns the text around.
const ESCAPES: &str = "a\u{1b}[2J\u{1b}]0;b\u{7}\r\u{1b}[1Ac\u{9b}31m\u{202e}d\u{8}";

fn assert_harmless(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let harmful = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(text.chars().find(harmful), None, "{text:?}");
    }
}

/// A server of files, to be told from the API by its port.
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

fn done(outputs: Value) -> ResponseTemplate {
    record(json!({"id": ID, "status": "completed", "outputs": outputs}))
}

#[test]
fn the_words_of_a_task_do_not_steer_a_terminal() {
    let emulated = Emulated::start(|builder| builder.ending(Ending::failed(ESCAPES)));
    let wave = emulated.wave();
    let run = wave.quick(&LIPSYNC);
    assert_eq!(run.exit, 1, "{run}");
    assert_harmless(&run);
    let id = emulated.emulator.tasks().remove(0);
    for words in [
        &["show", &id][..],
        &["jobs"],
        &["jobs", "show", "j1"],
        &["wait", &id],
    ] {
        assert_harmless(&wave.quick(words));
    }
    let run = wave.quick(&["show", &id, "--json"]);
    assert_harmless(&run);
    // As JSON not a character of it is lost.
    assert!(
        run.json().to_string().contains(&json!(ESCAPES).to_string()),
        "{run}"
    );
}

#[test]
fn the_names_of_outputs_do_not_steer_a_terminal() {
    let files = runtime();
    let host = second_host(&files);
    let url = format!("{}/{ESCAPES}.m\u{1b}p4", host.uri());
    let (_runtime, server) = answers(created(), done(json!([url, ESCAPES, {"url": url}])));
    let wave = Wave::at(&server.uri());
    for more in [&[][..], &["-o", "videos/"], &["--json"]] {
        assert_harmless(&wave.quick(&[&LIPSYNC[..], more].concat()));
    }
    assert_harmless(&wave.quick(&["show", ID]));
}

#[test]
fn no_url_and_no_id_leads_out_of_the_folder() {
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

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_key_reaches_no_other_host() {
    let files = runtime();
    let host = second_host(&files);
    let urls = json!({"get": format!("{}/api/v3/predictions/{ID}/result", host.uri())});
    let output = format!("{}/out.mp4", host.uri());
    let task =
        |status| record(json!({"id": ID, "status": status, "urls": urls, "outputs": [output]}));
    let (_runtime, server) = answers(task("created"), task("completed"));
    let wave = Wave::at(&server.uri());
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    let requests = files.block_on(host.received_requests()).unwrap();
    assert_eq!(requests.len(), 1, "nothing but the output is asked of it");
    assert_eq!(requests[0].url.path(), "/out.mp4");
    assert!(!format!("{requests:?}").contains(KEY));
    assert!(!requests[0].headers.contains_key("authorization"));
}

#[test]
fn the_key_follows_no_redirect() {
    let files = runtime();
    let host = second_host(&files);
    let away = format!(
        "result once redirect {0}/\noutput once redirect {0}/out.mp4",
        host.uri()
    );
    let emulated = Emulated::start(|builder| builder.scenario(away.parse().unwrap()));
    let wave = emulated.wave();
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    let requests = files.block_on(host.received_requests()).unwrap();
    assert_eq!(requests.len(), 1, "only that of the output is followed");
    assert!(!format!("{requests:?}").contains(KEY));
}

#[test]
#[cfg(target_os = "linux")]
fn an_answer_without_an_end_does_not_fill_the_memory() {
    let scenario = "result once huge".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    let wave_itself = wave.command(&[]).get_program().to_owned();
    // 2 GB of addresses, most of them for the stacks and heaps of threads.
    let script = r#"ulimit -v 2000000 && exec "$0" "$@""#;
    let inner = wave.command(&[]);
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", script])
        .arg(wave_itself)
        .args(["--poll-interval", "10ms"])
        .args(LIPSYNC)
        .args(["-o", "out.mp4"])
        .current_dir(wave.path("."))
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
}
