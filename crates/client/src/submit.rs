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
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use crate::answer::{Answer, CallError};
use crate::client::Client;
use crate::http::{HttpErrorKind, Purpose};
use crate::ids::ModelId;

impl Client {
    /// Submits an input to a model, which need not be in the [`CATALOGUE`](crate::CATALOGUE): sends
    /// one POST with `body`, the input as JSON text, and returns the answer, whatever its status is. The
    /// vendor bills each prediction that it accepts.
    ///
    /// The body can be sent only once, so neither a redirect nor a retry of the HTTP library or of an
    /// [`HttpService`](crate::HttpService) can repeat the POST.
    ///
    /// `webhook` is the URL to which the vendor POSTs the prediction once it has ended. When `limit`
    /// resolves, the wait ends. The part of the answer received until then is returned, because it
    /// may contain the id.
    ///
    /// # Errors
    /// Returns an error if no answer was received. Unless the error is [`CallError::Unprocessed`], the
    /// prediction may have been created.
    pub async fn submit_raw(
        &self,
        model: &ModelId,
        body: String,
        webhook: Option<&str>,
        limit: impl Future<Output = ()>,
    ) -> Result<Answer, CallError> {
        let was_sent = Arc::new(AtomicBool::new(false));
        let body = OnceBody {
            bytes: Full::new(Bytes::from(body)),
            was_sent: Arc::clone(&was_sent),
        };
        let request = self.request(Method::POST, model.as_str());
        let request = request.and_then(|request| request.query("webhook", &webhook));
        let request = request.map_err(CallError::into_unprocessed)?;
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            // A body of bytes could be cloned, and with it the request be repeated. A wrapped body
            // cannot.
            .body(reqwest::Body::wrap(body));
        let mut limit = pin!(limit);
        let response = self.respond(request, Purpose::Submit);
        let error = match select(pin!(response), limit.as_mut()).await {
            Either::Left((Ok(response), _)) => return Ok(self.read(response, limit).await),
            Either::Left((Err(error), _)) => error,
            Either::Right(_) => return Err(CallError::Limit),
        };
        // After the body was taken, an error of a connection says nothing about the POST: it may be the
        // error of a redirect. The proof of a server does not depend on what was sent.
        let is_unprocessed = match error.kind() {
            HttpErrorKind::Unprocessed => true,
            kind => !kind.may_be_processed() && !was_sent.load(Ordering::Relaxed),
        };
        Err(match is_unprocessed {
            true => CallError::Unprocessed(error),
            false => CallError::Http(error),
        })
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
