//! The extension of a file, and the media type that follows from it.
//!
//! The vendor derives the kind of a file from its name, so a file without an extension gets the one of its
//! content.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use crate::media::container::Container;
use crate::media::read::read;
use crate::threads;

/// The number of bytes in which the header of a Matroska file states its document type.
const EBML_HEADER_BYTES: u64 = 64;

/// The extension of a file, in lower case and without the dot.
pub(super) struct Extension {
    /// The extension; empty if the name has none and the content shows none.
    pub(super) text: String,
    /// `true` if the extension comes from the content and is not part of the name.
    pub(super) is_detected: bool,
}

impl Extension {
    /// Returns the extension of a file.
    ///
    /// # Errors
    /// Returns an error if the name has none and the file cannot be read.
    pub(super) async fn of(path: &Path) -> io::Result<Self> {
        let named = path.extension().unwrap_or_default();
        let named = named.to_string_lossy().to_lowercase();
        if !named.is_empty() {
            return Ok(Self {
                text: named,
                is_detected: false,
            });
        }
        let path = path.to_owned();
        let detected = threads::run(move || detect(&path)).await??;
        Ok(Self {
            text: detected.unwrap_or_default().to_owned(),
            is_detected: detected.is_some(),
        })
    }
}

/// Returns the extension that fits the content of a file, if it is of a kind that models accept.
fn detect(path: &Path) -> io::Result<Option<&'static str>> {
    let mut file = File::open(path)?;
    let container = read(&mut file)?.container;
    Ok(Some(match container {
        Container::Mp4 => "mp4",
        Container::Mov => "mov",
        Container::M4a => "m4a",
        // WebM differs from Matroska only in the document type that its header states.
        Container::Matroska => {
            let mut header = Vec::new();
            file.rewind()?;
            file.take(EBML_HEADER_BYTES).read_to_end(&mut header)?;
            match header.windows(4).any(|bytes| bytes == b"webm") {
                true => "webm",
                false => "mkv",
            }
        }
        Container::Avi => "avi",
        Container::Mp3 => "mp3",
        Container::Wav => "wav",
        Container::Flac => "flac",
        Container::Ogg => "ogg",
        Container::Aac => "aac",
        Container::Png => "png",
        Container::Jpeg => "jpg",
        Container::Gif => "gif",
        Container::Webp => "webp",
        _ => return Ok(None),
    }))
}

/// Returns the media type, by the extension, of a file that the vendor's models accept.
pub(super) fn content_type(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "avi" => "video/x-msvideo",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "m4a" | "aac" => "audio/mp4",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_without_an_extension_gets_that_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, expected, is_detected) in [
            ("clip.MP4", &b"\x89PNG\r\n\x1a\n"[..], "mp4", false),
            ("picture", b"\x89PNG\r\n\x1a\n", "png", true),
            ("picture.", b"\xff\xd8\xff\xe0", "jpg", true),
            ("sound", b"RIFF\0\0\0\0WAVEfmt ", "wav", true),
            ("film", b"\0\0\0\x18ftypqt  \0\0\0\0", "mov", true),
            ("web", b"\x1a\x45\xdf\xa3\x8f\x42\x82\x84webm", "webm", true),
            (
                "matroska",
                b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
                "mkv",
                true,
            ),
            ("notes", b"words", "", false),
            (".hidden", b"words", "", false),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let extension = Extension::of(&path).await.unwrap();
            let found = (&*extension.text, extension.is_detected);
            assert_eq!(found, (expected, is_detected), "{name}");
        }
    }
}
