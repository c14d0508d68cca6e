//! Tests that run in a process of their own, because they need mounts or limits that would reach others.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variable with the folder of a test that runs in a child process.
const FOLDER: &str = "WAVESPEED_JOURNAL_CHILD";

/// Returns the folder of the test if this process is the child that runs it.
pub(crate) fn child_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs a test of this name in a child process that a shell script prepares in an empty folder, its
/// current one.
pub(crate) fn in_child(command: &mut Command, name: &str, script: &str, test: fn(&Path)) {
    if let Some(folder) = child_folder() {
        return test(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let exec = format!("{script} && exec \"$0\" --exact {name} --nocapture");
    let child = command
        .args(["sh", "-c", &exec])
        .arg(env::current_exe().unwrap())
        .current_dir(&folder)
        .env(FOLDER, folder.path());
    let output = child.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let has_run = stdout.contains("1 passed");
    assert!(output.status.success() && has_run, "{stdout}\n{stderr}");
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(name: &str, why: &str) {
    println!("{name} is skipped: {why}");
}

/// Runs a test of this name in a child process with mounts of its own, or skips it with a message if the
/// system does not allow that.
pub(crate) fn in_namespace(name: &str, script: &str, test: fn(&Path)) {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    };
    let mut probe = unshare();
    let probe = probe.args(["sh", "-c", "mount --bind / /mnt"]).output();
    if child_folder().is_none() && !probe.is_ok_and(|probe| probe.status.success()) {
        return skip(name, "this system does not allow mounts in a namespace");
    }
    in_child(&mut unshare(), name, script, test);
}
