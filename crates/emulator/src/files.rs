//! Serves files by HTTP, whole or one range of them, since a client has to go on where a transfer
//! broke off. Where files come from is not its business.

use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tempfile::TempPath;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

/// A file that was uploaded. It is removed from the disk when the last use of it is gone.
#[derive(Debug)]
pub(crate) struct StoredFile {
    pub(crate) path: TempPath,
    pub(crate) size: u64,
    pub(crate) content_type: String,
}

/// A file to serve.
pub(crate) struct File {
    content: Content,
    content_type: String,
    /// Its `ETag`, with the quotes.
    tag: String,
}

enum Content {
    BuiltIn(&'static [u8]),
    Stored(Arc<StoredFile>),
}

impl File {
    pub(crate) fn built_in(bytes: &'static [u8], content_type: &str, tag: String) -> Self {
        Self {
            content: Content::BuiltIn(bytes),
            content_type: content_type.to_owned(),
            tag,
        }
    }

    pub(crate) fn stored(file: Arc<StoredFile>, content_type: &str, tag: String) -> Self {
        Self {
            content: Content::Stored(file),
            content_type: content_type.to_owned(),
            tag,
        }
    }

    /// The answer to a GET or a HEAD.
    pub(crate) async fn serve(self, headers: &HeaderMap) -> Response {
        let size = match &self.content {
            Content::BuiltIn(bytes) => bytes.len() as u64,
            Content::Stored(file) => file.size,
        };
        let (status, range) = match requested(headers, &self.tag, size) {
            Requested::Whole => (StatusCode::OK, 0..size),
            Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Requested::Nothing => {
                let range = [(CONTENT_RANGE, format!("bytes */{size}"))];
                return (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response();
            }
        };
        let length = range.end - range.start;
        let content_range = (status == StatusCode::PARTIAL_CONTENT)
            .then(|| format!("bytes {}-{}/{size}", range.start, range.end - 1));
        let body = match self.content.read(range).await {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "a stored file cannot be read");
                let message = format!("the file cannot be read: {error}");
                return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
            }
        };
        let headers = [
            (ACCEPT_RANGES, "bytes".to_owned()),
            (CONTENT_LENGTH, length.to_string()),
            (CONTENT_TYPE, self.content_type),
            (ETAG, self.tag),
        ];
        match content_range {
            Some(range) => (status, headers, [(CONTENT_RANGE, range)], body).into_response(),
            None => (status, headers, body).into_response(),
        }
    }
}

impl Content {
    async fn read(self, range: Range<u64>) -> std::io::Result<Body> {
        match self {
            Self::BuiltIn(bytes) => {
                let range = range.start as usize..range.end as usize;
                Ok(Body::from(bytes.get(range).unwrap_or_default()))
            }
            Self::Stored(stored) => {
                let mut file = tokio::fs::File::open(&stored.path).await?;
                file.seek(SeekFrom::Start(range.start)).await?;
                let part = file.take(range.end - range.start);
                Ok(Body::from_stream(ReaderStream::new(part)))
            }
        }
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Requested {
    Whole,
    Part(Range<u64>),
    /// A part behind the end.
    Nothing,
}

/// What of a file of `size` bytes is wanted. More than one range, or one that cannot be read, is
/// answered with the whole file, as RFC 9110 permits.
fn requested(headers: &HeaderMap, tag: &str, size: u64) -> Requested {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(IF_RANGE) && header(IF_RANGE) != Some(tag) {
        return Requested::Whole;
    }
    let range = header(RANGE).and_then(|value| value.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else {
        return Requested::Whole;
    };
    let range = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Requested::Whole,
    };
    if range.is_empty() {
        Requested::Nothing
    } else {
        Requested::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ask(range: &'static str, if_range: Option<&'static str>) -> Requested {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(range));
        if let Some(tag) = if_range {
            headers.insert(IF_RANGE, HeaderValue::from_static(tag));
        }
        requested(&headers, "\"tag\"", 10)
    }

    #[test]
    fn single_ranges_are_understood() {
        for (range, wanted) in [
            ("bytes=0-3", Requested::Part(0..4)),
            ("bytes=4-", Requested::Part(4..10)),
            ("bytes=9-9", Requested::Part(9..10)),
            ("bytes=5-99", Requested::Part(5..10)),
            ("bytes=5-18446744073709551615", Requested::Part(5..10)),
            ("bytes=-4", Requested::Part(6..10)),
            ("bytes=-99", Requested::Part(0..10)),
            ("bytes=10-", Requested::Nothing),
            ("bytes=-0", Requested::Nothing),
        ] {
            assert_eq!(ask(range, None), wanted, "{range}");
        }
    }

    #[test]
    fn anything_else_means_the_whole_file() {
        for range in [
            "bytes=3-1",
            "bytes=a-b",
            "bytes=-",
            "bytes=0-1,3-4",
            "lines=1-2",
            "",
        ] {
            assert_eq!(ask(range, None), Requested::Whole, "{range}");
        }
        assert_eq!(
            requested(&HeaderMap::new(), "\"tag\"", 10),
            Requested::Whole
        );
    }

    #[test]
    fn a_range_of_another_version_means_the_whole_file() {
        assert_eq!(ask("bytes=4-", Some("\"tag\"")), Requested::Part(4..10));
        assert_eq!(ask("bytes=4-", Some("\"old\"")), Requested::Whole);
        assert_eq!(
            ask("bytes=4-", Some("Fri, 02 Jan 2026 03:04:05 GMT")),
            Requested::Whole
        );
    }
}
