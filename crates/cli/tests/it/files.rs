//! Tests of pipes, devices and file modes, which only Unix has.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use wavespeed_harness::names;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::harness::*;

#[test]
fn only_regular_files_are_replaced() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let pipe = wave.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let run = wave.run(&[&LIPSYNC[..], &["-o", "pipe", "--force"]].concat());
    assert_run!("refused-pipe", run);
    assert_run!(
        "refused-dash",
        wave.run(&[&LIPSYNC[..], &["-o", "-"]].concat())
    );
    assert!(emulated.emulator.requests().is_empty());
    assert!(!pipe.symlink_metadata().unwrap().is_file());
}

#[test]
fn temporary_file_of_a_killed_command_is_removed_by_the_next_one() {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let url = format!("{}/out.mp4", server.uri());
        let done = record(json!({"id": ID, "status": "completed", "outputs": [url]}));
        let file = || ResponseTemplate::new(200).set_body_bytes(CLIP);
        let slow = file().set_delay(Duration::from_secs(60));
        let mounts = [
            Mock::given(path("/out.mp4"))
                .respond_with(slow)
                .up_to_n_times(1),
            Mock::given(path("/out.mp4")).respond_with(file()),
            Mock::given(path_regex("/result$")).respond_with(done),
        ];
        for mock in mounts {
            mock.mount(&server).await;
        }
        server
    });
    let wave = Wave::at(&server.uri());
    let files = || names(wave.folder.path());
    let download = ["download", ID, "-o", "out.mp4"];
    let mut child = wave.command(&download).spawn().unwrap();
    let requests = || runtime.block_on(server.received_requests()).unwrap();
    let is_slow = |request: &wiremock::Request| request.url.path() == "/out.mp4";
    while !requests().iter().any(is_slow) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(files()[0].ends_with(".part"), "{:?}", files());
    let run = wave.run(&download);
    assert_eq!(run.exit, 0, "{run}");
    assert_eq!(files(), ["clip.mp4", "out.mp4"]);
}

#[test]
fn closed_pipe_is_no_error() {
    let wave = Wave::new();
    let mut child = wave
        .command(&["voices"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(0), ""));
}

#[test]
#[cfg(target_os = "linux")]
fn unwritable_stdout_is_reported() {
    let wave = Wave::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = wave.command(&["voices"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert!(
        stderr.contains("could not be written to stdout"),
        "{stderr}"
    );
}

#[test]
fn unwritable_folder_is_refused_before_the_submit() {
    use std::os::unix::fs::PermissionsExt as _;
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let locked = wave.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_ok() {
        // Root may write anywhere, except into /proc.
        let run = wave.run(&[&LIPSYNC[..], &["-o", "/proc/out.mp4"]].concat());
        assert!(run.exit == 2 || !Path::new("/proc").exists(), "{run}");
    } else {
        assert_eq!(
            wave.run(&[&LIPSYNC[..], &["-o", "locked/out.mp4"]].concat())
                .exit,
            2
        );
    }
    assert!(emulated.emulator.requests().is_empty());
}
