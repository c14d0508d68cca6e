//! Programs in other languages against our emulator.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use wavespeed_emulator::{Emulator, Ending};
use wavespeed_tests::workspace;

use super::installed::checked;

const KEY: &str = "emulator";

/// Runs a program with an emulator at `URL` and one at `FAILING_URL` whose tasks fail, a `KEY` for
/// both, and a clip as its argument. Says how many tasks each was given.
pub(crate) fn against(program: &mut Command, more: &[&str]) -> Result<[usize; 2], Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let start = |ending: Ending| {
        let builder = Emulator::builder().key(KEY).ending(ending);
        runtime.block_on(builder.task_time(Duration::from_millis(20)).start())
    };
    let emulator = start(Ending::completed())?;
    let failing = start(Ending::failed("no face was found"))?;
    program
        .arg(workspace::root().join("crates/emulator/assets/clip.mp4"))
        .args(more)
        .env("URL", emulator.origin())
        .env("FAILING_URL", failing.origin())
        .env("KEY", KEY);
    checked(program)?;
    Ok([emulator.tasks().len(), failing.tasks().len()])
}
