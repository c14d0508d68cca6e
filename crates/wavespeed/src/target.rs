//! The place where the outputs of a job are saved.
//!
//! A [`Target`] is a file or a folder. It computes the path of each output; `check::output` checks
//! before the paid request that the target can be written, and `download` writes to it.

mod names;
mod template;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use url::Url;
use wavespeed_client::PredictionId;

pub(crate) use self::names::OutputFacts;

/// The length of an id that is a file name as it is, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The file or folder where the outputs of a job are saved.
///
/// A path that ends with a separator or is an existing folder is a folder; files in it are named by
/// the id of the prediction: `ID.ext`, `ID-2.ext`. Any other path is a file; the second output is
/// saved beside it as `FILE-2.ext`, and so on.
///
/// A path is a template: `{id}`, `{job}`, `{label}`, `{model}`, `{index}`, `{ext}` and the name of any input
/// in braces, such as `{voice_id}`, stand for facts of the job and its output, each reduced to a safe name of at
/// most 64 bytes; a fact that is missing is `none`. With `{index}`, no output has a `-2`. The folders of a
/// template are created. `{{` and `}}` are braces; [`literal`](Self::literal) escapes those of a given path.
///
/// ```
/// use wavespeed::Target;
///
/// assert!(Target::new("videos/").is_folder());
/// let target = Target::new("out.mp4").force(true); // replaces an existing file
/// assert_eq!((target.is_folder(), target.is_force()), (false, true));
/// let target = Target::new("{model}/{voice_id}-{id}.{ext}"); // one file for each job
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
        if has_separator || template::fixed_part(&path).is_dir() && !has_names(&path) {
            Self::folder(path)
        } else {
            Self::file(path)
        }
    }

    /// Creates a target as [`new`](Self::new) does, from a path that is no template: its braces are those of
    /// a name.
    #[must_use]
    pub fn literal(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let is_folder = Self::new(path).folder || path.is_dir();
        let path = template::escape(path);
        if is_folder {
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

    /// Returns the path or its template, as it was given or made absolute.
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
        // The working folder is no template, whatever its name is.
        let path = if self.path.is_absolute() {
            self.path.clone()
        } else {
            template::escape(&std::env::current_dir()?).join(&self.path)
        };
        Ok(Self {
            path: std::path::absolute(path)?,
            folder: self.folder,
            force: self.force,
        })
    }

    /// Returns `true` if this target is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// Returns `true` if each job has a path of its own: the target is a folder, or a template with `{id}` or
    /// `{job}`.
    #[must_use]
    pub fn is_per_job(&self) -> bool {
        let names = template::names(&self.path).unwrap_or_default();
        self.folder || names.iter().any(|name| matches!(*name, "id" | "job"))
    }

    /// Returns `true` if missing folders of the path are created. That of a plain file is not, as it is
    /// probably a typing error.
    pub(crate) fn creates_folders(&self) -> bool {
        self.folder || has_names(&self.path)
    }

    /// Returns the path without escapes, unless it depends on the job.
    pub(crate) fn fixed_path(&self) -> Option<PathBuf> {
        (!has_names(&self.path)).then(|| template::fixed_part(&self.path))
    }

    /// Returns the folder that contains the files, or of a template the folder that contains those.
    pub(crate) fn parent_folder(&self) -> PathBuf {
        let fixed = template::fixed_part(&self.path);
        let parent = if self.creates_folders() {
            Some(&*fixed)
        } else {
            fixed.parent()
        };
        match parent {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            // The parent of a bare file name is empty, which no file function accepts.
            _ => PathBuf::from("."),
        }
    }

    /// Returns the path for an output, or a message if the template is wrong.
    pub(crate) fn path(&self, output: &OutputFacts<'_>) -> Result<PathBuf, String> {
        let mut file = template::expand(&self.path, &|name| output.value(name))?;
        if self.folder {
            let name = file_name(output.id);
            let extension = output.extension;
            let extension = extension.map_or(String::new(), |extension| format!(".{extension}"));
            file.push(format!("{name}{extension}"));
        }
        let is_numbered = template::names(&self.path)?.contains(&"index");
        if output.number == 1 || is_numbered {
            return Ok(file);
        }
        let number = output.number;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let extension = file
            .extension()
            .map_or(String::new(), |end| format!(".{}", end.to_string_lossy()));
        Ok(file.with_file_name(format!("{stem}-{number}{extension}")))
    }
}

fn has_names(path: &Path) -> bool {
    template::names(path).map_or(true, |names| !names.is_empty())
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
    use serde_json::json;

    use super::*;
    use crate::store::number::JobNumber;

    /// The paths of the output of this number of a job.
    fn path(target: &Target, id: &str, number: usize) -> String {
        let url: Url = "https://a.b/x/1.glb?sig=.exe".parse().unwrap();
        let facts = OutputFacts {
            id,
            job: Some(JobNumber::new(17)),
            label: Some("the / opening"),
            model: Some("kwaivgi/kling-lipsync/text-to-video"),
            input: json!({ "voice_id": "温柔", "video": "https://a.b/c/clip.mp4?sig=secret", "n": 2 }),
            number,
            extension: extension(&url),
        };
        let path = target.path(&facts).map(|path| path.display().to_string());
        path.unwrap_or_else(|message| message)
    }

    #[test]
    fn paths_are_numbered_and_folders_use_the_id() {
        let paths = |target: Target| [1, 2].map(|number| path(&target, "pred_1", number));
        assert_eq!(paths(Target::new("out.mp4")), ["out.mp4", "out-2.mp4"]);
        assert_eq!(paths(Target::new("a/out")), ["a/out", "a/out-2"]);
        assert_eq!(
            paths(Target::new("new/")),
            ["new/pred_1.glb", "new/pred_1-2.glb"]
        );
    }

    #[test]
    fn template_names_each_output() {
        for (template, expected) in [
            ("{id}.{ext}", "pred_1-2.glb"),
            ("{job}-{index}.{ext}", "j17-2.glb"),
            (
                "{model}/{voice_id}",
                "kwaivgi-kling-lipsync-text-to-video/温柔-2",
            ),
            ("{label}/", "the-opening/pred_1-2.glb"),
            ("{video}-{n}-{index}", "clip.mp4-2-2"),
            // An input of the model that was left out.
            ("{voice_speed}{index}", "none2"),
            ("{{id}}", "{id}-2"),
        ] {
            assert_eq!(path(&Target::new(template), "pred_1", 2), expected);
        }
        let unknown = path(&Target::new("{lable}"), "pred_1", 1);
        assert!(unknown.starts_with("{lable} is not known"), "{unknown}");
    }

    #[test]
    fn folder_with_braces_is_literal_in_an_absolute_path() {
        let target = Target::literal("/a{b}/{id}");
        assert_eq!(path(&target, "1", 1), "/a{b}/{id}");
        assert_eq!(target.parent_folder(), Path::new("/a{b}"));
        assert!(!target.is_per_job() && Target::new("{id}").is_per_job());
        let template = Target::new("a/{{b}}/{id}/c");
        assert_eq!(template.parent_folder(), Path::new("a/{b}"));
    }

    #[test]
    fn an_id_in_another_form_does_not_become_part_of_a_path() {
        let length = "new/output-.glb".len() + 32;
        let ids = ["a/../../b", "..", "", "CON.", "a b", &"a".repeat(300)];
        let path = |id: &str| path(&Target::new("new/"), id, 1);
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
