//! The one call that costs money. It is written by hand and in one place, because what matters
//! about it is what it must not do: be sent twice.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::Full;
use progenitor_client::ClientInfo as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::text::chain;
use crate::{Answer, CallError, Client, ModelId};

impl Client {
    /// Submits a task to any model, also one that the [`CATALOGUE`](crate::CATALOGUE) does not
    /// have: one POST of `input` as JSON, whose answer is returned whatever it says. A task that
    /// is accepted is billed.
    ///
    /// The body can be sent only once, so no redirect and no retry of the HTTP library can repeat
    /// the POST, whatever the settings of the `reqwest::Client` are.
    ///
    /// `webhook` is the URL to which the vendor POSTs the prediction once it has ended. Once `limit`
    /// is done, no more is waited for: what came of the answer until then is the answer, as an id
    /// in it must not be lost.
    ///
    /// # Errors
    /// If there was no answer. Unless the error is [`CallError::Request`], the task may have been
    /// created.
    pub async fn submit_raw(
        &self,
        model: &ModelId,
        input: &impl Serialize,
        webhook: Option<&str>,
        limit: impl Future<Output = ()>,
    ) -> Result<Answer, CallError> {
        let body =
            serde_json::to_vec(input).map_err(|error| CallError::Request(error.to_string()))?;
        let url = format!(
            "{}/{}",
            self.baseurl().trim_end_matches('/'),
            model.as_str()
        );
        let sent = self
            .client()
            .post(&url)
            .query(&webhook.map(|url| [("webhook", url)]))
            .header(AUTHORIZATION, self.inner().authorization())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(reqwest::Body::wrap(Full::new(Bytes::from(body))))
            .send();
        let mut limit = pin!(limit);
        let response = match select(pin!(sent), limit.as_mut()).await {
            Either::Left((Ok(response), _)) => response,
            // A connection that never stood has sent nothing, if it is the one to the API: a client
            // that follows redirects may fail at the next one.
            Either::Left((Err(error), _)) if error.is_builder() || never_stood(&error, &url) => {
                return Err(CallError::Request(chain(&error.without_url())));
            }
            Either::Left((Err(error), _)) => return Err(error.without_url().into()),
            Either::Right(_) => return Err(CallError::Limit),
        };
        Ok(Answer::from_response(response, limit).await)
    }
}

fn never_stood(error: &reqwest::Error, url: &str) -> bool {
    let same = |at: &reqwest::Url| at.as_str().split('?').next() == Some(url);
    error.is_connect() && error.url().is_some_and(same)
}
