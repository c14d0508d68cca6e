//! The check of a value that names a file: a URL, or the path of a local file.
//!
//! Of a URL only the form is checked here. Of a local file the header is read by
//! [`media`](crate::media) and compared with the limits of the model by `facts`.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use url::Url;
use wavespeed_client::Media;

use crate::check::facts::check_facts;
use crate::check::fault::{Finding, Severity};
use crate::check::rule::Rule;
use crate::media::facts::Facts;
use crate::media::read::read;

/// The values that are accepted where a model takes the URL of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Files {
    /// An http or https URL.
    #[default]
    Url,
    /// An http or https URL, or the path of a local file to be uploaded, whose header is checked.
    UrlOrPath,
    /// An http or https URL, or the path of a local file, which must only exist and not be empty.
    UrlOrPathUnchecked,
}

/// Returns the local path that a text names: the text itself unless it is a URL, or the path of a `file:` URL
/// of this machine.
pub(crate) fn local_path(text: &str) -> Option<Cow<'_, Path>> {
    match scheme(text) {
        None => Some(Path::new(text).into()),
        Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
            // A URL parser makes any path absolute, so `file:clip.mp4` would name a file in `/`.
            let is_absolute = text[scheme.len() + 1..].starts_with('/');
            let url = Url::parse(text).ok().filter(|_| is_absolute)?;
            // Paths are texts in an input, so a name that is no Unicode cannot be given.
            let path = url.to_file_path().ok()?;
            path.to_str().is_some().then_some(path.into())
        }
        Some(_) => None,
    }
}

/// Returns `true` if a text is a path or the `file:` URL of one.
pub(crate) fn is_path(text: &str) -> bool {
    local_path(text).is_some()
}

/// Returns the scheme of a text that looks like a URL.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    // A single letter is the drive of a Windows path.
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // File names may contain a colon, so most schemes need the two slashes as well.
    (is_scheme && (rest.starts_with("//") || is_pathless(scheme))).then_some(scheme)
}

/// Returns `true` for the schemes that need no slashes.
fn is_pathless(scheme: &str) -> bool {
    ["data", "file"]
        .iter()
        .any(|other| scheme.eq_ignore_ascii_case(other))
}

/// Checks a value that names a file.
pub(crate) fn check_reference(text: &str, media: &Media, files: Files) -> Vec<Finding> {
    let refused = |message: String| vec![(Rule::Url, Severity::Refusal, message)];
    if text.is_empty() {
        return refused("is empty; give an http or https URL".into());
    }
    if let Some(path) = local_path(text) {
        return match files {
            Files::Url => refused(format!(
                "is {text:?}, which is not an http or https URL; upload a local file first"
            )),
            _ => check_path(&path, media, files),
        };
    }
    match (scheme(text), files) {
        (Some(scheme), _)
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            // The parser below removes or encodes these characters and accepts the URL, but the text
            // is sent as it is.
            if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return refused(format!(
                    "is {text:?}, which has white space or control characters"
                ));
            }
            match Url::parse(text) {
                Ok(_) => Vec::new(),
                Err(error) => refused(format!("is {text:?}, which is not a URL: {error}")),
            }
        }
        (Some("data"), _) if media.inline => match text.split_once(";base64,") {
            Some((_, data)) if !data.is_empty() => Vec::new(),
            _ => refused("is a data URL without `;base64,` and data behind it".into()),
        },
        (scheme, _) => {
            let scheme = scheme.unwrap_or_default();
            let alternative = match files {
                Files::Url => "",
                _ => ", or the path of a local file",
            };
            refused(format!(
                "has the scheme {scheme:?}; use an http or https URL{alternative}"
            ))
        }
    }
}

fn check_path(path: &Path, media: &Media, files: Files) -> Vec<Finding> {
    let name = format!("the file {}", path.display());
    match read_facts(path, &name, files) {
        Ok(Some((facts, size))) => check_facts(&name, &facts, size, media),
        Ok(None) => Vec::new(),
        Err(finding) => vec![finding],
    }
}

/// Returns the facts and the size in bytes of a local file, or `None` if its content is not to be
/// checked. Messages call the file by `name`.
fn read_facts(path: &Path, name: &str, files: Files) -> Result<Option<(Facts, u64)>, Finding> {
    let refused = |reason: &str| (Rule::File, Severity::Refusal, format!("{name} {reason}"));
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => refused("does not exist"),
        _ => refused(&format!("cannot be read: {error}")),
    };
    // Metadata first: opening a pipe that has no writer would block forever.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("is a folder, a device or a pipe"));
    }
    // Opened even if the content is not checked: the permission to read shows only now.
    let mut file = File::open(path).map_err(unreadable)?;
    if metadata.len() == 0 {
        return Err(refused("is empty"));
    }
    if files == Files::UrlOrPathUnchecked {
        return Ok(None);
    }
    let facts = read(&mut file).map_err(unreadable)?;
    Ok(Some((facts, metadata.len())))
}

/// Returns the facts and the size in bytes of a local file, if it can be read, and its faults.
pub(crate) fn inspect_file(path: &Path, media: &Media) -> (Option<(Facts, u64)>, Vec<Finding>) {
    match read_facts(path, "it", Files::UrlOrPath) {
        Ok(read) => {
            let check = |(facts, size): &(Facts, u64)| check_facts("it", facts, *size, media);
            let findings = read.as_ref().map(check).unwrap_or_default();
            (read, findings)
        }
        Err(finding) => (None, vec![finding]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_not_a_url() {
        for path in [
            "clip.mp4",
            "/a/b:c.mp4",
            "C:\\clips\\a.mp4",
            "a b",
            "12:30.mp4",
            "take:2.mp4",
            "file:///clips/a%20b.mp4",
            "FILE:/clips/a.mp4",
            "file://localhost/clips/a.mp4",
        ] {
            assert!(is_path(path), "{path}");
        }
        assert_eq!(
            local_path("file:///clips/a%20b.mp4").unwrap(),
            Path::new("/clips/a b.mp4")
        );
        for url in [
            "http://a",
            "HTTPS://a",
            "ftp://a/b",
            "data:video/mp4;base64,AAAA",
            "s3://b/k",
            "file:clip.mp4",
            "file://elsewhere/clip.mp4",
        ] {
            assert!(!is_path(url), "{url}");
        }
    }

    #[test]
    fn a_data_url_is_accepted_where_the_model_takes_it() {
        let media = |id| {
            let model: &wavespeed_client::Model = wavespeed_client::model(id).unwrap();
            model
                .inputs
                .iter()
                .find_map(|input| input.media.as_ref())
                .unwrap()
        };
        let faults = |id, text| check_reference(text, media(id), Files::UrlOrPath).len();
        let url = "data:image/png;base64,iVBORw0KGgo=";
        assert_eq!(faults("kwaivgi/kling-effects", url), 0);
        assert_eq!(faults("kwaivgi/kling-effects", "data:image/png,x"), 1);
        assert_eq!(faults("kwaivgi/kling-v1.6-i2v-pro", url), 1);
    }
}
