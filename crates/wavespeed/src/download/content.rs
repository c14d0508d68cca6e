//! The content of a downloaded file, compared with what its URL and its model promise.
//!
//! A host can answer with a status of success and an error, a login page or half of the file. So the
//! beginning and the boxes of each file are read before the file gets its name. A [`Promise`] says which
//! content is plausible; [`find_fault`] refuses a file only if its content contradicts the promise, and
//! [`Downloaded::content_warning`] names a difference that does not make the file useless.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;
use url::Url;
use wavespeed_client::text::shorten;
use wavespeed_client::{Answer, Model};

use crate::media::{Completeness, Facts, read};
use crate::store::record::Downloaded;
use crate::target::extension;

/// The number of bytes by which texts are told from binary data, and in which errors are searched. An
/// error of the vendor takes some hundred bytes.
const START_BYTES: u64 = 64 << 10;

/// The lengths in a RIFF header from which on the length was not known.
const STREAMED_RIFF: u32 = 0x7fff_0000;

/// The length of the vendor's message in an error, in characters.
const MESSAGE_CHARS: usize = 200;

/// The beginnings of compressed data: gzip, zlib at its four levels, Zstandard, xz, bzip2 and ZIP.
const COMPRESSED: [&[u8]; 9] = [
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"BZh",
    b"PK\x03\x04",
];

/// The extensions of files with pictures or sound.
const MEDIA_EXTENSIONS: [&str; 26] = [
    "aac", "avi", "avif", "bmp", "flac", "flv", "gif", "heic", "jpeg", "jpg", "m4a", "m4v", "mkv",
    "mov", "mp3", "mp4", "mpeg", "mpg", "oga", "ogg", "opus", "png", "wav", "webm", "webp", "wmv",
];

/// The extensions of files that are texts.
const TEXT_EXTENSIONS: [&str; 17] = [
    "ass", "csv", "gltf", "htm", "html", "json", "jsonl", "lrc", "md", "obj", "ply", "srt", "svg",
    "txt", "usda", "vtt", "xml",
];

/// The content that an output should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// Pictures or sound.
    Media,
    /// A text, JSON included, so nothing that is a text can be refused.
    Text,
    /// Nothing is known about the content.
    Unknown,
}

impl Promise {
    /// Returns the promise for an output at a URL, of a prediction of this model. The extension counts more
    /// than the model, which may have outputs of several kinds, unless the model makes texts.
    pub(super) fn new(url: &Url, model: Option<&Model>) -> Self {
        let of_model = model.map_or(Self::Unknown, |model| Self::of_kind(model.kind));
        match extension(url) {
            _ if of_model == Self::Text => Self::Text,
            Some(extension) => Self::of_extension(&extension.to_ascii_lowercase()),
            None => of_model,
        }
    }

