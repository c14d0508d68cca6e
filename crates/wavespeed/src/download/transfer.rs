//! Transfer of one file over HTTP, resumed after a broken connection.
//!
//! A [`PartialFile`] holds the bytes that have arrived and their hash. Each call of
//! [`PartialFile::fetch`] makes one request: for the rest of the file if the host gave a validator
//! (RFC 9110, section 8.8) by which it can tell that the file is unchanged, or for all of it.

use std::io;
use std::io::{Seek as _, Write as _};
use std::time::{Duration, SystemTime};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use url::Url;
use wavespeed_client::{HttpError, HttpService, RequestContext};

use crate::download::content::{Announced, ContentFault, Promise, find_fault};
use crate::download::decode::{Decoder, STEP_BYTES};
use crate::download::version::Version;
use crate::hosts::{ContentRange, is_transient, may_be_expired, may_be_late, retry_after};

/// The bytes of a file that have arrived so far.
///
/// Whenever the transfer can be resumed, `bytes`, `hash` and the position in `file` agree: all three
/// cover exactly the bytes that were received since the last restart.
pub(crate) struct PartialFile {
    pub(crate) file: NamedTempFile,
    /// The number of bytes received.
    pub(crate) bytes: u64,
    hash: Sha256,
    /// The version that `bytes` belong to.
    version: Version,
    /// The length of the whole file in bytes, if the host announced it.
    announced: Option<u64>,
    /// `true` if the content type of the whole file is HTML.
    is_html: bool,
    /// The decoder of the body that is received.
    decoder: Decoder,
    /// The time to wait that the last answer asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// Error of one transfer.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// The host answered with a status other than 200 and a matching 206.
    Refused(StatusCode),
    /// The host answered with a status of success and other content than the file.
    Content(ContentFault),
    /// The file is empty.
    Empty,
    /// The host could not be reached, or the connection broke.
    Transfer(HttpError),
    /// The file ended with another length than this announced one, in bytes.
    Length(u64),
    /// The file is longer than the limit.
    TooLong,
    /// The disk lacks this many bytes of free space for the file.
    DiskFull(u64),
    /// The file could not be written.
    Write(io::Error),
}

impl TransferError {
    /// Returns `true` if the next attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Content(_) | Self::Length(_) | Self::Transfer(_) => true,
            Self::Refused(status) => {
                // 416 Range Not Satisfiable answers a resume of a file that is shorter now, and a 206
                // that is refused is not the rest of it. The next attempt starts from the beginning.
                is_transient(*status) || matches!(status.as_u16(), 206 | 416)
            }
            Self::Empty | Self::TooLong | Self::DiskFull(_) | Self::Write(_) => false,
        }
    }

    /// Returns `true` if the host may have the file a little later.
    pub(crate) fn may_be_late(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Refused(status) => may_be_late(*status),
            _ => false,
        }
    }

    /// Returns `true` if the URL may have expired.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self, Self::Refused(status) if may_be_expired(*status))
    }
}

impl PartialFile {
    pub(crate) fn new(file: NamedTempFile) -> Self {
        Self {
            file,
            bytes: 0,
            hash: Sha256::new(),
            version: Version::default(),
            announced: None,
            is_html: false,
            decoder: Decoder::Plain,
            retry_after: None,
        }
    }

    /// Requests the missing bytes of the file, or all bytes if the transfer cannot be resumed, and
    /// appends them. `limit` is the largest length in bytes, and `promise` the
    /// content that the file should have.
    ///
    /// # Errors
    /// Returns an error if the file is not complete. After a broken connection the received bytes
    /// are kept for the next call; after an unusable answer they are discarded.
    pub(crate) async fn fetch(
        &mut self,
        http: &dyn HttpService,
        context: RequestContext,
        url: &Url,
        (limit, promise): (u64, Promise),
    ) -> Result<(), TransferError> {
        let request = self.request(url);
        self.retry_after = None;
        let response = http.send(request, context).await;
        let response = response.map_err(TransferError::Transfer)?;
        self.retry_after = retry_after(response.headers());
        self.accept_head(&response)?;
        // Refused before the body is read: neither a file that is too long nor a full disk gets
        // better during the transfer.
        if self.announced.is_some_and(|announced| announced > limit) {
            return Err(TransferError::TooLong);
        }
        if let Some(missing) = self.missing_space() {
            return Err(TransferError::DiskFull(missing));
        }
        self.append_body(response, limit).await?;
        // HTTP ends a body at its own length, but a resumed file must also add up to the length
        // that was announced with its beginning.
        match self.announced {
            Some(announced) if announced != self.bytes => Err(TransferError::Length(announced)),
            _ if self.bytes == 0 => Err(TransferError::Empty),
            _ => self.check_content(promise),
        }
    }

    /// Refuses a complete file whose content cannot be the output, and discards it.
    fn check_content(&mut self, promise: Promise) -> Result<(), TransferError> {
        let announced = Announced {
            has_length: self.announced.is_some(),
            is_html: self.is_html,
        };
        let fault = find_fault(self.file.as_file_mut(), promise, announced);
        let Some(fault) = fault.map_err(TransferError::Write)? else {
            return Ok(());
        };
        self.restart().map_err(TransferError::Write)?;
        Err(TransferError::Content(fault))
    }

    /// Returns the request for the rest of the file, or for the whole file if there is nothing to
    /// resume or no validator.
    fn request(&self, url: &Url) -> Request {
        let mut request = request(url);
        // A Range alone could append the rest of a new version to the beginning of an old one. With
        // If-Range (RFC 9110, section 13.1.5) the host sends the range only if the validator still
        // matches, and the whole file with status 200 otherwise.
        if let Some(validator) = self.version.validator.as_ref().filter(|_| self.bytes > 0) {
            let range = format!("bytes={}-", self.bytes);
            let range = HeaderValue::try_from(range).expect("digits are valid in a header");
            request.headers_mut().insert(RANGE, range);
            request.headers_mut().insert(IF_RANGE, validator.clone());
        }
        request
    }

