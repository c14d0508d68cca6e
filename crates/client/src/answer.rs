//! Answers of the vendor, kept whole: the status, the headers, and every byte that was received.
//!
//! The id of a paid prediction must not be lost because a field has an unexpected value, the body is
//! cut off, or a gateway answers with HTML. So a call returns an [`Answer`] whatever its status and
//! content are. Parsing is a second step: each method of [`Answer`] returns the part that it can read
//! and ignores the rest.

mod content;
pub(crate) mod record;
pub(crate) mod redact;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use futures_util::future::{Either, select};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::http::{FollowedRedirect, HttpError, HttpErrorKind};
use crate::ids::PredictionId;
use crate::key::ApiKey;
use crate::prediction::Prediction;
use crate::text::{hide_logins, shorten};

/// The longest body that is read, in bytes. Predictions are a few kilobytes, but some models put
/// whole files into them.
const BODY_LIMIT: usize = 64 << 20;

/// The longest wait that a `Retry-After` can cause. A mistaken server must not stop a program for years.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// An HTTP answer as it was received.
///
/// Texts about the answer contain neither the API key nor a password of a URL: its `Debug` and `Display`,
/// [`text`](Self::text), [`envelope`](Self::envelope) and [`prediction`](Self::prediction). The exceptions are
/// values that are used: ids, URLs, inputs and outputs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or the part of it that was received.
    pub body: Bytes,
    /// The reason for which the body is incomplete, if it is.
    pub broken: Option<String>,
    /// `true` if the HTTP client followed a redirect, so that this is not the answer to the request itself.
    /// Only a [`reqwest::Client`] of the program does that.
    pub followed_redirect: bool,
    /// The API key of the call, which texts about the answer must not contain.
    key: Option<ApiKey>,
}

/// The error of a call that received no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The submit was certainly not processed: the request could not be built, no connection was
    /// established, or the server proved it ([`HttpErrorKind::Unprocessed`](crate::HttpErrorKind)). Only
    /// [`Client::submit_raw`](crate::Client::submit_raw) returns this variant.
    #[error(transparent)]
    Unprocessed(HttpError),
    /// The time limit of the call expired before an answer arrived.
    #[error("no answer arrived within the time limit")]
    Limit,
    /// No answer arrived; of a submit it is not known whether the server has processed it.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl CallError {
    /// Turns the error of a request that could not be built into one of a submit.
    pub(crate) fn into_unprocessed(self) -> Self {
        match self {
            Self::Http(error) if error.kind() == HttpErrorKind::Request => Self::Unprocessed(error),
            other => other,
        }
    }
}

/// The fields around the data of an answer. Missing fields and fields of an unexpected type are
/// `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Envelope {
    /// The status code in the body: 200 for success.
    pub code: Option<i64>,
    /// The error message, for people.
    pub message: Option<String>,
    /// The error code, for programs.
    pub error_code: Option<String>,
    /// The requested record. `null` counts as missing.
    pub data: Option<Value>,
}