    fn of_extension(extension: &str) -> Self {
        match extension {
            _ if MEDIA_EXTENSIONS.contains(&extension) => Self::Media,
            _ if TEXT_EXTENSIONS.contains(&extension) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// Returns the promise of the vendor's word for the kind of a model, such as `text-to-video`.
    fn of_kind(kind: &str) -> Self {
        let output = kind
            .rsplit_once("-to-")
            .map_or(kind, |(_, output)| output)
            .split('-')
            .next();
        match output.unwrap_or_default() {
            "audio" | "image" | "motion" | "music" | "speech" | "video" => Self::Media,
            "json" | "llm" | "prompt" | "text" => Self::Text,
            _ if kind == "digital-human" => Self::Media,
            _ => Self::Unknown,
        }
    }
}

/// The reason why a file is not the output.
#[derive(Debug)]
pub(crate) struct ContentFault {
    /// The content, as a noun phrase.
    pub(crate) found: &'static str,
    /// The message in the content, if it is an error that has one.
    pub(crate) message: Option<String>,
}

impl ContentFault {
    /// The fault of an HTML page.
    pub(crate) const PAGE: &'static str = "an HTML page";

    /// The fault of a body that cannot be decoded.
    pub(crate) const UNKNOWN_ENCODING: &'static str = "compressed data in an unknown encoding";

    pub(super) fn new(found: &'static str) -> Self {
        let message = None;
        Self { found, message }
    }

    fn with_message(found: &'static str, message: Option<String>) -> Self {
        let message = message.map(|message| shorten(&message, MESSAGE_CHARS));
        Self { found, message }
    }
}

/// The facts in the headers of an answer that the check of its content needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Announced {
    /// `true` if the host announced the length. Without it, a file that ends early may be half of a
    /// transfer.
    pub(super) has_length: bool,
    /// `true` if the content type is HTML.
    pub(super) is_html: bool,
}

/// Returns the fault of a complete transfer whose content cannot be the output.
pub(super) fn find_fault(
    file: &mut File,
    promise: Promise,
    announced: Announced,
) -> io::Result<Option<ContentFault>> {
    // Nothing can be said about a text that was promised: an error is a text, too.
    if promise == Promise::Text {
        return Ok(None);
    }
    file.rewind()?;
    let mut start = Vec::new();
    file.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    let text = text(&start);
    if let Some(error) = text.as_deref().and_then(find_error) {
        return Ok(Some(error));
    }
    // Hosts also send files with a wrong content type, so only texts are taken for HTML by it.
    if text.is_some() && announced.is_html {
        return Ok(Some(ContentFault::new(ContentFault::PAGE)));
    }
    if promise == Promise::Unknown {
        return Ok(None);
    }
    if let Some(text) = text {
        return Ok(Some(text_fault(&text)));
    }
    if COMPRESSED.iter().any(|magic| start.starts_with(magic)) {
        return Ok(Some(ContentFault::new("compressed data")));
    }
    let is_partial =
        !announced.has_length && (is_partial(&read(file)?) || ends_early(file, &start)?);
    Ok(is_partial.then(|| ContentFault::new("only a part of the file")))
}

/// Returns the bytes as text, or `None` if they are binary data. Texts have no control characters besides
/// white space, which all files with pictures or sound have in their headers.
fn text(start: &[u8]) -> Option<String> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let units = start[2..]
            .chunks_exact(2)
            .map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .ok()
    };
    let text = match start {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes)?,
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes)?,
        _ => match std::str::from_utf8(start) {
            Ok(text) => text.to_owned(),
            // The last character may be cut off.
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(&start[..error.valid_up_to()]).into_owned()
            }
            Err(_) => return None,
        },
    };
    let is_binary = |c: char| c.is_control() && !c.is_whitespace() && c != '\x1b';
    (!text.is_empty() && !text.contains(is_binary)).then_some(text)
}

/// Returns the fault of a text that is an error whatever was promised: the vendor's envelope of an error,
/// an HTML page, or an error of a storage host in XML.
fn find_error(text: &str) -> Option<ContentFault> {
    let answer = Answer::new(200, text.to_owned());
    let envelope = answer.envelope();
    let is_error = envelope.code.is_some_and(|code| code != 200 && code != 0);
    if let Some(message) = envelope
        .message
        .or(envelope.error_code)
        .filter(|_| is_error)
    {
        return Some(ContentFault::with_message("an error", Some(message)));
    }
    let (root, body) = root_element(text)?;
    match root.to_ascii_lowercase().as_str() {
        "body" | "head" | "html" | "title" => Some(ContentFault::new(ContentFault::PAGE)),
        // S3 and the hosts that follow it, Azure and Google.
        "error" | "errorresponse" => {
            let message = between(body, "<Message>", "</Message>");
            let code = || between(body, "<Code>", "</Code>");
            let message = message.or_else(code).map(str::to_owned);
            Some(ContentFault::with_message("an XML error", message))
        }
        _ => None,
    }
}

