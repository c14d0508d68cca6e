//! The check of the place where outputs go, before anything is paid for.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wavespeed_client::Model;

use crate::check::fault::Fault;
use crate::check::named::{NamedFile, named_files};
use crate::check::rule::Rule;
use crate::target::{Target, temporary};

impl Target {
    /// What stands against writing here, as far as it can be known before there is anything to
    /// write. A file is made beside the target for a moment; nothing that exists is touched.
    #[must_use]
    pub fn check(&self) -> Option<Fault> {
        let shown = self.path.display();
        let fault = |message: String| {
            Some(Fault::new(
                "output",
                Rule::Output,
                self.path.to_string_lossy().into(),
                message,
            ))
        };
        // What is replaced is a file, not a device or a pipe.
        if !self.folder && self.path.exists() && !self.path.is_file() {
            return fault(format!("{shown} is not a file"));
        }
        if !self.folder && !self.force && self.path.symlink_metadata().is_ok() {
            return fault(format!(
                "{shown} exists; choose another name, or allow it to be replaced"
            ));
        }
        if self.path.as_os_str() == "-" {
            return fault("- is not a file here; for one of that name, use ./-".to_owned());
        }
        if !self.folder && self.path.file_name().is_none() {
            return fault(format!("{shown:?} is not the name of a file"));
        }
        let home = self.home();
        if !self.folder && !home.is_dir() {
            return fault(format!(
                "the folder {} does not exist; create it first",
                home.display()
            ));
        }
        // A folder that is not there yet is made by the download, if what is there of its path is
        // a folder and takes files. Without a slash at its end, a file is found as what it is.
        let home: PathBuf = home.components().collect();
        let there = home
            .ancestors()
            .find(|part| part.symlink_metadata().is_ok());
        let there = there.unwrap_or(Path::new("."));
        if !there.is_dir() {
            return fault(format!("{} is not a folder", there.display()));
        }
        match temporary(there) {
            Ok(_) => None,
            Err(error) => {
                let why = error.kind();
                fault(format!(
                    "{shown} cannot be written: {why} in {}",
                    there.display()
                ))
            }
        }
    }

    /// Whether an output would replace a file that it is made from.
    #[must_use]
    pub fn check_inputs(&self, model: &Model, input: &Value) -> Option<Fault> {
        let there = self.path.canonicalize().ok()?;
        let named = named_files(model.inputs, input).into_iter();
        let mut local = named.filter(NamedFile::is_path);
        let same = local.find(|named| {
            let file = Path::new(named.text).canonicalize();
            file.is_ok_and(|file| file == there)
        })?;
        let message = format!(
            "{} is the {} itself; choose another name",
            self.path.display(),
            same.field
        );
        let value = self.path.to_string_lossy().into();
        Some(Fault::new("output", Rule::Output, value, message))
    }
}