impl Answer {
    /// Creates an answer with this status and body, and without headers.
    ///
    /// # Panics
    /// Panics if `status` is not an HTTP status code.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("the status should be an HTTP status code"),
            headers: HeaderMap::new(),
            body: body.into(),
            broken: None,
            followed_redirect: false,
            key: None,
        }
    }

    /// Leaves the API key out of every text about this answer: a server may repeat the request in its
    /// answer.
    #[must_use]
    pub fn without_key(mut self, key: &ApiKey) -> Self {
        self.key = Some(key.clone());
        self.broken = self.broken.map(|broken| key.redact(&broken));
        self
    }

    /// Returns the body as text, without the API key and the passwords of URLs. Compressed bodies and those in UTF-16 are decoded.
    #[must_use]
    pub fn text(&self) -> String {
        self.redact(&self.content())
    }

    /// Returns the body as text.
    fn content(&self) -> Cow<'_, str> {
        content::text(&self.headers, &self.body)
    }

    /// Returns a text about this answer without the API key and the passwords of URLs.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let text = hide_logins(text);
        match &self.key {
            Some(key) => key.redact(&text),
            None => text.into_owned(),
        }
    }

    /// Reads the answer of a response until its end, or until `limit` resolves.
    /// An error in the middle of the body does not discard the bytes before it.
    pub(crate) async fn from_response(
        response: reqwest::Response,
        limit: impl Future<Output = ()>,
    ) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let followed_redirect = response.extensions().get::<FollowedRedirect>().is_some();
        let (mut body, mut limit) = (pin!(response.bytes_stream()), pin!(limit));
        let mut bytes = BytesMut::new();
        let broken = loop {
            // `select` polls the body first, so bytes that are ready when the limit comes are kept.
            let next = match select(body.try_next(), limit.as_mut()).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => break Some("the rest did not arrive in time".to_owned()),
            };
            match next {
                Ok(None) => break None,
                Ok(Some(chunk)) if bytes.len() + chunk.len() > BODY_LIMIT => {
                    break Some(format!("the body is longer than {} MiB", BODY_LIMIT >> 20));
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Err(error) => break Some(error.without_url().to_string()),
            }
        };
        Self {
            status,
            headers,
            body: bytes.freeze(),
            broken,
            followed_redirect,
            key: None,
        }
    }

    /// Returns the body as JSON, or `None` if it is not JSON. Nothing in it is redacted.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.content()).ok()
    }

    /// Returns the envelope, redacted; all its fields are `None` if the body is not a JSON object.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let Some(Value::Object(mut fields)) = self.json() else {
            return Envelope::default();
        };
        redact::redact_fields(&mut fields, &|text| self.redact(text));
        // An empty message says nothing, so a caller can fall back to another field.
        let mut text = |key| match fields.remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (message, error_code) = (text("message"), text("error_code"));
        let data = fields.remove("data").filter(|data| !data.is_null());
        Envelope {
            code: fields.get("code").and_then(Value::as_i64),
            message,
            error_code,
            data,
        }
    }

    /// Returns the id of the prediction in this answer, whatever else the answer contains. The body may be
    /// cut off after the id.
    ///
    /// The id is `data.id`, or else that in the URL `data.urls.get`. The data may also be a list with one
    /// record or a JSON text, and in a success (2xx) the envelope may be missing. A number is an id as it is
    /// written.
    #[must_use]
    pub fn prediction_id(&self) -> Option<PredictionId> {
        self.raw_id()?.parse().ok()
    }

    /// Returns the text in the place of the id, of which [`prediction_id`](Self::prediction_id) makes
    /// nothing if it cannot be used.
    #[must_use]
    pub fn raw_id(&self) -> Option<String> {
        // An error has an id of its own, that of the request.
        record::id(&self.content(), self.status.is_success())
    }

    /// Returns the prediction in this answer, found in the places of its [id](Self::prediction_id). A number
    /// as the id becomes a text.
    #[must_use]
    pub fn prediction(&self) -> Option<Prediction> {
        let id = self.raw_id()?;
        let mut fields = record::fields(&self.content())?;
        redact::redact_fields(&mut fields, &|text| self.redact(text));
        fields.insert("id".to_owned(), id.into());
        Prediction::from_json(fields.into())
    }

    /// Returns the time to wait that the header `Retry-After` asks for, in seconds or as a date: at most one
    /// hour. A fraction of a second counts as a whole one, and a date in the past is no wait.
    ///
    /// A date is compared with the date of the answer itself, since this machine's clock may be wrong. `now`
    /// is used if the answer has none.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        // RFC 9110 allows whole seconds and dates (section 10.2.3); some servers send fractions.
        let text = self.header(&RETRY_AFTER)?.trim();
        let requested = match seconds(text) {
            Some(requested) => requested,
            None => {
                let until = httpdate::parse_http_date(text).ok()?;
                until
                    .duration_since(self.date().unwrap_or(now))
                    .unwrap_or_default()
            }
        };
        Some(requested.min(MAX_RETRY_AFTER))
    }

    /// Returns the time at which the server sent this answer, by its own clock: the header `Date`.
    #[must_use]
    pub fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header(&DATE)?).ok()
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Reads a number of seconds, which may have a fraction, and rounds it up.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // A number beyond the range of u64 is still a long time.
    let seconds: u64 = whole.parse().unwrap_or(u64::MAX);
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    Some(Duration::from_secs(
        seconds.saturating_add(has_fraction.into()),
    ))
}

/// Shows the start of the body, and everything redacted.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            format!("{name}: {}", self.redact(&value))
        };
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field(
                "headers",
                &self.headers.iter().map(header).collect::<Vec<_>>(),
            )
            .field("body", &shorten(&self.text(), 1_024))
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

/// Describes an answer that is not a success in one line: the status, and the vendor's message or the
/// start of a body that is not JSON.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status.as_u16())?;
        let envelope = self.envelope();
        // The code in the body usually repeats the status.
        if let Some(code) = envelope
            .code
            .filter(|code| *code != i64::from(self.status.as_u16()))
        {
            write!(f, " with code {code}")?;
        }
        if let Some(message) = envelope.message.or(envelope.error_code) {
            write!(f, ": {message}")?;
        } else if self.json().is_none() && !self.body.is_empty() {
            // A long HTML page is not searched for the sake of its first 120 characters.
            let start = self.redact(&shorten(&self.content(), 1_024));
            write!(f, ": {:?}", shorten(start.trim(), 120))?;
        }
        if let Some(broken) = &self.broken {
            write!(f, " (incomplete: {broken})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
