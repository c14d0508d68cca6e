//! Tests of signals, which end a command with a report of its jobs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use wavespeed_emulator::Clock;
use wiremock::{Mock, MockServer};

use super::harness::*;

#[test]
fn signal_reports_the_id_and_the_next_step() {
    for (name, exit) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let clock = Clock::manual();
        let emulated =
            Emulated::start(|builder| builder.clock(clock).task_time(Duration::from_secs(60)));
        let wave = emulated.wave();
        let mut child = wave
            .command(&LIPSYNC)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        assert!(first.starts_with("id: "), "{first}");
        signal(&child, name);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(exit));
        let id = first.trim().trim_start_matches("id: ");
        assert!(rest.contains(&format!("wave wait {id}")), "{rest}");
    }
}

/// The answer has the id, so a first signal during the submit waits for it.
#[test]
fn signal_during_the_submit_waits_for_the_id() {
    for (name, exit) in [("-INT", 130), ("-HUP", 129)] {
        wait_for_the_id_after(name, exit);
    }
}

fn wait_for_the_id_after(name: &str, exit: i32) {
    let runtime = runtime();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    let mut child = wave
        .command(&LIPSYNC)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut noticed = String::new();
    runtime.block_on(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(connection.read(&mut request).await.unwrap() > 0);
        signal(&child, name);
        stderr.read_line(&mut noticed).unwrap();
        let body = json!({"code": 200, "data": {"id": ID, "status": "created"}}).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
    });
    assert!(
        noticed.starts_with("interrupted; waiting for the answer"),
        "{noticed}"
    );
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(exit));
    assert!(
        rest.contains(&format!("id: {ID}\n")) && rest.contains(&format!("wave wait {ID}")),
        "{rest}"
    );
}

#[test]
fn second_signal_during_the_submit_ends_the_command_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    let mut child = wave
        .command(&LIPSYNC)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    // The submit is never answered.
    let (mut submit, _) = listener.accept().unwrap();
    assert!(submit.read(&mut [0; 4096]).unwrap() > 0);
    signal(&child, "-INT");
    let mut notice = String::new();
    stderr.read_line(&mut notice).unwrap();
    assert!(notice.contains("a second signal exits at once"), "{notice}");
    signal(&child, "-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("may have been created and billed"), "{rest}");
    assert!(rest.contains("wave resume"), "{rest}");
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(
        (&jobs[0]["stage"], &jobs[0]["open"]),
        (&json!("intended"), &json!(true))
    );
}

/// Without a submit in flight, there is no id to wait for.
#[test]
fn signal_before_the_submit_ends_the_command_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
    let words = ["lipsync", "--video", "clip.mp4", "--text", "Hello"];
    let child = wave
        .command(&words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The request for an upload ticket is never answered.
    let (mut upload, _) = listener.accept().unwrap();
    assert!(upload.read(&mut [0; 4096]).unwrap() > 0);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: interrupted; nothing was submitted\n");
}

/// nohup ignores the signal for the commands that it starts.
#[cfg(target_os = "linux")]
#[test]
fn command_of_nohup_continues_after_a_hangup() {
    let (clock, minute) = (Clock::manual(), Duration::from_secs(60));
    let emulated = Emulated::start(|builder| builder.clock(clock.clone()).task_time(minute));
    let wave = emulated.wave();
    let words = [&LIPSYNC[..], &["--poll-interval", "10ms"]].concat();
    let plain = wave.command(&words);
    let mut command = std::process::Command::new("nohup");
    command.arg(plain.get_program()).args(plain.get_args());
    let variables = plain.get_envs();
    let variables = variables.filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(variables);
    command.current_dir(wave.folder.path()).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    assert!(first.starts_with("id: "), "{first}");
    signal(&child, "-HUP");
    clock.advance(minute);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// An id that nothing has confirmed may be mistyped.
#[test]
fn signal_does_not_claim_that_a_missing_job_runs() {
    let (runtime, server) = answers(created(), refused(404, "Prediction not found."));
    let wave = Wave::at(&server.uri());
    let child = wave
        .command(&["wait", ID, "--poll-interval", "1ms"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while runtime
        .block_on(server.received_requests())
        .unwrap()
        .is_empty()
    {
        std::thread::yield_now();
    }
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let error = format!(
        "error: interrupted; it is not known whether the vendor has a job with the id {ID}\n\
         hint: look for it with: wave show {ID}\n"
    );
    assert!(stderr.ends_with(&error), "{stderr}");
}

/// What was finished before the signal is reported as it ended.
#[test]
fn signal_keeps_the_result_of_an_ended_job() {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let task = |status| record(json!({"id": ID, "status": status, "outputs": [VIDEO]}));
        let at = |id| wiremock::matchers::path(format!("/api/v3/predictions/{id}/result"));
        Mock::given(at("done"))
            .respond_with(task("completed"))
            .mount(&server)
            .await;
        Mock::given(at("going"))
            .respond_with(task("processing"))
            .mount(&server)
            .await;
        server
    });
    let wave = Wave::at(&server.uri());
    let mut child = wave
        .command(&["wait", "done", "going", "--json", "--poll-interval", "10ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let polls = || runtime.block_on(server.received_requests()).unwrap();
    while polls()
        .iter()
        .filter(|poll| poll.url.path().contains("going"))
        .count()
        < 3
    {
        std::thread::yield_now();
    }
    signal(&child, "-INT");
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let jobs: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(jobs[0]["status"], "completed");
    assert_eq!(jobs[0]["outputs"][0]["url"], VIDEO);
    assert!(jobs[0]["error"].is_null(), "{jobs}");
    assert_eq!(jobs[1]["status"], "processing");
    assert_eq!(jobs[1]["error"]["kind"], "interrupted");
}
