//! The line that `--dry-run` shows does in a shell what the run would have done.

use std::process::Command;

use libtest_mimic::Failed;
use wavespeed_emulator::Emulator;

const TEXT: &str = "it's \"5 $\" `x` \\ – 好";

pub(crate) fn the_line_of_a_dry_run_submits_the_same() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let emulator = runtime.block_on(Emulator::builder().start())?;
    let model = "kwaivgi/kling-lipsync/text-to-video";
    let dry = Command::new(env!("CARGO_BIN_EXE_wave-under-test"))
        .args(["run", model, "--dry-run", "--json", "--no-journal"])
        .args(["--no-media-check", "--video", "https://example.com/a.mp4"])
        .args(["--text", TEXT, "--base-url", emulator.origin()])
        .env("WAVESPEED_API_KEY", "emulator")
        .output()?;
    let document: serde_json::Value = serde_json::from_slice(&dry.stdout)?;
    let line = document["request"]["curl"].as_str().unwrap_or_default();
    let run = Command::new("sh")
        .args(["-c", &format!("{line} --silent --noproxy '*'")])
        .env("WAVESPEED_API_KEY", "emulator")
        .output()?;
    let answer = String::from_utf8_lossy(&run.stdout).into_owned();
    let tasks = emulator.tasks();
    let task = tasks.first().and_then(|id| emulator.task(id));
    let task = task.ok_or_else(|| format!("no task came of it: {line}\n{answer}"))?;
    match task.input.get("text") {
        Some(text) if text == TEXT => Ok(()),
        other => Err(format!("{other:?} was sent").into()),
    }
}
