//! An answer of the vendor with nothing lost: status, headers, and every byte that came.
//!
//! A paid record must not be lost because one word in it is unexpected, a body breaks off, or a
//! gateway speaks HTML. So a call yields an [`Answer`] whatever it says; reading it is a second
//! step, and each of its steps gives what there is.

use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::{Stream, TryStreamExt as _};
use progenitor_client::{ByteStream, Error, ResponseValue};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::PredictionId;
use crate::text::shorten;

/// The longest body that is read. Predictions are a few kilobytes; some models put whole files
/// into them.
const BODY_LIMIT: usize = 64 << 20;

/// An answer, as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or as much of it as came.
    pub body: Bytes,
    /// Why there is no more of the body, if it is not whole.
    pub broken: Option<String>,
}

/// There was no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request could not be made, or no connection stood; nothing was sent.
    #[error("{0}")]
    Request(String),
    /// None came within the limit that was set.
    #[error("no answer came in time")]
    Limit,
    /// The connection failed, before, while or after the request was sent.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// What the envelope says, with whatever is missing or of another type left out.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Envelope {
    /// 200 for success.
    pub code: Option<i64>,
    /// What is wrong, for people.
    pub message: Option<String>,
    /// What is wrong, for programs.
    pub error_code: Option<String>,
    /// What was asked for. Null counts as missing.
    pub data: Option<Value>,
}

impl Answer {
    /// An answer of this status with this body and no headers.
    ///
    /// # Panics
    /// If it is not a status of HTTP.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("it is a status"),
            headers: HeaderMap::new(),
            body: body.into(),
            broken: None,
        }
    }

    /// The answer to a generated call, whatever its status.
    ///
    /// # Errors
    /// If there was none.
    pub async fn of(call: Result<ResponseValue<ByteStream>, Error<()>>) -> Result<Self, CallError> {
        match call {
            Ok(answer) => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                let body = answer.into_inner_stream();
                Ok(Self::read(status, headers, body, pending()).await)
            }
            Err(Error::UnexpectedResponse(response)) => {
                Ok(Self::from_response(response, pending()).await)
            }
            Err(Error::CommunicationError(error) | Error::ResponseBodyError(error)) => {
                Err(error.without_url().into())
            }
            Err(other) => Err(CallError::Request(other.to_string())),
        }
    }

    /// The answer that a response begins, or what came of it when `limit` was done.
    pub(crate) async fn from_response(
        response: reqwest::Response,
        limit: impl Future<Output = ()>,
    ) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self::read(status, headers, response.bytes_stream(), limit).await
    }

    async fn read(
        status: StatusCode,
        headers: HeaderMap,
        body: impl Stream<Item = reqwest::Result<Bytes>>,
        limit: impl Future<Output = ()>,
    ) -> Self {
        let (mut body, mut limit) = (pin!(body), pin!(limit));
        let mut bytes = BytesMut::new();
        let broken = loop {
            let next = match select(body.try_next(), limit.as_mut()).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => break Some("the rest did not come in time".to_owned()),
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
        }
    }

    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the envelope says; empty if there is none.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let Some(Value::Object(mut fields)) = self.json() else {
            return Envelope::default();
        };
        let mut text = |key| match fields.remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (message, error_code) = (text("message"), text("error_code"));
        Envelope {
            code: fields.get("code").and_then(Value::as_i64),
            message,
            error_code,
            data: fields.remove("data").filter(|data| !data.is_null()),
        }
    }

    /// The id in `data.id`, if one can be read, whatever else is in the answer: also from a body
    /// that breaks off after it.
    #[must_use]
    pub fn prediction_id(&self) -> Option<PredictionId> {
        let mut found = None;
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        // The error is of no interest: what was found before it counts.
        _ = Path {
            keys: &["data", "id"],
            found: &mut found,
        }
        .deserialize(&mut json);
        found?.parse().ok()
    }

    /// How long the vendor asks to wait, counted from `now`.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    }
}

