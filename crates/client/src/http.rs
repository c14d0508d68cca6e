//! The transport: one small trait through which every request is sent.
//!
//! [`HttpService`] is implemented by [`reqwest::Client`], and by whatever wraps it: a program adds
//! headers, records requests or answers them in a test by a service of its own. An [`HttpError`] says
//! what is known about a request without an answer, in particular whether the server can have processed
//! it.

mod error;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::{Request, Response};

pub use self::error::{HttpError, HttpErrorKind};

/// The future of an [`HttpService`]: the response once its head has arrived, or the reason why there is
/// none.
pub type HttpFuture<'a> = Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send + 'a>>;

/// Sends requests. The default is a [`reqwest::Client`].
///
/// A service that wraps another one may change the request, and look at the response, whose body has not
/// arrived yet.
///
/// A service must not send a request of [`Purpose::Submit`] twice: each one that arrives may be billed.
/// Its body cannot be cloned, so [`Request::try_clone`] returns `None` for it.
pub trait HttpService: Send + Sync {
    /// Sends a request and returns the response, whatever its status is.
    ///
    /// # Errors
    /// The future returns an error if no response arrived. The [kind](HttpError::kind) of the error decides
    /// whether a submit is sent again, so `Connect` and `Unprocessed` must be certain.
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_>;
}

/// The facts about a request that a service cannot read in the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestContext {
    /// The purpose of the request.
    pub purpose: Purpose,
    /// The number of the attempt, from 1. It counts the retries of a read, an upload or a download.
    pub attempt: u32,
}

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// A call of the API other than a submit. It carries the API key and must follow no redirect.
    Api,
    /// A submit, which is billed. It carries the API key, must follow no redirect and must be sent once.
    Submit,
    /// The upload of a file to a storage host, without the API key. It must follow no redirect, which
    /// might turn the PUT into a GET whose success stores nothing.
    Upload,
    /// The read of an output, without the API key. It may follow redirects.
    Download,
    /// The read of a file behind a URL in an input, before the submit and without the API key. It may follow
    /// redirects. Whoever wrote the input chose the URL, so a service that serves others must not connect
    /// to its own network for it; the default service does not.
    Check,
}

impl RequestContext {
    /// Creates the context of a first attempt.
    #[must_use]
    pub fn new(purpose: Purpose) -> Self {
        let attempt = 1;
        Self { purpose, attempt }
    }

    /// Sets the number of the attempt, from 1.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

impl Purpose {
    /// Returns `true` if redirects may be followed.
    #[must_use]
    pub fn follows_redirects(self) -> bool {
        matches!(self, Self::Download | Self::Check)
    }

    /// Returns `true` if the request carries the API key.
    #[must_use]
    pub fn has_api_key(self) -> bool {
        matches!(self, Self::Api | Self::Submit)
    }
}

/// Sends every request by this client, with its own policy of redirects whatever the purpose is.
impl HttpService for reqwest::Client {
    fn send(&self, request: Request, _context: RequestContext) -> HttpFuture<'_> {
        let url = request.url().clone();
        let response = self.execute(request);
        Box::pin(async move {
            let mut response = response.await?;
            if *response.url() != url {
                response.extensions_mut().insert(FollowedRedirect);
            }
            Ok(response)
        })
    }
}

/// A mark on the response to a redirect that the HTTP client followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FollowedRedirect;

impl<S: HttpService + ?Sized> HttpService for Arc<S> {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        (**self).send(request, context)
    }
}
