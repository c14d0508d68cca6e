//! The calls that reached the emulator, for tests to look at: the last thousand, and nothing in
//! them that is secret or large.

use std::collections::VecDeque;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::Value;

/// How many calls are kept.
const CALLS: usize = 1_000;
/// The longest body that is kept.
const BODY_BYTES: usize = 64 * 1024;
/// What stands for the value of a header that carries a key.
const HIDDEN: &str = "(hidden)";

/// A call that reached the emulator, whatever came of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// Names, in lower case, and values of the headers; of one that carries a key, `(hidden)`.
    pub headers: Vec<(String, String)>,
    /// The body of an API call; absent if there was none, if it was not JSON or above 64 KiB.
    pub body: Option<Value>,
}

impl RecordedRequest {
    /// The first value of a header; its name is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

#[derive(Default)]
pub(crate) struct Log(VecDeque<RecordedRequest>);

impl Log {
    pub(crate) fn push(&mut self, parts: &Parts, body: &[u8]) {
        if self.0.len() == CALLS {
            self.0.pop_front();
        }
        let value = |name: &str, value: &[u8]| match name {
            _ if name == AUTHORIZATION.as_str() || name == "x-api-key" => HIDDEN.to_owned(),
            _ => String::from_utf8_lossy(value).into_owned(),
        };
        let headers = parts.headers.iter().map(|(name, bytes)| {
            let name = name.as_str();
            (name.to_owned(), value(name, bytes.as_bytes()))
        });
        self.0.push_back(RecordedRequest {
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            headers: headers.collect(),
            body: (body.len() <= BODY_BYTES)
                .then(|| serde_json::from_slice(body).ok())
                .flatten(),
        });
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_log_is_bounded_and_holds_no_key() {
        let mut log = Log::default();
        for index in 0..=CALLS {
            let (parts, ()) = Request::post(format!("/call/{index}?a=b"))
                .header("Authorization", "Bearer secret")
                .header("X-API-Key", "secret")
                .header("X-Client-Name", "test")
                .body(())
                .unwrap()
                .into_parts();
            log.push(&parts, br#"{"a":1}"#);
        }
        let all = log.all();
        assert_eq!(all.len(), CALLS);
        assert_eq!(all[0].path, "/call/1?a=b");
        assert_eq!(all[0].header("authorization"), Some(HIDDEN));
        assert_eq!(all[0].header("x-client-name"), Some("test"));
        assert_eq!(all[0].body, Some(serde_json::json!({ "a": 1 })));
        assert!(!format!("{all:?}").contains("secret"));
    }

    #[test]
    fn a_large_body_is_not_kept() {
        let (parts, ()) = Request::post("/").body(()).unwrap().into_parts();
        let body = format!("\"{}\"", "x".repeat(BODY_BYTES));
        let mut log = Log::default();
        log.push(&parts, body.as_bytes());
        assert_eq!(log.all()[0].body, None);
    }
}
