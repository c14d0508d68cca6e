//! Tests of pipes, devices and file modes, which only Unix has.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

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
