//! One file on its way: what has come of it, and going on from there when the transfer breaks.

use std::io;
use std::io::{Seek as _, Write as _};

use reqwest::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use url::Url;

use crate::target::extension;

/// What has come of a file.
pub(crate) struct PartialFile {
    pub(crate) file: NamedTempFile,
    pub(crate) bytes: u64,
    hash: Sha256,
    /// What tells this version of the file from another, for going on with the same.
    version: Option<HeaderValue>,
    /// The length of the whole file, if it was announced.
    whole: Option<u64>,
}

/// Why a transfer did not come to its end.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// The host answered with another status.
    Refused(StatusCode),
    /// The host answered with a page instead of the file.
    Page,
    /// The host could not be reached, or the transfer broke.
    Transfer(reqwest::Error),
    /// It ended with another length than announced.
    Length(u64),
    /// It is longer than it may be.
    TooLong,
    /// It needs this many bytes more than the disk has left.
    NoRoom(u64),
    /// It could not be written.
    Write(io::Error),
}

impl TransferError {
    /// Whether another try may go on from here.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Page | Self::Transfer(_) => true,
            Self::Refused(status) => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 416 | 429)
            }
            Self::Length(_) | Self::TooLong | Self::NoRoom(_) | Self::Write(_) => false,
        }
    }

    /// Whether the URL may have expired.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self, Self::Refused(status) if matches!(status.as_u16(), 401 | 403 | 404 | 410))
    }
}

impl PartialFile {
    pub(crate) fn new(file: NamedTempFile) -> Self {
        Self {
            file,
            bytes: 0,
            hash: Sha256::new(),
            version: None,
            whole: None,
        }
    }

    /// Fetches the rest of the file: all of it, unless a part has come and the host can tell that
    /// it is still the same file.
    pub(crate) async fn fetch(
        &mut self,
        client: &Client,
        url: &Url,
        limit: u64,
    ) -> Result<(), TransferError> {
        let mut request = client.get(url.clone());
        if let Some(version) = self.version.as_ref().filter(|_| self.bytes > 0) {
            let rest = format!("bytes={}-", self.bytes);
            request = request.header(RANGE, rest).header(IF_RANGE, version);
        }
        let response = request.send().await.map_err(TransferError::Transfer)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(response.headers()) == Some(self.bytes) => {}
            StatusCode::OK if is_page(response.headers()) && !may_be_page(url) => {
                self.restart().map_err(TransferError::Write)?;
                return Err(TransferError::Page);
            }
            StatusCode::OK => {
                self.restart().map_err(TransferError::Write)?;
                self.version = version(response.headers());
                self.whole = response.content_length();
            }
            status => {
                // Whatever it is, it is not the rest of what has come.
                self.restart().map_err(TransferError::Write)?;
                return Err(TransferError::Refused(status));
            }
        }
        if self.whole.is_some_and(|whole| whole > limit) {
            return Err(TransferError::TooLong);
        }
        if let Some(missing) = self.missing_room() {
            return Err(TransferError::NoRoom(missing));
        }
        self.take(response, limit).await?;
        match self.whole {
            Some(whole) if whole != self.bytes => Err(TransferError::Length(whole)),
            _ => Ok(()),
        }
    }

    /// What the disk lacks for the rest, as far as that can be told.
    fn missing_room(&self) -> Option<u64> {
        let room = fs4::available_space(self.file.path().parent()?).ok()?;
        let rest = self.whole?.saturating_sub(self.bytes);
        rest.checked_sub(room).filter(|missing| *missing > 0)
    }

    async fn take(&mut self, mut response: Response, limit: u64) -> Result<(), TransferError> {
        while let Some(chunk) = response.chunk().await.map_err(TransferError::Transfer)? {
            self.bytes += chunk.len() as u64;
            if self.bytes > limit {
                return Err(TransferError::TooLong);
            }
            // Pieces are small, so the write is too short to be worth another thread.
            self.file.write_all(&chunk).map_err(TransferError::Write)?;
            self.hash.update(&chunk);
        }
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.rewind()?;
        self.bytes = 0;
        self.hash = Sha256::new();
        self.version = None;
        Ok(())
    }

    /// The SHA-256 of what has come, in lowercase hex.
    pub(crate) fn sha256(&self) -> String {
        base16ct::lower::encode_string(&self.hash.clone().finalize())
    }
}

/// A strong ETag, or else the time of the last change.
fn version(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers
        .get(ETAG)
        .filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// Whether it is HTML that comes.
fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let page = b"text/html";
    kind.and_then(|kind| kind.get(..page.len()))
        .is_some_and(|kind| kind.eq_ignore_ascii_case(page))
}

/// Whether a URL leaves it open that its file is HTML. Where it names another kind of file, HTML is
/// what a gateway or a login page puts in its place, with a status as if all were well.
fn may_be_page(url: &Url) -> bool {
    extension(url).is_none_or(|kind| {
        let pages = ["html", "htm"];
        pages.iter().any(|page| kind.eq_ignore_ascii_case(page))
    })
}

/// Where the content of a partial answer begins.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}