    /// Decides by status and headers of an answer what happens to the bytes received before: they
    /// are continued (206 from their end on) or discarded (everything else).
    fn accept_head(&mut self, response: &Response) -> Result<(), TransferError> {
        let headers = response.headers();
        let rest = self.total_of_rest(headers);
        match (response.status(), rest) {
            // Any other 206, such as one of several parts, falls through to the refusal below.
            (StatusCode::PARTIAL_CONTENT, Some(total)) => {
                self.announced = total;
                Ok(())
            }
            // The whole file: the first request, a host without ranges, or a new version. The bytes
            // received before are of no use, and validator and length are those of this answer.
            (StatusCode::OK, _) => {
                self.restart().map_err(TransferError::Write)?;
                self.is_html = is_html(headers);
                let decoder = Decoder::new(headers);
                self.decoder = decoder.ok_or(TransferError::Content(ContentFault::new(
                    ContentFault::UNKNOWN_ENCODING,
                )))?;
                // The length and the ranges of an encoded body are those of the encoded bytes.
                if self.decoder.is_plain() {
                    self.version = Version::new(headers, SystemTime::now());
                    self.announced = response.content_length();
                }
                Ok(())
            }
            // Discarded here as well: after a 416 or a misplaced 206 the same resume would fail
            // again, so the next attempt has to start from the beginning.
            (status, _) => {
                self.restart().map_err(TransferError::Write)?;
                Err(TransferError::Refused(status))
            }
        }
    }

    /// Returns the length of the whole file, if it is known, and `None` for a partial answer that is not the
    /// rest of the file: it begins elsewhere or is of another version.
    fn total_of_rest(&self, headers: &HeaderMap) -> Option<Option<u64>> {
        // An answer with several parts has no Content-Range of its own.
        let range = ContentRange::from_headers(headers)?;
        let is_next = self.bytes > 0 && range.start == self.bytes;
        let is_plain = Decoder::new(headers)?.is_plain();
        // Each answer may leave the length open.
        let total = self.announced.or(range.size);
        let has_total = range.size.is_none() || range.size == total;
        let is_rest = is_next && is_plain && has_total && self.version.is_also_of(headers);
        is_rest.then_some(total)
    }

    /// Returns the number of bytes that the disk lacks for the rest of the file. Returns `None` if
    /// there is enough space, or if the length or the free space is unknown.
    fn missing_space(&self) -> Option<u64> {
        let available = fs4::available_space(self.file.path().parent()?).ok()?;
        let rest = self.announced?.saturating_sub(self.bytes);
        rest.checked_sub(available).filter(|missing| *missing > 0)
    }

    /// Appends the body of an answer.
    async fn append_body(
        &mut self,
        mut response: Response,
        limit: u64,
    ) -> Result<(), TransferError> {
        let failed = |error| TransferError::Transfer(HttpError::from(error));
        let mut decoded = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if self.decoder.is_plain() {
                self.append(&chunk, limit)?;
                continue;
            }
            for bytes in chunk.chunks(STEP_BYTES) {
                let result = self.decoder.decode(bytes, &mut decoded);
                self.append_decoded(result, &mut decoded, limit)?;
            }
        }
        let result = self.decoder.finish(&mut decoded);
        self.append_decoded(result, &mut decoded, limit)
    }

    /// Appends decoded bytes, and empties them.
    fn append_decoded(
        &mut self,
        result: io::Result<()>,
        decoded: &mut Vec<u8>,
        limit: u64,
    ) -> Result<(), TransferError> {
        if result.is_err() {
            self.restart().map_err(TransferError::Write)?;
            let fault = ContentFault::new("compressed data that is damaged or incomplete");
            return Err(TransferError::Content(fault));
        }
        self.append(decoded, limit)?;
        decoded.clear();
        Ok(())
    }

    /// Appends bytes of the file.
    fn append(&mut self, bytes: &[u8], limit: u64) -> Result<(), TransferError> {
        self.bytes += bytes.len() as u64;
        // The announced length was checked, but a chunked or encoded body announces none.
        if self.bytes > limit {
            return Err(TransferError::TooLong);
        }
        // Chunks are small, so a write is too short to be worth a blocking thread.
        self.file.write_all(bytes).map_err(TransferError::Write)?;
        self.hash.update(bytes);
        Ok(())
    }

    /// Discards all bytes received, so that the next request asks for the whole file.
    fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.rewind()?;
        self.bytes = 0;
        self.hash = Sha256::new();
        self.version = Version::default();
        self.announced = None;
        self.decoder = Decoder::Plain;
        Ok(())
    }

    /// Returns the SHA-256 of the bytes received, in lowercase hex.
    pub(crate) fn sha256(&self) -> String {
        base16ct::lower::encode_string(&self.hash.clone().finalize())
    }
}

/// Returns the request for a file.
pub(super) fn request(url: &Url) -> Request {
    let mut request = Request::new(Method::GET, url.clone());
    // Without this header, a host may choose any encoding (RFC 9110, section 12.5.3).
    let identity = HeaderValue::from_static("identity");
    request.headers_mut().insert(ACCEPT_ENCODING, identity);
    request
}

/// Returns `true` if the body is HTML by its Content-Type.
fn is_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let html = b"text/html";
    // Only the beginning is compared, as parameters such as a charset may follow.
    content_type
        .and_then(|content_type| content_type.get(..html.len()))
        .is_some_and(|content_type| content_type.eq_ignore_ascii_case(html))
}
