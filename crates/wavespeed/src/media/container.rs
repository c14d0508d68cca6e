//! The kind of a file, detected by its first bytes. The name of a file is not used, as it may be
//! wrong.

use std::fmt;
use std::hash::Hash;

use crate::media::boxes::is_top_level;

/// The kind of a file. [`Facts`](crate::media::Facts) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Container {
    /// MPEG-4.
    Mp4,
    /// QuickTime.
    Mov,
    /// MPEG-4 with sound alone.
    M4a,
    /// A picture in boxes: HEIC, AVIF and others.
    Heif,
    /// Matroska or its subset WebM.
    Matroska,
    /// Audio Video Interleave.
    Avi,
    /// Flash Video.
    Flv,
    /// MPEG transport stream.
    MpegTs,
    /// MPEG program stream.
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
    /// AAC audio in ADTS frames, without boxes.
    Aac,
    /// A PNG picture.
    Png,
    /// A JPEG picture.
    Jpeg,
    /// A GIF picture.
    Gif,
    /// A WebP picture.
    Webp,
    /// An HTML page, or another text that begins with `<`.
    Html,
    /// A text that begins with `{`.
    Json,
    /// A PDF document.
    Pdf,
    /// A ZIP archive.
    Zip,
    /// Any other content.
    #[default]
    Unknown,
}

/// The signatures of containers: an offset, and the bytes there. The first match counts.
const SIGNATURES: [(usize, &[u8], Container); 23] = [
    (0, b"\x1a\x45\xdf\xa3", Container::Matroska),
    // The form type of a RIFF file, behind `RIFF` and a length.
    (8, b"AVI ", Container::Avi),
    (8, b"WAVE", Container::Wav),
    (8, b"WEBP", Container::Webp),
    (0, b"FLV\x01", Container::Flv),
    (0, b"\0\0\x01\xba", Container::MpegPs),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container::Asf),
    // An ID3v2 tag, which stands before MP3 frames.
    (0, b"ID3", Container::Mp3),
    (0, b"fLaC", Container::Flac),
    (0, b"OggS", Container::Ogg),
    // The 12-bit sync word of ADTS, with MPEG-4 or MPEG-2 and without a checksum.
    (0, b"\xff\xf1", Container::Aac),
    (0, b"\xff\xf9", Container::Aac),
    // The 11-bit sync word of MPEG audio, with version 1 or 2, layer III, with or without a checksum.
    (0, b"\xff\xfb", Container::Mp3),
    (0, b"\xff\xfa", Container::Mp3),
    (0, b"\xff\xf3", Container::Mp3),
    (0, b"\xff\xf2", Container::Mp3),
    (0, b"\x89PNG\r\n\x1a\n", Container::Png),
    (0, b"\xff\xd8\xff", Container::Jpeg),
    (0, b"GIF8", Container::Gif),
    (0, b"%PDF-", Container::Pdf),
    (0, b"PK\x03\x04", Container::Zip),
    // Texts go last, as they have the shortest signatures.
    (0, b"<", Container::Html),
    (0, b"{", Container::Json),
];

/// The major brands in `ftyp` of files with sound alone.
const AUDIO_BRANDS: [&[u8]; 4] = [b"M4A ", b"M4B ", b"M4P ", b"F4A "];

/// The major brands in `ftyp` of pictures.
const PICTURE_BRANDS: [&[u8]; 7] = [
    b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"jxl ",
];

impl Container {
    /// Detects the kind of a file by its first bytes.
    pub(super) fn detect(start: &[u8]) -> Self {
        Self::detect_boxes(start)
            .or_else(|| Self::detect_signature(start))
            .unwrap_or_default()
    }

    /// Returns the kind of a file that begins with a box.
    fn detect_boxes(start: &[u8]) -> Option<Self> {
        // A box begins with its size (32 bits) and its type. Only `mdat`, the media data, is 16 MiB
        // or longer, so the first byte of any other size is 0. This tells boxes from texts that
        // have a word such as `free` at this offset.
        let box_type = start.get(4..8)?.try_into().ok()?;
        if !is_top_level(box_type) || (start[0] != 0 && box_type != *b"mdat") {
            return None;
        }
        // The body of `ftyp` begins with the major brand.
        Some(match (&box_type, start.get(8..12)) {
            (b"ftyp", Some(b"qt  ")) => Self::Mov,
            (b"ftyp", Some(brand)) if AUDIO_BRANDS.contains(&brand) => Self::M4a,
            (b"ftyp", Some(brand)) if PICTURE_BRANDS.contains(&brand) => Self::Heif,
            // Segments of a stream begin with one of the last three, which only MPEG-4 has.
            (b"ftyp" | b"styp" | b"moof" | b"sidx", _) => Self::Mp4,
            // QuickTime is older than `ftyp`, and its files may begin with any box.
            _ => Self::Mov,
        })
    }

    /// Returns the kind of a file that begins with a signature.
    fn detect_signature(start: &[u8]) -> Option<Self> {
        let text = start.trim_ascii_start();
        let matches = |&&(offset, signature, container): &&(usize, &[u8], Self)| {
            // White space may stand before a text, but not before binary data.
            let is_text = matches!(container, Self::Html | Self::Json);
            let bytes = if is_text { text } else { start };
            bytes
                .get(offset..)
                .is_some_and(|bytes| bytes.starts_with(signature))
        };
        if let Some((.., container)) = SIGNATURES.iter().find(matches) {
            return Some(*container);
        }
        // A transport stream consists of packets of 188 bytes that begin with 0x47. The second
        // packet is beyond the bytes given, so the payload bit of the first packet is checked too.
        let is_packet = start.len() > 4 && start[0] == 0x47 && start[3] & 0x10 != 0;
        is_packet.then_some(Self::MpegTs)
    }

    /// Returns `true` for the pictures whose size can be read.
    pub(super) fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::Webp)
    }

    /// Returns `true` for the files whose boxes are read.
    pub(crate) fn is_box_file(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::M4a)
    }

    /// Returns `true` if a file of this kind is what the catalogue means by a file extension such as
    /// `mp4`. Returns `None` if that cannot be decided: the extension is not known here, or the file
    /// is of an unknown kind. For mp4 and mov an unknown kind is a clear no, as every such file is
    /// detected by its boxes.
    #[must_use]
    pub fn is(self, extension: &str) -> Option<bool> {
        let kinds: &[Self] = match extension {
            // Players accept either for the other.
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
