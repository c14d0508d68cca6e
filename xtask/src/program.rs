//! Programs that a task generates outside the workspace, to see the libraries as their users do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::Error;

/// A generated package.
pub(crate) struct Program {
    /// The name, for errors and tables.
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
}

impl Program {
    /// Writes a package to a folder. `manifest` is its manifest after `[package]`, and `source` a file
    /// in `src` with its text.
    pub(crate) fn write(
        folder: PathBuf,
        name: &str,
        manifest: &str,
        source: (&str, &str),
    ) -> Result<Self, Error> {
        // The empty workspace keeps cargo from looking for one in the folders above.
        let manifest = format!("[workspace]\n\n[package]\nname = \"program\"\n{manifest}");
        write(&folder.join("src").join(source.0), source.1)?;
        write(&folder.join("Cargo.toml"), &manifest)?;
        // With an old lock file, a new version that does not fit would stay unseen.
        _ = fs::remove_file(folder.join("Cargo.lock"));
        let name = name.to_owned();
        Ok(Self { name, folder })
    }

    /// Runs cargo on the package, without its terminal.
    pub(crate) fn cargo(&self, arguments: &[&str], target: Option<&Path>) -> Result<Output, Error> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.folder).args(arguments);
        if let Some(target) = target {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        let output = cargo.stdin(Stdio::null()).output();
        let output = output.map_err(|error| self.error(&error.to_string()))?;
        if !output.status.success() {
            return Err(self.error(String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(output)
    }

    /// Returns an error that names the program.
    pub(crate) fn error(&self, problem: &str) -> Error {
        Error::Program {
            name: self.name.clone(),
            problem: problem.to_owned(),
        }
    }
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// Writes a text file, and the folders above it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, text));
    written.map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}
