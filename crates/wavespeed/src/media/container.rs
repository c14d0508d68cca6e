//! What kind of file it is, by how it begins. The name of a file says nothing.

use std::fmt;
use std::hash::Hash;

use crate::media::boxes::is_top;

/// A kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Container {
    /// MPEG-4.
    Mp4,
    /// QuickTime.
    Mov,
    /// MPEG-4 with nothing but sound.
    M4a,
    /// A picture in boxes, such as HEIC or AVIF.
    Heif,
    /// Matroska, of which WebM is a part.
    Matroska,
    /// Audio Video Interleave.
    Avi,
    /// Flash Video.
    Flv,
    /// A transport stream of MPEG.
    MpegTs,
    /// A program stream of MPEG.
    MpegPs,
    /// Windows Media.
    Asf,
    /// MPEG audio.
    Mp3,
    /// Waveform audio.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// Ogg.
    Ogg,
    /// MPEG-4 audio without boxes.
    Aac,
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A picture.
    Gif,
    /// A picture.
    Webp,
    /// A page, or another text in angle brackets.
    Html,
    /// A text in braces.
    Json,
    /// A document.
    Pdf,
    /// Files packed together.
    Zip,
    /// Nothing that is known here.
    #[default]
    Unknown,
}

/// How files begin, from which byte on.
const STARTS: [(usize, &[u8], Container); 23] = [
    (0, b"\x1a\x45\xdf\xa3", Container::Matroska),
    (8, b"AVI ", Container::Avi),
    (8, b"WAVE", Container::Wav),
    (8, b"WEBP", Container::Webp),
    (0, b"FLV\x01", Container::Flv),
    (0, b"\0\0\x01\xba", Container::MpegPs),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container::Asf),
    (0, b"ID3", Container::Mp3),
    (0, b"fLaC", Container::Flac),
    (0, b"OggS", Container::Ogg),
    (0, b"\xff\xf1", Container::Aac),
    (0, b"\xff\xf9", Container::Aac),
    (0, b"\xff\xfb", Container::Mp3),
    (0, b"\xff\xfa", Container::Mp3),
    (0, b"\xff\xf3", Container::Mp3),
    (0, b"\xff\xf2", Container::Mp3),
    (0, b"\x89PNG\r\n\x1a\n", Container::Png),
    (0, b"\xff\xd8\xff", Container::Jpeg),
    (0, b"GIF8", Container::Gif),
    (0, b"%PDF-", Container::Pdf),
    (0, b"PK\x03\x04", Container::Zip),
    (0, b"<", Container::Html),
    (0, b"{", Container::Json),
];

/// Brands of sounds and of pictures.
const SOUNDS: [&[u8]; 4] = [b"M4A ", b"M4B ", b"M4P ", b"F4A "];

const PICTURES: [&[u8]; 7] = [
    b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"jxl ",
];

impl Container {
    pub(super) fn of(start: &[u8]) -> Self {
        if let Some(kind) = start.get(4..8).and_then(|kind| kind.try_into().ok())
            && is_top(kind)
            // Only what is played is long; a text can have the word `free` in this place.
            && (start[0] == 0 || kind == *b"mdat")
        {
            return match (&kind, start.get(8..12)) {
                (b"ftyp", Some(b"qt  ")) => Self::Mov,
                (b"ftyp", Some(brand)) if SOUNDS.contains(&brand) => Self::M4a,
                (b"ftyp", Some(brand)) if PICTURES.contains(&brand) => Self::Heif,
                (b"ftyp" | b"styp" | b"moof" | b"sidx", _) => Self::Mp4,
                _ => Self::Mov,
            };
        }
        let text = start.trim_ascii_start();
        let begins = |&&(at, magic, container): &&(usize, &[u8], Self)| {
            let is_text = matches!(container, Self::Html | Self::Json);
            let bytes = if is_text { text } else { start };
            bytes
                .get(at..)
                .is_some_and(|bytes| bytes.starts_with(magic))
        };
        match STARTS.iter().find(begins) {
            Some((.., container)) => *container,
            // Packets of 188 bytes, the second of which is out of sight.
            None if start.first() == Some(&0x47) && start.len() > 4 && start[3] & 0x10 != 0 => {
                Self::MpegTs
            }
            None => Self::Unknown,
        }
    }

    pub(super) fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::Webp)
    }

    pub(super) fn has_boxes(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::M4a)
    }

    /// Whether the spec means it by a file extension such as `mp4`. `None` if that cannot be told:
    /// only boxes are sure to be known.
    #[must_use]
    pub fn is(self, extension: &str) -> Option<bool> {
        let kinds: &[Self] = match extension {
            // Players take one for the other.
            "mp4" | "mov" | "m4v" => return Some(matches!(self, Self::Mp4 | Self::Mov)),
            "m4a" => &[Self::M4a, Self::Mp4],
            "webm" | "mkv" => &[Self::Matroska],
            "avi" => &[Self::Avi],
            "mp3" => &[Self::Mp3],
            "wav" => &[Self::Wav],
            "flac" => &[Self::Flac],
            "ogg" | "opus" => &[Self::Ogg],
            "aac" => &[Self::Aac, Self::M4a],
            "png" => &[Self::Png],
            "jpg" | "jpeg" => &[Self::Jpeg],
            "gif" => &[Self::Gif],
            "webp" => &[Self::Webp],
            _ => return None,
        };
        (self != Self::Unknown).then(|| kinds.contains(&self))
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::M4a => "m4a",
            Self::Heif => "a HEIF picture",
            Self::Matroska => "webm or mkv",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::MpegTs => "an MPEG transport stream",
            Self::MpegPs => "an MPEG program stream",
            Self::Asf => "wmv",
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Aac => "aac",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Html => "an HTML page",
            Self::Json => "JSON",
            Self::Pdf => "pdf",
            Self::Zip => "zip",
            Self::Unknown => "of an unknown kind",
        })
    }
}
