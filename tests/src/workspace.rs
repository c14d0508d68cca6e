//! Copies of this workspace, to be changed and built.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::import::{Listing, plan};

/// The root of this workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Copies this workspace to a folder, without its build output.
pub fn copy_to(folder: &Path) {
    xtask::copy::copy_workspace(root(), folder).unwrap();
}

/// Imports models into a copy and generates its files; tells what the import said.
pub fn import(folder: &Path, entries: Vec<Value>) -> String {
    let plan = plan(folder, &Listing(entries), "*").unwrap();
    plan.apply(folder).unwrap();
    xtask::generate(folder, false).unwrap_or_else(|error| panic!("{error}\n{plan}"));
    plan.to_string()
}

/// The target folder that this program was built into.
#[must_use]
pub fn target(program: &str) -> PathBuf {
    let folders = Path::new(program).ancestors();
    let profile = folders.skip(1).find(|folder| !folder.ends_with("deps"));
    profile.and_then(Path::parent).unwrap().to_owned()
}

/// A `cargo` that builds a copy by what is already downloaded, into a folder of its own.
#[must_use]
pub fn cargo(folder: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        // An incremental build spends time on the next one, and there is none.
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("CARGO_MANIFEST_DIR");
    cargo
}
