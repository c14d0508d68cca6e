//! The text of a body: how it is compressed, and in which encoding it is written.
//!
//! This client asks for no compression and expects UTF-8. A proxy may still send something else, and the id
//! of a paid prediction is readable in all of it. Nothing here fails: what cannot be decoded stays as it is.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::BODY_LIMIT;

/// The most layers of compression that are removed. Two occur, where a proxy compresses what is compressed
/// already.
const MAX_LAYERS: usize = 3;

/// A format of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gzip,
    Zlib,
    /// Deflate without a header, which some servers send in place of zlib.
    Deflate,
}

/// Returns the text of a body. Bytes that are no text become U+FFFD.
pub(super) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    let mut bytes = Cow::Borrowed(body);
    for layer in 0..MAX_LAYERS {
        // The header says nothing about the data below the first layer.
        let is_deflate = layer == 0 && is_encoded_by(headers, "deflate");
        let format = format(&bytes).or(is_deflate.then_some(Format::Deflate));
        let Some(plain) = format.and_then(|format| decompress(format, &bytes)) else {
            break;
        };
        bytes = Cow::Owned(plain);
    }
    match bytes {
        Cow::Borrowed(bytes) => decode(bytes),
        Cow::Owned(bytes) => Cow::Owned(decode(&bytes).into_owned()),
    }
}

/// Returns `true` if the header `Content-Encoding` has a word.
fn is_encoded_by(headers: &HeaderMap, word: &str) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|own| own.trim().eq_ignore_ascii_case(word))
}

/// Returns the format that the first bytes show (RFC 1950, section 2.2; RFC 1952, section 2.3.1). They
/// count more than the header, which may be missing, or be left over where a proxy has decompressed the
/// body. No JSON and no page begins with them.
fn format(bytes: &[u8]) -> Option<Format> {
    match *bytes {
        [0x1f, 0x8b, ..] => Some(Format::Gzip),
        [head @ 0x78, flags, ..] if u16::from_be_bytes([head, flags]) % 31 == 0 => {
            Some(Format::Zlib)
        }
        _ => None,
    }
}

/// Returns the decompressed bytes, as far as there are any: of data that is cut off or damaged, those
/// before that point. The result is bounded, since a few bytes may stand for many.
fn decompress(format: Format, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let reader: Box<dyn Read> = match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Format::Zlib => Box::new(ZlibDecoder::new(bytes)),
        Format::Deflate => Box::new(DeflateDecoder::new(bytes)),
    };
    // An error in the middle leaves the bytes before it in `plain`.
    _ = reader.take(BODY_LIMIT as u64).read_to_end(&mut plain);
    (!plain.is_empty()).then_some(plain)
}

/// Decodes UTF-16, which a byte order mark or the zero byte beside the first ASCII character shows, or else
/// UTF-8, with or without a mark.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match *bytes {
        [0xff, 0xfe, ref rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, ref rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ref rest @ ..] => String::from_utf8_lossy(rest),
        [0, 1..=0xff, ..] => utf16(bytes, u16::from_be_bytes),
        [1..=0xff, 0, ..] => utf16(bytes, u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Decodes UTF-16. Half a character at the end is left out.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|pair| unit(*pair));
    let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into()
}
