//! The place where the outputs of a job are saved.
//!
//! A [`Target`] is a file or a folder. It computes the path of each output; `check::output` checks
//! before the paid request that the target can be written, and `download` writes to it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use url::Url;
use wavespeed_client::PredictionId;

/// The file or folder where the outputs of a job are saved.
///
/// A path that ends with a separator or is an existing folder is a folder; files in it are named by
/// the id of the prediction: `ID.ext`, `ID-2.ext`. Any other path is a file; the second output is
/// saved beside it as `FILE-2.ext`, and so on.
///
/// ```
/// use wavespeed::Target;
///
/// assert!(Target::new("videos/").is_folder());
/// let target = Target::new("out.mp4").force(true); // replaces an existing file
/// assert_eq!((target.is_folder(), target.is_force()), (false, true));
/// assert!(target.absolute()?.as_path().is_absolute());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Target {
    pub(crate) path: PathBuf,
    pub(crate) folder: bool,
    pub(crate) force: bool,
}

impl Target {
    /// Creates a target from a path: a folder if the path ends with a separator or is an existing
    /// folder, otherwise a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let has_separator = path
            .as_os_str()
            .to_string_lossy()
            .ends_with(std::path::is_separator);
        if has_separator || path.is_dir() {
            Self::folder(path)
        } else {
            Self::file(path)
        }
    }

    /// Creates a target that is a file, even if a folder exists at the path.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        let (folder, force) = (false, false);
        Self {
            path,
            folder,
            force,
        }
    }

    /// Creates a target that is a folder, even if a file exists at the path.
    #[must_use]
    pub fn folder(path: PathBuf) -> Self {
        let (folder, force) = (true, false);
        Self {
            path,
            folder,
            force,
        }
    }

    /// Sets whether existing files are replaced. The default is `false`: an existing file is an error,
    /// unless it already has the content of the output, which then counts as saved.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Returns the path, as it was given or made absolute.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.path
    }

    /// Returns `true` if existing files are replaced.
    #[must_use]
    pub fn is_force(&self) -> bool {
        self.force
    }

    /// Returns this target with an absolute path, which stays valid in another working folder or
    /// process.
    ///
    /// # Errors
    /// Returns an error if the working folder is unknown.
    pub fn absolute(&self) -> io::Result<Self> {
        Ok(Self {
            path: std::path::absolute(&self.path)?,
            folder: self.folder,
            force: self.force,
        })
    }

    /// Returns `true` if this target is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// Returns the folder that contains the files.
    pub(crate) fn parent_folder(&self) -> &Path {
        if self.folder {
            return &self.path;
        }
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            // The parent of a bare file name is empty, which no file function accepts.
            _ => Path::new("."),
        }
    }

    /// Returns the path for an output of the prediction `id`. `number` counts from 1.
    pub(crate) fn path(&self, id: &str, number: usize, url: &Url) -> PathBuf {
        let file = if self.folder {
            let name = file_name(id);
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

/// Returns the name of the file for a prediction, without an extension. The id comes from outside and may
/// contain separators or be too long for a name, so one that is not in the vendor's form is replaced by its
/// hash, which is a different one for each id.
fn file_name(id: &str) -> Cow<'_, str> {
    let parsed = id.parse::<PredictionId>();
    if parsed.is_ok_and(|id| id.has_usual_form()) {
        return id.into();
    }
    let hash = base16ct::lower::encode_string(&Sha256::digest(id)[..16]);
    format!("output-{hash}").into()
}

/// Returns the extension of the file that a URL names. The URL is untrusted, so only 1 to 8 ASCII
/// letters and digits are accepted as an extension.
pub(crate) fn extension(url: &Url) -> Option<&str> {
    let (_, extension) = url.path_segments()?.next_back()?.rsplit_once('.')?;
    let is_harmless = (1..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_harmless.then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_numbered_and_folders_use_the_id() {
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
    fn an_id_in_another_form_does_not_become_part_of_a_path() {
        let url: Url = "https://a.b/x/1.mp4".parse().unwrap();
        let path = |id: &str| Target::new("new/").path(id, 1, &url).display().to_string();
        let length = "new/output-.mp4".len() + 32;
        let ids = ["a/../../b", "..", "", "CON.", "a b", &"a".repeat(300)];
        for id in ids {
            let path = path(id);
            assert!(
                path.starts_with("new/output-") && path.len() == length,
                "{path}"
            );
            assert_eq!(path.matches('/').count(), 1, "{path}");
        }
        assert_ne!(path("a/b"), path("a/c"));
    }

    #[test]
    fn only_a_harmless_extension_of_a_url_becomes_part_of_a_path() {
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
}