/// One line about an answer that is no success: the status, and what the vendor says or the start
/// of a body that is not JSON.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status.as_u16())?;
        let envelope = self.envelope();
        if let Some(code) = envelope
            .code
            .filter(|code| *code != i64::from(self.status.as_u16()))
        {
            write!(f, " with code {code}")?;
        }
        if let Some(message) = envelope.message.or(envelope.error_code) {
            write!(f, ": {message}")?;
        } else if self.json().is_none() && !self.body.is_empty() {
            let start = String::from_utf8_lossy(&self.body[..self.body.len().min(1_024)]);
            write!(f, ": {:?}", shorten(start.trim(), 120))?;
        }
        if let Some(broken) = &self.broken {
            write!(f, " (incomplete: {broken})")?;
        }
        Ok(())
    }
}

/// Reads the string under a path of keys as soon as it is met.
struct Path<'a> {
    keys: &'static [&'static str],
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Path<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Path<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object or a string")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.keys.split_first() {
                Some((first, rest)) if key == *first => {
                    map.next_value_seed(Path {
                        keys: rest,
                        found: self.found,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.keys.is_empty() {
            *self.found = Some(text.to_owned());
        }
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::new(status, body.to_owned())
    }

    #[test]
    fn reads_an_id_whatever_else_is_there() {
        for body in [
            r#"{"code":200,"data":{"id":"pred_1"}}"#,
            r#"{"data":{"status":{"odd":[1,{}]},"id":"pred_1","outputs":7}}"#,
            r#"{"code":"two hundred","data":{"id":"pred_1","sta"#,
            r#"{"data":{"id":"pred_1""#,
        ] {
            let id = answer(200, body).prediction_id();
            assert_eq!(
                id.as_ref().map(PredictionId::as_str),
                Some("pred_1"),
                "{body}"
            );
        }
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"id":"pred_1"}"#,
            r#"{"data":null}"#,
            r#"{"data":{"id":7.5}}"#,
            r#"{"data":{"id":"../../etc"}}"#,
            r#"{"data":[{"id":"pred_1"}]}"#,
            r#"{"data":{"id":"pred_"#,
        ] {
            assert_eq!(answer(200, body).prediction_id(), None, "{body}");
        }
    }

    #[test]
    fn reads_retry_after_in_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut busy = answer(429, "");
            busy.headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(
                busy.retry_after(now),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
        assert_eq!(answer(429, "").retry_after(now), None);
    }

    #[test]
    fn says_what_is_known_in_one_line() {
        let line = |status, body| answer(status, body).to_string();
        assert_eq!(
            line(404, r#"{"code":404,"message":"Prediction not found."}"#),
            "HTTP 404: Prediction not found."
        );
        assert_eq!(
            line(
                200,
                r#"{"code":5003,"message":"Service unavailable","data":null}"#
            ),
            "HTTP 200 with code 5003: Service unavailable"
        );
        assert_eq!(
            line(502, "<html>\n bad gateway"),
            r#"HTTP 502: "<html>\n bad gateway""#
        );
        assert_eq!(line(503, ""), "HTTP 503");
        assert_eq!(line(403, r#"{"code":403,"message":null}"#), "HTTP 403");
        assert_eq!(
            line(403, r#"{"code":403,"message":null,"error_code":"role"}"#),
            "HTTP 403: role"
        );
    }

    /// Any JSON, not too deep.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((".{0,6}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in 100u16..1000) {
            let answer = Answer::new(status, bytes);
            let (_, _, line) = (answer.prediction_id(), answer.envelope(), answer.to_string());
            prop_assert!(line.starts_with("HTTP "));
        }

        /// Whatever stands before and after it, and wherever after it the answer breaks off.
        #[test]
        fn an_id_that_is_in_the_bytes_is_not_lost(
            id in "[A-Za-z0-9_-]{4,40}",
            before in proptest::collection::vec(("[b-z]{1,6}", any_json()), 0..4),
            after in any_json(),
            cut in 0usize..400,
        ) {
            let mut data: serde_json::Map<String, Value> = before.into_iter().collect();
            data.remove("id");
            data.insert("id".into(), id.clone().into());
            let known = format!(r#"{{"code":200,"data":{}"#, Value::Object(data));
            let known = known.strip_suffix('}').unwrap();
            let whole = format!(r#"{known},"after":{after}}}}}"#);
            let mut end = (known.len() + cut).min(whole.len());
            while !whole.is_char_boundary(end) {
                end -= 1;
            }
            let answer = answer(200, &whole[..end]);
            let found = answer.prediction_id();
            prop_assert_eq!(found.as_ref().map(PredictionId::as_str), Some(&*id));
        }
    }
}
