//! Tools that tests use and that cargo does not bring, by the lock files in a folder of `tests`:
//! npm's go by `package-lock.json`, Python's by `requirements.txt`. They are installed below the
//! target folder, where the tests look for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// The folders of `tests` that have lock files.
pub const FOLDERS: [&str; 3] = ["languages", "tools", "witnesses"];

/// What the tools were installed by; beside them once they are complete.
const STAMP: &str = "installed";
const LOCKS: [&str; 4] = [
    ".npmrc",
    "package.json",
    "package-lock.json",
    "requirements.txt",
];

/// Where the tools of a folder are, below the target folder.
#[must_use]
pub fn place(target: &Path, folder: &str) -> PathBuf {
    target.join("tools").join(folder)
}

/// Whether the tools of a folder are there, and are those of its lock files.
#[must_use]
pub fn is_there(root: &Path, target: &Path, folder: &str) -> bool {
    let stamp = fs::read_to_string(place(target, folder).join(STAMP));
    stamp.is_ok_and(|stamp| stamp == locks(root, folder))
}

/// Installs the tools of a folder, unless they are there.
///
/// # Errors
/// [`Error::Install`] if a tool that installs them is missing or fails.
pub fn install(root: &Path, target: &Path, folder: &str) -> Result<(), Error> {
    if is_there(root, target, folder) {
        return Ok(());
    }
    let (from, to) = (root.join("tests").join(folder), place(target, folder));
    let failed = |source| Error::Write {
        path: to.clone(),
        source,
    };
    _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).map_err(failed)?;
    for file in LOCKS.iter().filter(|file| from.join(file).is_file()) {
        fs::copy(from.join(file), to.join(file)).map_err(failed)?;
    }
    if from.join("package-lock.json").is_file() {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        run(
            npm.current_dir(&to),
            "node and npm, from https://nodejs.org",
        )?;
    }
    if from.join("requirements.txt").is_file() {
        let mut venv = Command::new("python3");
        let python = "python3 with venv: apt-get install python3-venv, or from https://python.org";
        run(venv.args(["-m", "venv", "venv"]).current_dir(&to), python)?;
        let mut pip = Command::new(to.join("venv/bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--no-deps", "--requirement", "requirements.txt"]);
        run(pip.current_dir(&to), python)?;
    }
    fs::write(to.join(STAMP), locks(root, folder)).map_err(failed)
}

/// The texts of the lock files.
fn locks(root: &Path, folder: &str) -> String {
    let folder = root.join("tests").join(folder);
    let texts = LOCKS
        .iter()
        .filter_map(|file| fs::read_to_string(folder.join(file)).ok());
    texts.collect()
}

fn run(command: &mut Command, needs: &'static str) -> Result<(), Error> {
    let output = command.stdin(Stdio::null()).output();
    let failed = |problem: String| Error::Install {
        tool: command_line(command),
        problem,
        needs,
    };
    let output = output.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
