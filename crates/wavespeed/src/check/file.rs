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

/// Brands of sounds and pictures that are in the same container.
const OTHER_BRANDS: [&[u8; 4]; 11] = [
    b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis",
    b"jxl ",
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
            // A parser drops or mends these, but what is sent is the text as it is.
            if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                let message = format!("is {text:?}, which has white space or control characters");
                return Err((Rule::Url, message));
            }
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
        .take(16)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    if !is_one_of(media.containers, &start, size) {
        let wanted = media.containers.join(" or ");
        return Err((
            Rule::Container,
            format!("the file {shown} is not {wanted}, whatever its name says; convert it"),
        ));
    }
    Ok(())
}

/// Whether a file of this size that begins like this can be in one of the containers. Only mp4 and
/// mov are known by their beginning; others count as unknown, and pass.
fn is_one_of(containers: &[&str], start: &[u8], size: u64) -> bool {
    let known =
        !containers.is_empty() && containers.iter().all(|name| matches!(*name, "mp4" | "mov"));
    !known || begins_with_a_box(start, size)
}

/// The first box of the file: its length, of which 0 means the rest of the file and 1 that the
/// length follows, its kind, and for `ftyp` the brand, which also sounds and pictures have.
fn begins_with_a_box(start: &[u8], size: u64) -> bool {
    let Some((length, kind)) = start.first_chunk::<8>().map(|head| head.split_at(4)) else {
        return false;
    };
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte));
    let fits = matches!(length, 0 | 1) || (8..=size).contains(&length);
    let brand = start.get(8..12).filter(|_| kind == b"ftyp");
    let other = brand.is_some_and(|brand| OTHER_BRANDS.iter().any(|other| *other == brand));
    fits && !other && FIRST_BOXES.iter().any(|first| *first == kind)
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
    fn tells_a_video_by_its_first_box() {
        for video in [
            &b"\0\0\0\x18ftypisom\0\0\0\0"[..],
            b"\0\0\0\x14ftypqt  \0\0\0\0",
            b"\0\0\0\x08wide\0\0\0\0mdat",
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x20",
            b"\0\0\0\0moov",
        ] {
            assert!(begins_with_a_box(video, 1000), "{video:?}");
        }
        for other in [
            &b"get free beer here"[..],
            b"\0\0\0\x18ftypheic\0\0\0\0",
            b"\0\0\0\x18ftypM4A \0\0\0\0",
            b"\0\0\x10\0ftypisom",
            b"\0\0\0\x04ftypisom",
            b"\0\0\0",
            b"RIFF\0\0\0\0AVI ",
        ] {
            assert!(!begins_with_a_box(other, 1000), "{other:?}");
        }
    }
}
