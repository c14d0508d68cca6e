//! The page of the emulator in a real browser.

use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Failed;

use super::{emulators, installed};

/// Where Chromium is, by the name that systems have for it.
pub(crate) fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

pub(crate) fn works() -> Result<(), Failed> {
    let mut node = Command::new("node");
    node.arg(installed::script("tools", "playground.mjs")?);
    node.env("CHROMIUM", chromium().ok_or("there is no Chromium")?);
    match emulators::against(&mut node, &[])? {
        [1, 1] => Ok(()),
        told => Err(format!("{told:?} tasks were submitted").into()),
    }
}
