//! The vendor's own clients, as the vendor publishes them, against our emulator: they must not be
//! able to tell. Each runs a task, meets one that fails, is refused, and asks what it can ask.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use wavespeed_emulator::{Emulator, Ending};

use super::installed::{self, checked};

const KEY: &str = "emulator";

pub(crate) fn python_sdk() -> Result<(), Failed> {
    witness(installed::python("witnesses"), "sdk.py")
}

pub(crate) fn javascript_sdk() -> Result<(), Failed> {
    witness(Command::new("node"), "sdk.mjs")
}

pub(crate) fn command() -> Result<(), Failed> {
    witness(Command::new("node"), "cli.mjs")
}

/// Runs a script that fails if the client does not do what its own documentation says.
fn witness(mut program: Command, script: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let start = |ending: Ending| {
        let builder = Emulator::builder().key(KEY).ending(ending);
        runtime.block_on(builder.task_time(Duration::from_millis(20)).start())
    };
    let (emulator, failing) = (
        start(Ending::completed())?,
        start(Ending::failed("no face was found"))?,
    );
    let folder = tempfile::tempdir()?;
    let clip = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/emulator/assets/clip.mp4"
    );
    program
        .arg(installed::script("witnesses", script)?)
        .arg(clip)
        .current_dir(folder.path())
        // The command keeps its settings there.
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .env("URL", emulator.origin())
        .env("FAILING_URL", failing.origin())
        .env("KEY", KEY);
    checked(&mut program)?;
    // Each was asked for two tasks at most, and the refused one is none.
    match (emulator.tasks().len(), failing.tasks().len()) {
        (0..=2, 1) => Ok(()),
        tasks => Err(format!("{tasks:?} tasks were submitted").into()),
    }
}
