//! The submit, the one call that costs money. The call is written by hand, and nowhere else, because it
//! must never be sent twice, which generated code does not guarantee.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body::{Body, Frame, SizeHint};
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
        let was_sent = Arc::new(AtomicBool::new(false));
        let body = OnceBody {
            bytes: Full::new(Bytes::from(body)),
            was_sent: Arc::clone(&was_sent),
        };
        let request = self
            .client()
            .post(&url)
            .query(&webhook.map(|url| [("webhook", url)]))
            .header(AUTHORIZATION, self.inner().authorization())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            // A body of bytes could be cloned, and with it the request be repeated. A wrapped body
            // cannot.
            .body(reqwest::Body::wrap(body))
            .send();
        let mut limit = pin!(limit);
        let response = match select(pin!(request), limit.as_mut()).await {
            Either::Left((Ok(response), _)) => response,
            // Nothing was sent if the request could not be built or the connection to the API was
            // never established, so it is safe to submit again.
            Either::Left((Err(error), _))
                if error.is_builder()
                    || error.is_connect() && !was_sent.load(Ordering::Relaxed) =>
            {
                return Err(CallError::Request(chain(&error.without_url())));
            }
            Either::Left((Err(error), _)) => return Err(error.without_url().into()),
            Either::Right(_) => return Err(CallError::Limit),
        };
        let answer = Answer::from_response(response, limit).await;
        Ok(answer.without_key(self.inner()))
    }
}

/// The body of a submit, which notes that a connection has asked for it. A client that follows redirects
/// may fail to connect after the POST was sent, so the error alone does not say that nothing was.
struct OnceBody {
    bytes: Full<Bytes>,
    was_sent: Arc<AtomicBool>,
}

impl Body for OnceBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.was_sent.store(true, Ordering::Relaxed);
        Pin::new(&mut self.bytes).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}
