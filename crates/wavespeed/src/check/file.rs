//! The value of an input that is the URL of a file: the URL itself, or the local file that is to
//! be uploaded.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use url::Url;
use wavespeed_client::Media;

use super::{Files, Rule};

/// The boxes an mp4 or mov file can begin with.
const FIRST_BOXES: [&[u8; 4]; 8] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid",
];

/// Whether a text names a local file rather than something else by URL.
pub(super) fn is_path(text: &str) -> bool {
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

pub(super) fn check(text: &str, media: &Media, files: Files) -> Result<(), (Rule, String)> {
    if text.is_empty() {
        return Err((Rule::Url, "is empty; give an http or https URL".into()));
    }
    match (scheme(text), files) {
        (None, Files::Url) => Err((
            Rule::Url,
            format!("is {text:?}, which is not an http or https URL; upload a local file first"),
        )),
        (None, _) => local(Path::new(text), media, files),
        (Some(scheme), _)
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            match Url::parse(text) {
                Ok(_) => Ok(()),
                Err(error) => Err((
                    Rule::Url,
                    format!("is {text:?}, which is not a URL: {error}"),
                )),
            }
        }
        (Some(scheme), _) => {
            let mend = match files {
                Files::Url => "",
                _ => ", or the path of a local file",
            };
            Err((
                Rule::Url,
                format!("has the scheme {scheme:?}; use an http or https URL{mend}"),
            ))
        }
    }
}

fn local(path: &Path, media: &Media, files: Files) -> Result<(), (Rule, String)> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        (Rule::File, format!("the file {shown} {why}"))
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err((Rule::File, format!("{shown} is not a file")));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    if about.len() == 0 {
        return Err((Rule::File, format!("the file {shown} is empty")));
    }
    if files == Files::UrlOrPathUnchecked {
        return Ok(());
    }
    let size = about.len();
    if let Some(max) = media.bytes.max.filter(|max| size as f64 > *max) {
        let message = format!(
            "the file {shown} has {size} bytes, at most {max} are allowed; shorten it or lower its bit rate"
        );
        return Err((Rule::Size, message));
    }
    let mut start = Vec::new();
    file.by_ref()
        .take(12)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    if !is_one_of(media.containers, &start) {
        let wanted = media.containers.join(" or ");
        return Err((
            Rule::Container,
            format!("the file {shown} is not {wanted}, whatever its name says; convert it"),
        ));
    }
    Ok(())
}

/// Whether a file that begins like this can be in one of the containers. Only mp4 and mov are
/// known by their beginning; others count as unknown, and pass.
fn is_one_of(containers: &[&str], start: &[u8]) -> bool {
    let known =
        !containers.is_empty() && containers.iter().all(|name| matches!(*name, "mp4" | "mov"));
    !known
        || start
            .get(4..8)
            .is_some_and(|kind| FIRST_BOXES.iter().any(|first| *first == kind))
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
}
