//! The vendor's own clients, as the vendor publishes them, against our emulator: they must not be
//! able to tell. Each runs a task, meets one that fails, is refused, and asks what it can ask.

use std::process::Command;

use libtest_mimic::Failed;

use super::{emulators, installed};

pub(crate) fn python_sdk() -> Result<(), Failed> {
    witness(installed::python("witnesses"), "sdk.py", 2)
}

pub(crate) fn javascript_sdk() -> Result<(), Failed> {
    witness(Command::new("node"), "sdk.mjs", 2)
}

/// It deletes its only task.
pub(crate) fn command() -> Result<(), Failed> {
    witness(Command::new("node"), "cli.mjs", 0)
}

/// Runs a script that fails if the client does not do what its own documentation says.
fn witness(mut program: Command, script: &str, tasks: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    program
        .arg(installed::script("witnesses", script)?)
        .current_dir(folder.path())
        // The command keeps its settings there.
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path());
    // What is refused is no task, and nothing is submitted twice.
    match emulators::against(&mut program, &[])? {
        told if told == [tasks, 1] => Ok(()),
        told => Err(format!("{told:?} tasks were submitted").into()),
    }
}
