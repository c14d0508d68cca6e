//! Tests of a command that may start no further thread, as in a container with a limit of processes.

use std::path::Path;
use std::process::Command;

use super::harness::{Emulated, LIPSYNC, Run, Wave};

/// Runs the command as a user of its own, with at most this many threads. The limit does not bind root.
fn limited(wave: &Wave, user: u32, threads: u32, words: &[&str]) -> Run {
    let inner = wave.command(words);
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), "--clear-groups", "prlimit"]);
    command.arg(format!("--nproc={threads}"));
    command.arg(inner.get_program()).args(inner.get_args());
    let set = inner
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.current_dir(&wave.folder).env_clear().envs(set);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env("PATH", path).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        exit: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Gives the folders of the command to a user, and returns `true` if it runs as that user.
fn hand_over(wave: &Wave, user: u32) -> bool {
    let state = wave.journal();
    let folders = [wave.folder.path(), state.ancestors().nth(2).unwrap()];
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(user), None).is_ok();
    let is_there = |name| Command::new(name).arg("--version").output().is_ok();
    folders.into_iter().all(give)
        && ["setpriv", "prlimit"].into_iter().all(is_there)
        && limited(wave, user, 1, &["--version"]).exit == 0
}

#[test]
fn missing_threads_are_no_panic_and_lose_no_paid_output() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    // No other process has the user, whose threads are counted.
    let user = 1_000_000 + std::process::id();
    if !hand_over(&wave, user) {
        println!("skipped: no other user can be taken, or setpriv and prlimit are missing");
        return;
    }
    let localhost = emulated.emulator.origin().replace("127.0.0.1", "localhost");
    let by_name = ["--base-url", &localhost, "--timeout", "3s"];
    let run = |threads, words: &[&str], exit, found| {
        let run = limited(&wave, user, threads, words);
        assert_eq!(run.exit, exit, "{words:?}: {run}");
        assert!(run.stderr.contains(found), "{words:?}: {run}");
        assert!(!run.stderr.contains("panicked"), "{words:?}: {run}");
        run
    };
    // The journal needs a thread, so nothing is sent.
    run(1, &LIPSYNC, 2, "its thread cannot be started");
    // None is left for reading a file, or for looking up the host.
    let file = ["lipsync", "--video", "clip.mp4", "--text", "Hello"];
    run(2, &file, 2, "no thread can be started");
    run(
        2,
        &[&LIPSYNC[..], &by_name].concat(),
        6,
        "no thread can be started",
    );
    assert_eq!(emulated.emulator.billed(), 0);
    // None is left for saving the output, and for looking up the host after the submit.
    let paid = run(2, &[&LIPSYNC[..], &["-o", "2.mp4"]].concat(), 0, "id: ");
    let id = paid.stderr.trim().trim_start_matches("id: ");
    run(2, &[&["wait", id][..], &by_name].concat(), 4, "wave wait");
    assert_eq!(emulated.emulator.billed(), 1);
    assert!(wave.path("2.mp4").metadata().unwrap().len() > 0);
}
