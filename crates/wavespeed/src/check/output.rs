//! The check of the target of outputs, before the paid request.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wavespeed_client::Model;

use crate::check::fault::Fault;
use crate::check::file::local_path;
use crate::check::named::named_files;
use crate::check::rule::Rule;
use crate::part_file::temporary_file;
use crate::target::Target;

impl Target {
    /// Returns a fault if outputs cannot be saved here, as far as that can be determined in advance.
    /// A temporary file is created beside the target and removed; existing files stay as they are.
    #[must_use]
    pub fn check(&self) -> Option<Fault> {
        if let Some(message) = self.check_names(None) {
            return Some(self.fault(message));
        }
        if !self.folder
            && let Some(message) = self.check_file()
        {
            return Some(self.fault(message));
        }
        self.check_folder().map(|message| self.fault(message))
    }

    /// Returns a message if the path cannot become a file.
    fn check_file(&self) -> Option<String> {
        let path = self.fixed_path()?;
        let shown = path.display();
        // A device or a pipe is never replaced, not even with force.
        if path.exists() && !path.is_file() {
            return Some(format!("{shown} is not a file"));
        }
        // Not through links: a link that leads nowhere would be replaced, too.
        if !self.force && path.symlink_metadata().is_ok() {
            return Some(format!(
                "{shown} exists; choose another name, or allow it to be replaced"
            ));
        }
        None
    }

    /// Returns a message if no file can be created in the folder of the target.
    fn check_folder(&self) -> Option<String> {
        let shown = self.path.display();
        // Many commands write to standard output for `-`, so this is rather a mistake than a name.
        if self.path.as_os_str() == "-" {
            return Some(
                "- is not supported as a target; to write a file of that name, use ./-".to_owned(),
            );
        }
        if !self.folder && self.path.file_name().is_none() {
            return Some(format!("{shown:?} is not the name of a file"));
        }
        let parent = self.parent_folder();
        // The folder of a file is not created, as a missing one is probably a typing error.
        if !self.folder && !parent.is_dir() {
            return Some(format!(
                "the folder {} does not exist; create it first",
                parent.display()
            ));
        }
        // A target that is a folder is created by the download, so its nearest existing ancestor
        // decides. Collecting the components removes a separator at the end, with which a file
        // would not be found.
        let parent: PathBuf = parent.components().collect();
        let existing = parent
            .ancestors()
            .find(|ancestor| ancestor.symlink_metadata().is_ok());
        // A relative path whose first component does not exist has no existing ancestor.
        let existing = existing.unwrap_or(Path::new("."));
        if !existing.is_dir() {
            return Some(format!("{} is not a folder", existing.display()));
        }
        // Permissions do not say enough (read-only file systems, quotas), so a file is created. It
        // is removed when it is dropped.
        match temporary_file(existing) {
            Ok(_) => None,
            Err(error) => {
                let reason = error.kind();
                Some(format!(
                    "{shown} cannot be written: {reason} in {}",
                    existing.display()
                ))
            }
        }
    }

    /// Returns a fault if an output would replace a file that the input names, or if its name cannot be made
    /// of the input.
    #[must_use]
    pub fn check_inputs(&self, model: &Model, input: &Value) -> Option<Fault> {
        if let Some(message) = self.check_names(Some((model, input))) {
            return Some(self.fault(message));
        }
        // Real paths, as the same file may be given by different paths or links. A target that does
        // not exist replaces nothing.
        let target = self.fixed_path()?.canonicalize().ok()?;
        let named = named_files(model.inputs, input).into_iter();
        let mut local = named.filter_map(|named| Some((local_path(named.text)?, named)));
        let (_, same) =
            local.find(|(path, _)| path.canonicalize().is_ok_and(|file| file == target))?;
        Some(self.fault(format!(
            "{} is the {} itself; choose another name",
            self.path.display(),
            same.field
        )))
    }

    fn fault(&self, message: String) -> Fault {
        let value = self.path.to_string_lossy().into();
        Fault::new("output", Rule::Output, value, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_cannot_be_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("there.mp4"), "x").unwrap();
        let message = |target: Target| target.check().map(|fault| fault.message);
        assert!(
            message(Target::new(at("there.mp4")))
                .unwrap()
                .contains("exists")
        );
        assert_eq!(message(Target::new(at("there.mp4")).force(true)), None);
        assert_eq!(message(Target::new(at("new.mp4"))), None);
        assert_eq!(message(Target::new(at("new/folder/"))), None);
        assert!(
            message(Target::new(at("no/out.mp4")))
                .unwrap()
                .contains("does not exist")
        );
        assert!(
            message(Target::new(at("there.mp4/out.mp4")))
                .unwrap()
                .contains("does not exist")
        );
        assert!(message(Target::new(at("there.mp4/"))).is_some());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "the check left a file behind"
        );
    }
}
