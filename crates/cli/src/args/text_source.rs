//! Texts from files and from stdin, in the encodings that editors and shells write.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::values::path;

/// Reads a text from a file, or from stdin for `-`. The error is the rest of a sentence about the source.
pub(super) fn read(source: &str) -> Result<String, String> {
    if source == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot be read: {error}"))?;
        return decode(&bytes);
    }
    let path = path(source).map_err(|rule| format!("is no file: {rule}"))?;
    read_file(&path)
}

/// Reads a text file. The error is the rest of a sentence about the file.
pub(crate) fn read_file(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::IsADirectory => "is a folder".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    decode(&bytes)
}

/// Decodes UTF-8 or UTF-16, with or without a byte order mark. Windows PowerShell writes UTF-16 for `>`,
/// and UTF-8 with a mark for `-Encoding utf8`. Any other encoding is named in the error.
fn decode(bytes: &[u8]) -> Result<String, String> {
    let other = |encoding: &str| format!("is in {encoding}; save it as UTF-8");
    match bytes {
        // The mark of UTF-32 begins with the one of UTF-16, so it comes first.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(other("UTF-32")),
        [0, 0, 0, 1..=255, 0, 0, 0, _, ..] | [1..=255, 0, 0, 0, _, 0, 0, 0, ..] => {
            Err(other("UTF-32"))
        }
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        // Without a mark, one byte of the first two is zero if the text begins with an ASCII character.
        [1..=255, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, 1..=255, ..] => utf16(bytes, u16::from_be_bytes),
        [0x1f, 0x8b, ..] => Err("is compressed with gzip; decompress it".to_owned()),
        [0xef, 0xbb, 0xbf, text @ ..] | text => match std::str::from_utf8(text) {
            Ok(text) => Ok(text.to_owned()),
            // No encoding of texts but those above has zero bytes.
            Err(_) if text.contains(&0) => Err("is not a text file".to_owned()),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = text[at];
                Err(other(&format!(
                    "an encoding other than UTF-8, such as Windows-1252 (byte 0x{byte:02x} at offset {at})"
                )))
            }
        },
    }
}

/// Decodes UTF-16 whose units are read by this function.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (units, rest) = bytes.as_chunks();
    let units: Vec<u16> = units.iter().map(|bytes| unit(*bytes)).collect();
    let text = String::from_utf16(&units).ok();
    let text = text.filter(|_| rest.is_empty());
    text.ok_or_else(|| "looks like UTF-16 and is damaged; save it as UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_encodings_of_shells_and_editors_are_read() {
        let text = "{\"text\": \"Grüße 𝄞\"}\r\n";
        let (little, big) = (u16::to_le_bytes, u16::to_be_bytes);
        let marked = format!("\u{feff}{text}");
        for bytes in [
            text.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            utf16_of(text, little),
            utf16_of(text, big),
            utf16_of(&marked, little),
            utf16_of(&marked, big),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text), "{bytes:x?}");
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
        assert_eq!(decode(b"x").as_deref(), Ok("x"));
    }

    #[test]
    fn another_encoding_is_named() {
        let utf32: Vec<u8> = "{}"
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        let mut odd = utf16_of("\u{feff}{}", u16::to_le_bytes);
        odd.pop();
        for (bytes, word) in [
            (&utf32[..], "UTF-32"),
            (b"\xff\xfe\0\0{\0\0\0", "UTF-32"),
            (
                b"{\"text\": \"Gr\xfc\xdfe\"}",
                "Windows-1252 (byte 0xfc at offset 12)",
            ),
            (&odd, "UTF-16"),
            (b"\0\0\0\x20ftypisom\xff", "not a text file"),
            (b"\x1f\x8b\x08", "gzip"),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
