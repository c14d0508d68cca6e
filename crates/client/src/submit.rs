//! The submit, the one call that costs money. The call is written by hand, and nowhere else, because it
//! must never be sent twice, which generated code does not guarantee.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::Full;
use progenitor_client::ClientInfo as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::answer::{Answer, CallError};
use crate::generated::Client;
use crate::ids::ModelId;
use crate::text::chain;

impl Client {
    /// Submits an input to a model, which need not be in the [`CATALOGUE`](crate::CATALOGUE): sends
    /// one POST with `body`, the input as JSON text, and returns the answer, whatever its status is. The
    /// vendor bills each prediction that it accepts.
    ///
    /// The body can be sent only once, so neither a redirect nor a retry of the HTTP library can
    /// repeat the POST, whatever the settings of the `reqwest::Client` are.
    ///
    /// `webhook` is the URL to which the vendor POSTs the prediction once it has ended. When `limit`
    /// resolves, the wait ends. The part of the answer received until then is returned, because it
    /// may contain the id.
    ///
    /// # Errors
    /// Returns an error if no answer was received. Unless the error is [`CallError::Request`], the
    /// prediction may have been created.
    pub async fn submit_raw(
        &self,
        model: &ModelId,
        body: String,
        webhook: Option<&str>,
        limit: impl Future<Output = ()>,
    ) -> Result<Answer, CallError> {
        let url = format!(
            "{}/{}",
            self.baseurl().trim_end_matches('/'),
            model.as_str()
        );
        let request = self
            .client()
            .post(&url)
            .query(&webhook.map(|url| [("webhook", url)]))
            .header(AUTHORIZATION, self.inner().authorization())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            // A body of bytes could be cloned, and with it the request be repeated. A wrapped body
            // cannot.
            .body(reqwest::Body::wrap(Full::new(Bytes::from(body))))
            .send();
        let mut limit = pin!(limit);
        let response = match select(pin!(request), limit.as_mut()).await {
            Either::Left((Ok(response), _)) => response,
            // Nothing was sent if the request could not be built or the connection to the API was
            // never established, so it is safe to submit again.
            Either::Left((Err(error), _))
                if error.is_builder() || never_connected(&error, &url) =>
            {
                return Err(CallError::Request(chain(&error.without_url())));
            }
            Either::Left((Err(error), _)) => return Err(error.without_url().into()),
            Either::Right(_) => return Err(CallError::Limit),
        };
        Ok(Answer::from_response(response, limit).await)
    }
}

/// Returns `true` if the connection to `url` could not be established. A client that follows redirects
/// may also fail to connect to another URL after the POST was sent.
fn never_connected(error: &reqwest::Error, url: &str) -> bool {
    let is_same = |failed: &reqwest::Url| failed.as_str().split('?').next() == Some(url);
    error.is_connect() && error.url().is_some_and(is_same)
}
