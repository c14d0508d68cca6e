//! Tools that `cargo xtask install` brings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use wavespeed_tests::workspace;

fn target() -> PathBuf {
    workspace::target(env!("CARGO_BIN_EXE_wave-under-test"))
}

/// Whether the tools of a folder of `tests` are there.
pub(crate) fn is_there(folder: &str) -> bool {
    xtask::install::is_there(workspace::root(), &target(), folder)
}

/// Where the tools of a folder are.
pub(crate) fn place(folder: &str) -> PathBuf {
    xtask::install::place(&target(), folder)
}

/// A program that npm brought.
pub(crate) fn npm(folder: &str, name: &str) -> Command {
    Command::new(place(folder).join("node_modules/.bin").join(name))
}

/// A program that pip brought.
pub(crate) fn pip(folder: &str, name: &str) -> Command {
    Command::new(place(folder).join("venv/bin").join(name))
}

/// Python, with what pip brought.
pub(crate) fn python(folder: &str) -> Command {
    pip(folder, "python3")
}

/// A script of a folder, beside what npm brought, for there node looks.
pub(crate) fn script(folder: &str, name: &str) -> Result<PathBuf, Failed> {
    let from = workspace::root().join("tests").join(folder).join(name);
    let to = place(folder).join(name);
    fs::copy(&from, &to)?;
    Ok(to)
}

/// Runs a program, and fails with what it said; what it wrote to stdout otherwise.
pub(crate) fn checked(program: &mut Command) -> Result<String, Failed> {
    let output = program.stdin(Stdio::null()).output()?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(stdout),
        false => {
            let name = Path::new(program.get_program()).file_name();
            let name = name.unwrap_or_default().to_string_lossy();
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(format!("{name}: {}\n{stdout}{stderr}", output.status).into())
        }
    }
}