/// Returns the name of the root element of a text in HTML or XML, and the text from there on. A document
/// type names the root element, which HTML may leave out.
fn root_element(text: &str) -> Option<(&str, &str)> {
    let mut rest = text.trim_start();
    loop {
        let inside = rest.strip_prefix('<')?;
        let end = match inside {
            _ if inside.starts_with("!--") => "-->",
            _ if inside.starts_with('?') => "?>",
            _ => break,
        };
        let (_, behind) = inside.split_once(end)?;
        rest = behind.trim_start();
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '/');
    let mut words = rest.split(is_end).filter(|word| !word.is_empty());
    let first = words.next()?;
    let is_type = first.eq_ignore_ascii_case("!doctype");
    let name = if is_type { words.next()? } else { first };
    Some((name, rest))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(start)?;
    Some(behind.split_once(end)?.0)
}

/// Returns the fault of a text in the place of a file with pictures or sound.
fn text_fault(text: &str) -> ContentFault {
    match text.trim_start().as_bytes() {
        [b'{' | b'[', ..] => {
            let json: Value = serde_json::from_str(text).unwrap_or_default();
            let message = ["message", "error", "detail"].into_iter();
            let mut message = message.filter_map(|name| json.get(name)?.as_str());
            ContentFault::with_message("JSON", message.next().map(str::to_owned))
        }
        [b'<', ..] => ContentFault::new("XML"),
        _ => ContentFault::with_message("a text", Some(text.trim().to_owned())),
    }
}

/// Returns `true` if the boxes of a file show that it ends early.
fn is_partial(facts: &Facts) -> bool {
    matches!(
        facts.completeness,
        Completeness::Truncated { .. } | Completeness::NoTracks
    )
}

/// Returns `true` if a file without boxes lacks its end: a PNG its last chunk, or a RIFF file (WAV, WebP, AVI)
/// some of the bytes that its header counts.
fn ends_early(file: &mut File, start: &[u8]) -> io::Result<bool> {
    let bytes = file.seek(SeekFrom::End(0))?;
    if let (Some(b"RIFF"), Some(&[a, b, c, d])) = (start.get(..4), start.get(4..8)) {
        let content = u32::from_le_bytes([a, b, c, d]);
        // Programs that do not know the length when they begin write the largest number.
        return Ok(content < STREAMED_RIFF && bytes < u64::from(content) + 8);
    }
    if start.starts_with(b"\x89PNG") {
        // Other data may follow the last chunk.
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(bytes.saturating_sub(START_BYTES)))?;
        file.by_ref().take(START_BYTES).read_to_end(&mut end)?;
        return Ok(!end.windows(4).any(|chunk| chunk == b"IEND"));
    }
    Ok(false)
}

impl Downloaded {
    /// Reads the header of the saved file, and returns a warning if its content is of another kind than its
    /// extension or that of its URL says, or if it ends early. Returns `None` if nothing is odd, nothing
    /// is known about the extension, or the file cannot be read.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     ws: wavespeed::Wavespeed, done: wavespeed::Prediction,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// for file in ws.download(&done, &"videos/".into()).await? {
    ///     if let Some(warning) = file.content_warning() {
    ///         println!("{warning}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn content_warning(&self) -> Option<String> {
        let facts = read(&mut File::open(&self.path).ok()?).ok()?;
        let (shown, found) = (self.path.display(), facts.container);
        let of_path = self
            .path
            .extension()
            .and_then(|extension| extension.to_str());
        let url = Url::parse(&self.url).ok();
        let of_url = url.as_ref().and_then(extension);
        let differs = |extension: &str| found.is(&extension.to_ascii_lowercase()) == Some(false);
        if let Some(extension) = of_path.filter(|extension| differs(extension)) {
            return Some(format!(
                "{shown} has the extension {extension}, but its content is {found}"
            ));
        }
        if let Some(extension) = of_url.filter(|extension| differs(extension)) {
            return Some(format!(
                "the URL of {shown} has the extension {extension}, but its content is {found}"
            ));
        }
        is_partial(&facts).then(|| format!("{shown} ends early: a part of its content is missing"))
    }
}

/// Logs the warning about the content of a file that is about to be recorded.
pub(super) fn log_warning(file: &Downloaded) {
    if let Some(warning) = file.content_warning() {
        tracing::warn!(path = %Path::new(&file.path).display(), %warning, "the content of an output is odd");
    }
}
