//! Decoding of bodies with a `Content-Encoding`. No download asks for one, but some hosts and proxies
//! compress anyway.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// The number of encoded bytes that are decoded at once. Deflate makes at most 1,032 bytes of one, so this
/// bounds the memory to 4 MiB whatever the host sends.
pub(super) const STEP_BYTES: usize = 4 << 10;

/// The number of decoded bytes that are made at once of a zlib stream.
const BUFFER_BYTES: usize = 32 << 10;

/// The decoder of one body.
pub(super) enum Decoder {
    /// The body is the file itself.
    Plain,
    /// A gzip body, of which nothing has arrived: a host may store a plain file with this header.
    Gzip,
    /// A gzip body.
    Gunzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// A body in deflate, of which nothing has arrived: it has a zlib header, or by mistake none.
    Deflate,
    /// A body in deflate, and `true` once it has ended.
    Inflate(Decompress, bool),
}

impl Decoder {
    /// Returns the decoder for an answer, or `None` if its encoding is not supported.
    pub(super) fn new(headers: &HeaderMap) -> Option<Self> {
        let mut decoder = Self::Plain;
        for value in headers.get_all(CONTENT_ENCODING) {
            for coding in value.to_str().ok()?.split(',') {
                let coding = coding.trim().to_ascii_lowercase();
                decoder = match (coding.as_str(), &decoder) {
                    // Some object stores keep the encoding of the upload, which was undone there.
                    ("" | "identity" | "aws-chunked", _) => decoder,
                    ("gzip" | "x-gzip", Self::Plain) => Self::Gzip,
                    ("deflate", Self::Plain) => Self::Deflate,
                    _ => return None,
                };
            }
        }
        Some(decoder)
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Decodes some bytes of the body and appends the result.
    ///
    /// # Errors
    /// Returns an error if the bytes are not in the encoding.
    pub(super) fn decode(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Gzip => {
                *self = match bytes {
                    // The first byte of gzip; a second one may not have arrived.
                    [0x1f, ..] => Self::Gunzip(Box::new(MultiGzDecoder::new(Vec::new()))),
                    _ => Self::Plain,
                };
                return self.decode(bytes, decoded);
            }
            Self::Deflate => {
                // The method 8 in the low bits shows a zlib header.
                let has_header = bytes.first().is_some_and(|first| first & 0x0f == 8);
                *self = Self::Inflate(Decompress::new(has_header), false);
                return self.decode(bytes, decoded);
            }
            Self::Plain => decoded.extend_from_slice(bytes),
            Self::Gunzip(decoder) => {
                decoder.write_all(bytes)?;
                decoded.append(decoder.get_mut());
            }
            Self::Inflate(decoder, has_ended) => inflate(decoder, bytes, decoded, has_ended)?,
        }
        Ok(())
    }

    /// Ends the body and appends what is left of it.
    ///
    /// # Errors
    /// Returns an error if the body ends early.
    pub(super) fn finish(&mut self, decoded: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Gunzip(decoder) => {
                decoder.try_finish()?;
                decoded.append(decoder.get_mut());
            }
            Self::Inflate(_, false) => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        Ok(())
    }
}

/// Decodes bytes of a zlib or deflate stream.
fn inflate(
    decoder: &mut Decompress,
    mut bytes: &[u8],
    decoded: &mut Vec<u8>,
    has_ended: &mut bool,
) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    while !*has_ended {
        let (read, made) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(bytes, &mut buffer, FlushDecompress::None);
        *has_ended = matches!(status.map_err(io::Error::other)?, Status::StreamEnd);
        let read = (decoder.total_in() - read) as usize;
        let made = (decoder.total_out() - made) as usize;
        bytes = &bytes[read..];
        decoded.extend_from_slice(&buffer[..made]);
        // A full buffer may leave decoded bytes behind.
        if made < buffer.len() && (bytes.is_empty() || read + made == 0) {
            break;
        }
    }
    Ok(())
}
