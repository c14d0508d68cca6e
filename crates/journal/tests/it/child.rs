//! Tests that run in a process of their own, because they need mounts or limits that would reach others.

use std::env;
use std::path::Path;
use std::process::Command;

/// Variable with the folder of a test that runs in a child process.
const FOLDER: &str = "WAVESPEED_JOURNAL_CHILD";

/// A test that runs in a child process.
pub(crate) struct ChildTest {
    /// The path of the test function.
    pub(crate) name: &'static str,
    /// Prepares an empty folder.
    pub(crate) prepare: fn(&Path),
    /// Shell commands that run in the folder, and in the process that becomes the child.
    pub(crate) script: &'static str,
    /// The test, with the folder.
    pub(crate) test: fn(&Path),
}

impl ChildTest {
    /// Runs the test in a process that a command starts, such as one that sets limits. It is skipped with a
    /// message if the command cannot run the `probe`, a shell script
    /// in an empty folder.
    pub(crate) fn run_under(&self, command: &[&str], probe: &str) {
        if let Some(folder) = env::var_os(FOLDER) {
            return (self.test)(Path::new(&folder));
        }
        let command = || {
            let mut child = Command::new(command[0]);
            child.args(&command[1..]).args(["sh", "-c"]);
            child
        };
        let folder = tempfile::tempdir().unwrap();
        let probed = command().arg(probe).current_dir(&folder).output();
        if !probed.is_ok_and(|probed| probed.status.success()) {
            return skip(self.name);
        }
        (self.prepare)(folder.path());
        let exec = format!(
            "{} && exec \"$0\" --exact {} --nocapture",
            self.script, self.name
        );
        let mut child = command();
        let output = child
            .arg(exec)
            .arg(env::current_exe().unwrap())
            .current_dir(&folder)
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let has_run = stdout.contains("1 passed");
        assert!(output.status.success() && has_run, "{stdout}\n{stderr}");
    }

    /// Runs the test in a process with mounts of its own.
    pub(crate) fn run_in_namespace(&self) {
        let unshare = ["unshare", "--map-root-user", "--mount"];
        self.run_under(&unshare, "mount --bind . .");
    }
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(name: &str) {
    println!("{name} is skipped: this system lacks a tool for it, or does not allow it");
}
