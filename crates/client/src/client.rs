//! The client of the API, and how its calls are sent.

use std::fmt::{self, Display};
use std::future::{Future, pending};
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, Url};
use serde::Serialize;
use serde_json::Value;

use crate::answer::{Answer, CallError};
use crate::http::{HttpError, HttpErrorKind, HttpService, Purpose, RequestContext};
use crate::key::ApiKey;

/// The characters that have a meaning in the path of a URL, and those that no URL may contain
/// (RFC 3986, section 3.3). The others are sent as they are. A backslash is a slash to some servers, and to
/// the parser of URLs.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'/')
    .add(b'%');

/// A client of the API: one method for each call, each of which is made once. Cloning is cheap.
///
/// Every method returns the [`Answer`], whatever its status is, and an error only if there was none.
#[derive(Clone)]
pub struct Client {
    /// The base URL without a slash at its end.
    base_url: Arc<str>,
    http: Arc<dyn HttpService>,
    key: ApiKey,
    /// The number of the attempt that the next call belongs to.
    attempt: u32,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client that sends its calls by this service. Nothing is sent.
    #[must_use]
    pub fn new(base_url: &Url, http: Arc<dyn HttpService>, key: ApiKey) -> Self {
        Self {
            base_url: base_url.as_str().trim_end_matches('/').into(),
            http,
            key,
            attempt: 1,
        }
    }

    /// Returns the API key that the calls carry.
    #[must_use]
    pub fn api_key(&self) -> &ApiKey {
        &self.key
    }

    /// Returns a client whose calls tell the service that they are this attempt, counted from 1. Retries
    /// themselves are left to the caller.
    #[must_use]
    pub fn with_attempt(&self, attempt: u32) -> Self {
        let mut client = self.clone();
        client.attempt = attempt;
        client
    }

    /// Makes a call that this crate has no method for, once: `path` is appended to the base URL. Returns
    /// the answer, whatever its status is.
    ///
    /// # Errors
    /// Returns an error if no answer was received.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut request = self.request(method, path)?;
        if let Some(body) = body {
            request = request.json(body)?;
        }
        self.send(request).await
    }

    /// Creates a request for the path of a call. `path` is appended to the base URL and may have a query.
    pub(crate) fn request(&self, method: Method, path: &str) -> Result<ApiRequest, CallError> {
        // The base URL has a path of its own, which `Url::join` would replace.
        let path = path.trim_start_matches('/');
        let url = Url::parse(&format!("{}/{path}", self.base_url)).map_err(unbuildable)?;
        Ok(ApiRequest(Request::new(method, url)))
    }

    /// Sends a request with the API key, and reads the whole answer.
    pub(crate) async fn send(&self, request: ApiRequest) -> Result<Answer, CallError> {
        let response = self.respond(request, Purpose::Api).await?;
        Ok(self.read(response, pending()).await)
    }

    /// Sends a request with the API key, and returns the response before its body has arrived.
    pub(crate) async fn respond(
        &self,
        request: ApiRequest,
        purpose: Purpose,
    ) -> Result<Response, HttpError> {
        let mut request = request.0;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.key.authorization());
        let context = RequestContext::new(purpose).attempt(self.attempt);
        let response = self.http.send(request, context).await;
        response.map_err(|error| error.without_key(&self.key))
    }

    /// Reads the answer of a response until its end, or until `limit` resolves.
    pub(crate) async fn read(&self, response: Response, limit: impl Future<Output = ()>) -> Answer {
        let answer = Answer::from_response(response, limit).await;
        answer.without_key(&self.key)
    }
}

/// A request of the API, without the API key.
#[derive(Debug)]
pub(crate) struct ApiRequest(Request);

impl ApiRequest {
    /// Adds a parameter to the query: a text, a number or a Boolean. An array adds one parameter for each
    /// element, and `None` adds nothing.
    pub(crate) fn query(mut self, name: &str, value: &impl Serialize) -> Result<Self, CallError> {
        let values = match serde_json::to_value(value).map_err(unbuildable)? {
            Value::Null => return Ok(self),
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            // JSON writes numbers and Booleans as queries do, but quotes texts.
            let text = match value {
                Value::String(text) => text,
                value => value.to_string(),
            };
            self.0.url_mut().query_pairs_mut().append_pair(name, &text);
        }
        Ok(self)
    }

    /// Sets the body to a value as JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, CallError> {
        let body = serde_json::to_vec(body).map_err(unbuildable)?;
        *self.0.body_mut() = Some(body.into());
        Ok(self.header(CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: reqwest::Body) -> Self {
        *self.0.body_mut() = Some(body);
        self
    }
}

/// Returns the error of a request that cannot be built.
pub(crate) fn unbuildable(error: impl std::error::Error + Send + Sync + 'static) -> CallError {
    HttpError::new(HttpErrorKind::Request)
        .with_source(error)
        .into()
}

/// Encodes a value as one segment of a path.
pub(crate) fn encode_path(segment: impl Display) -> String {
    utf8_percent_encode(&segment.to_string(), PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segment_cannot_leave_its_place() {
        for (segment, encoded) in [
            ("pred_1-A", "pred_1-A"),
            ("a/../b?c#d%", "a%2F..%2Fb%3Fc%23d%25"),
            ("ä \"", "%C3%A4%20%22"),
            (r"a\..\b", "a%5C..%5Cb"),
            ("%2e%2e", "%252e%252e"),
        ] {
            assert_eq!(encode_path(segment), encoded);
        }
    }

    #[test]
    fn query_has_the_parameters_that_have_a_value() {
        let url = Url::parse("https://a.example/b").unwrap();
        let request = ApiRequest(Request::new(Method::GET, url));
        let request = request.query("text", &"a b&c").unwrap();
        let request = request.query("none", &None::<bool>).unwrap();
        let request = request.query("yes", &Some(true)).unwrap();
        let request = request.query("each", &[1, 2]).unwrap();
        let request = request.query("empty", &[0; 0]).unwrap();
        let query = "text=a+b%26c&yes=true&each=1&each=2";
        assert_eq!(request.0.url().query(), Some(query));
    }
}
