//! A span for each request.

use std::sync::Arc;

use reqwest::Request;
use tracing::Instrument as _;
use tracing::field::Empty;
use wavespeed_client::{HttpFuture, HttpService, RequestContext};

/// Sends each request within a span of its own. The span has the path of a URL only: the query may contain a
/// signature, and the part before the host a password.
pub(crate) struct Traced(pub(crate) Arc<dyn HttpService>);

impl HttpService for Traced {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        let span = tracing::debug_span!(
            "http",
            method = request.method().as_str(),
            path = request.url().path(),
            attempt = context.attempt,
            status = Empty,
        );
        // A service may do its work before it returns the future.
        let response = span.in_scope(|| self.0.send(request, context));
        let response = response.instrument(span.clone());
        Box::pin(async move {
            let response = response.await?;
            span.record("status", response.status().as_u16());
            Ok(response)
        })
    }
}
