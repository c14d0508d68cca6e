//! The error of a request without a response.

use std::error::Error;
use std::{fmt, iter};

use crate::key::ApiKey;
use crate::text::{chain, hide_logins};

/// A boxed source of an error.
type Source = Box<dyn Error + Send + Sync>;

/// The error of a request that got no response.
#[derive(Debug)]
pub struct HttpError {
    kind: HttpErrorKind,
    message: Option<String>,
    source: Option<Source>,
}

/// The kind of an [`HttpError`]: what is known about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The request could not be built.
    Request,
    /// No connection was established.
    Connect,
    /// No response came in time.
    Timeout,
    /// The connection broke, or the response was not HTTP.
    Broken,
    /// The server proved that it did not process the request: by `REFUSED_STREAM` of HTTP/2, or by a
    /// `GOAWAY` that names an earlier request as the last one (RFC 9113, section 8.7).
    Unprocessed,
}

impl HttpErrorKind {
    /// Returns `true` unless the kind proves that the server did not process the request.
    #[must_use]
    pub fn may_be_processed(self) -> bool {
        !matches!(self, Self::Request | Self::Connect | Self::Unprocessed)
    }
}

impl HttpError {
    /// Creates an error without a reason.
    #[must_use]
    pub fn new(kind: HttpErrorKind) -> Self {
        let (message, source) = (None, None);
        Self {
            kind,
            message,
            source,
        }
    }

    /// Sets the text of the error, which must not contain a URL or the API key. The default is the text of
    /// the source and of its own sources.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the source of the error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Replaces an error whose text contains the API key or the password of a URL by one without them, and
    /// without its source.
    pub(crate) fn without_key(self, key: &ApiKey) -> Self {
        let text = self.to_string();
        let redacted = key.redact(&hide_logins(&text));
        match redacted == text {
            true => self,
            false => Self::new(self.kind).with_message(redacted),
        }
    }

    /// Returns what is known about the request.
    #[must_use]
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}

/// Writes the whole chain of reasons in one line: a connection error says why only in its sources.
impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, &self.source) {
            (Some(message), _) => f.write_str(message),
            (None, Some(source)) => f.write_str(&chain(&**source)),
            (None, None) => f.write_str(match self.kind {
                HttpErrorKind::Request => "the request could not be built",
                HttpErrorKind::Connect => "no connection was established",
                HttpErrorKind::Timeout => "no response came in time",
                HttpErrorKind::Broken => "the connection broke",
                HttpErrorKind::Unprocessed => "the server did not process the request",
            }),
        }
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Takes the kind from the error of the HTTP library. The URL, which may contain a signature, is removed.
impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        let kind = if error.is_builder() {
            HttpErrorKind::Request
        } else if error.is_connect() {
            // Before the timeouts: a connection that took too long was never established.
            HttpErrorKind::Connect
        } else if error.is_timeout() {
            HttpErrorKind::Timeout
        } else if error.is_request() && is_unprocessed(&error) {
            HttpErrorKind::Unprocessed
        } else {
            HttpErrorKind::Broken
        };
        Self::new(kind).with_source(error.without_url())
    }
}

/// Returns `true` if a frame of HTTP/2 proves that the server did not process the request. `h2` gives the
/// error of a GOAWAY from the server only to the streams after the last one that the frame names; the
/// other streams get an I/O error when the connection closes.
fn is_unprocessed(error: &reqwest::Error) -> bool {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<h2::Error>())
        .any(|error| {
            let is_refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
            error.is_remote() && (error.is_go_away() || error.is_reset() && is_refused)
        })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn text_is_the_message_or_the_chain_of_reasons_or_the_kind() {
        let error = HttpError::new(HttpErrorKind::Connect);
        assert_eq!(error.to_string(), "no connection was established");
        assert!(error.source().is_none());
        let reason = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = error.with_source(HttpError::new(HttpErrorKind::Broken).with_source(reason));
        assert_eq!(error.to_string(), "connection refused");
        assert!(error.source().is_some());
        assert_eq!(error.with_message("refused").to_string(), "refused");
    }

    #[test]
    fn only_three_kinds_prove_that_nothing_was_processed() {
        for (kind, expected) in [
            (HttpErrorKind::Request, false),
            (HttpErrorKind::Connect, false),
            (HttpErrorKind::Unprocessed, false),
            (HttpErrorKind::Timeout, true),
            (HttpErrorKind::Broken, true),
        ] {
            assert_eq!(kind.may_be_processed(), expected, "{kind:?}");
        }
    }
}
