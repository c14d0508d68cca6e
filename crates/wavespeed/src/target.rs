//! The place where outputs are written.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;
use wavespeed_client::PredictionId;

/// Where the outputs of a task are written.
///
/// A path that ends with a slash, or is a folder, is a folder: files in it are called by the id of
/// the task, `ID.ext`. Any other is a file; further outputs are put beside it as `FILE-2.ext`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) path: PathBuf,
    pub(crate) folder: bool,
    pub(crate) force: bool,
}

impl Target {
    /// A file, or a folder.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let slash = path
            .as_os_str()
            .to_string_lossy()
            .ends_with(std::path::is_separator);
        match slash || path.is_dir() {
            true => Self::folder(path),
            false => Self::file(path),
        }
    }

    /// A file, whatever is there now.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        let (folder, force) = (false, false);
        Self {
            path,
            folder,
            force,
        }
    }

    /// A folder, whatever is there now.
    #[must_use]
    pub fn folder(path: PathBuf) -> Self {
        let (folder, force) = (true, false);
        Self {
            path,
            folder,
            force,
        }
    }

    /// Whether files that exist are replaced. They are not unless this is set.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// The path, as it was given or made absolute.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.path
    }

    /// Whether files that exist are replaced.
    #[must_use]
    pub fn is_force(&self) -> bool {
        self.force
    }

    /// The same place by its absolute path, wherever the process goes or another one starts.
    ///
    /// # Errors
    /// If the current folder is not known.
    pub fn absolute(&self) -> io::Result<Self> {
        Ok(Self {
            path: std::path::absolute(&self.path)?,
            folder: self.folder,
            force: self.force,
        })
    }

    /// Whether this is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// The folder the files are in.
    pub(crate) fn home(&self) -> &Path {
        if self.folder {
            return &self.path;
        }
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// The path for the output of this number, counted from 1, of the task `id`. An id that is none
    /// does not reach a path.
    pub(crate) fn path(&self, id: &str, number: usize, url: &Url) -> PathBuf {
        let file = if self.folder {
            let known = id.parse::<PredictionId>();
            let name = known.as_ref().map_or("output", PredictionId::as_str);
            let extension =
                extension(url).map_or(String::new(), |extension| format!(".{extension}"));
            self.path.join(format!("{name}{extension}"))
        } else {
            self.path.clone()
        };
        if number == 1 {
            return file;
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let extension = file
            .extension()
            .map_or(String::new(), |end| format!(".{}", end.to_string_lossy()));
        file.with_file_name(format!("{stem}-{number}{extension}"))
    }
}

impl<P: Into<PathBuf>> From<P> for Target {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// The extension of the file a URL names, if it is a harmless one: the URL is somebody else's text.
pub(crate) fn extension(url: &Url) -> Option<&str> {
    let (_, extension) = url.path_segments()?.next_back()?.rsplit_once('.')?;
    let harmless = (1..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    harmless.then_some(extension)
}

/// A temporary file beside a target, with the permissions that a file made there would have.
pub(crate) fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wave-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask still applies, as to any new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_and_folders_use_the_id() {
        let url: Url = "https://a.b/x/1.glb?sig=.exe".parse().unwrap();
        let paths =
            |target: Target| [1, 2].map(|at| target.path("pred_1", at, &url).display().to_string());
        assert_eq!(paths(Target::new("out.mp4")), ["out.mp4", "out-2.mp4"]);
        assert_eq!(paths(Target::new("a/out")), ["a/out", "a/out-2"]);
        assert_eq!(
            paths(Target::new("new/")),
            ["new/pred_1.glb", "new/pred_1-2.glb"]
        );
    }

    #[test]
    fn nothing_of_a_url_but_a_harmless_extension_reaches_a_path() {
        for (url, expected) in [
            ("https://a.b/%2e%2e%2f%2e%2e%2fetc/passwd", None),
            ("https://a.b/x.m%2fp4", None),
            ("https://a.b/x.sh%0a", None),
            ("https://a.b/x.averylongone", None),
            ("https://a.b/", None),
            ("https://a.b/..mp4", Some("mp4")),
        ] {
            assert_eq!(extension(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn what_stands_against_a_target_is_named() {
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
            "nothing is left behind"
        );
    }
}
