//! Copies of this workspace that a task or a test changes and builds.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::Error;

/// The parts of the workspace that cargo and the generator need.
const PARTS: [&str; 7] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "crates",
    "spec",
    "tests",
    "xtask",
];

/// Copies the workspace at `root` to a folder, without its build output.
///
/// # Errors
/// [`Error::Write`] if a file cannot be copied.
pub fn copy_workspace(root: &Path, folder: &Path) -> Result<(), Error> {
    PARTS.iter().try_for_each(|part| {
        let to = folder.join(part);
        copy(&root.join(part), &to).map_err(|source| Error::Write { path: to, source })
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        // Cargo compares times: a file that looks new would be compiled again.
        let modified = fs::metadata(from)?.modified()?;
        return File::options().write(true).open(to)?.set_modified(modified);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let path = from.join(&name);
        if name != "node_modules" && !is_build_output(&path) {
            copy(&path, &to.join(&name))?;
        }
    }
    Ok(())
}

/// Cargo marks its folders with this file. A module may be named `target`, too.
fn is_build_output(folder: &Path) -> bool {
    folder.ends_with("target") && folder.join("CACHEDIR.TAG").exists()
}
