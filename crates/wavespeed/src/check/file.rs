//! The value of an input that is the URL of a file: the URL itself, or the local file that is to
//! be uploaded.

use std::fs::File;
use std::path::Path;

use url::Url;
use wavespeed_client::Media;

use crate::check::facts::{Finding, check_facts};
use crate::check::fault::Severity;
use crate::check::rule::Rule;
use crate::media::facts::Facts;
use crate::media::reader::read;

/// What a value may be where a model takes the URL of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Files {
    /// An http or https URL.
    #[default]
    Url,
    /// Also the path of a local file, to be uploaded; it is looked at.
    UrlOrPath,
    /// Also the path of a local file; only whether it is there and has content is looked at.
    UrlOrPathUnchecked,
}

/// Whether a text names a local file rather than something else by URL.
pub(crate) fn is_path(text: &str) -> bool {
    scheme(text).is_none()
}

/// The scheme of a text that looks like a URL. One letter is a drive of Windows.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (is_scheme && (rest.starts_with("//") || matches!(scheme, "data" | "file"))).then_some(scheme)
}

pub(crate) fn check(text: &str, media: &Media, files: Files) -> Vec<Finding> {
    let refused = |message: String| vec![(Rule::Url, Severity::Refusal, message)];
    if text.is_empty() {
        return refused("is empty; give an http or https URL".into());
    }
    match (scheme(text), files) {
        (None, Files::Url) => refused(format!(
            "is {text:?}, which is not an http or https URL; upload a local file first"
        )),
        (None, _) => local(Path::new(text), media, files),
        (Some(scheme), _)
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            // A parser drops or mends these, but what is sent is the text as it is.
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
            _ => refused("is a data URL without `;base64,` and what follows".into()),
        },
        (Some(scheme), _) => {
            let mend = match files {
                Files::Url => "",
                _ => ", or the path of a local file",
            };
            refused(format!(
                "has the scheme {scheme:?}; use an http or https URL{mend}"
            ))
        }
    }
}

fn local(path: &Path, media: &Media, files: Files) -> Vec<Finding> {
    let called = format!("the file {}", path.display());
    match look(path, &called, files) {
        Ok(Some((facts, size))) => check_facts(&called, &facts, size, media),
        Ok(None) => Vec::new(),
        Err(found) => vec![found],
    }
}

/// What a local file is, unless it is not to be looked into, and its size.
fn look(path: &Path, called: &str, files: Files) -> Result<Option<(Facts, u64)>, Finding> {
    let refused = |why: &str| (Rule::File, Severity::Refusal, format!("{called} {why}"));
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => refused("does not exist"),
        _ => refused(&format!("cannot be read: {error}")),
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe could take for ever.
    if !about.is_file() {
        return Err(refused("is a folder, a device or a pipe"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    if about.len() == 0 {
        return Err(refused("is empty"));
    }
    if files == Files::UrlOrPathUnchecked {
        return Ok(None);
    }
    let facts = read(&mut file).map_err(unreadable)?;
    Ok(Some((facts, about.len())))
}

/// What a local file is, and its faults.
pub(crate) fn inspect(path: &Path, media: &Media) -> (Option<(Facts, u64)>, Vec<Finding>) {
    match look(path, "it", Files::UrlOrPath) {
        Ok(seen) => {
            let judged = |(facts, size): &(Facts, u64)| check_facts("it", facts, *size, media);
            let found = seen.as_ref().map(judged).unwrap_or_default();
            (seen, found)
        }
        Err(found) => (None, vec![found]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_paths_from_urls() {
        for path in [
            "clip.mp4",
            "/a/b:c.mp4",
            "C:\\clips\\a.mp4",
            "a b",
            "12:30.mp4",
            "take:2.mp4",
        ] {
            assert!(is_path(path), "{path}");
        }
        for url in [
            "http://a",
            "HTTPS://a",
            "ftp://a/b",
            "data:video/mp4;base64,AAAA",
            "s3://b/k",
            "file:/a",
        ] {
            assert!(!is_path(url), "{url}");
        }
    }
    #[test]
    fn a_file_is_inline_where_the_model_says_so() {
        let media = |id| {
            let model: &wavespeed_client::Model = crate::model(id).unwrap();
            model
                .inputs
                .iter()
                .find_map(|input| input.media.as_ref())
                .unwrap()
        };
        let faults = |id, text| check(text, media(id), Files::UrlOrPath).len();
        let url = "data:image/png;base64,iVBORw0KGgo=";
        assert_eq!(faults("kwaivgi/kling-effects", url), 0);
        assert_eq!(faults("kwaivgi/kling-effects", "data:image/png,x"), 1);
        assert_eq!(faults("kwaivgi/kling-v1.6-i2v-pro", url), 1);
    }
}
