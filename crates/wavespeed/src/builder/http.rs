//! The settings of requests, and the service that is built from them.

use std::sync::Arc;

use wavespeed_client::HttpService;

use crate::builder::Builder;
use crate::builder::error::BuildError;
use crate::http::{Http, Timeouts, Traced};
use crate::retries::{Retries, RetryObserver, RetryPause};

/// A function that wraps or replaces the default service.
pub(super) type WrapService =
    Box<dyn FnOnce(Arc<dyn HttpService>) -> Arc<dyn HttpService> + Send + Sync>;

impl Builder {
    /// Sets the HTTP client for API calls, uploads and downloads. Its own proxies, certificates and
    /// connection timeouts then apply, and [`Timeouts::connect`] and [`Timeouts::idle`] do not. The
    /// client should follow no redirects (`redirect::Policy::none()`): a submit is sent once even if
    /// it does, but its outcome is then unknown. It does not limit the hosts to which a check of URLs
    /// connects; see [`check_urls`](crate::Wavespeed::check_urls).
    #[must_use]
    pub fn http(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Wraps or replaces the service through which every request is sent: calls, submits, uploads,
    /// downloads, and the checks of files behind URLs. `wrap` gets the default service, which has the
    /// timeouts, proxies and certificates of this builder, or the client of [`http`](Self::http). A second
    /// call wraps the service of the first one.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use wavespeed::reqwest::{Request, header::HeaderValue};
    /// use wavespeed::{HttpFuture, HttpService, Purpose, RequestContext, Wavespeed};
    ///
    /// /// Adds a header to each call of the API, and prints how every request was answered.
    /// struct Middleware(Arc<dyn HttpService>);
    ///
    /// impl HttpService for Middleware {
    ///     fn send(&self, mut request: Request, context: RequestContext) -> HttpFuture<'_> {
    ///         if context.purpose == Purpose::Api {
    ///             let tag = HeaderValue::from_static("nightly");
    ///             request.headers_mut().insert("x-tag", tag);
    ///         }
    ///         let line = format!("{} {}", request.method(), request.url().path());
    ///         Box::pin(async move {
    ///             let response = self.0.send(request, context).await?;
    ///             println!("{line}: {}", response.status());
    ///             Ok(response)
    ///         })
    ///     }
    /// }
    ///
    /// let ws = Wavespeed::builder()
    ///     .env()
    ///     .http_service(|default| Arc::new(Middleware(default)))
    ///     .build()?;
    /// # Ok::<(), wavespeed::BuildError>(())
    /// ```
    #[must_use]
    pub fn http_service(
        mut self,
        wrap: impl FnOnce(Arc<dyn HttpService>) -> Arc<dyn HttpService> + Send + Sync + 'static,
    ) -> Self {
        let wrap: WrapService = match self.http_service.take() {
            Some(inner) => Box::new(move |http| wrap(inner(http))),
            None => Box::new(wrap),
        };
        self.http_service = Some(wrap);
        self
    }

    /// Sets the user agent; the default is `wavespeed-rs/VERSION`. It does not apply to an HTTP client
    /// that was set by [`http`](Self::http).
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Sets the timeouts of single steps.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how often reads, uploads and downloads are retried.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Sets a function that is called before the pause before each retry of a read, an upload or a download,
    /// such as to show that the vendor asks to wait. A submit and a wait for a job report theirs as
    /// [`RunEvent::Rejected`](crate::RunEvent::Rejected) and [`Update::Retrying`](crate::poll::Update::Retrying).
    ///
    /// ```
    /// let ws = wavespeed::Wavespeed::builder()
    ///     .key("0123456789abcdef")
    ///     .on_retry(|pause| eprintln!("trying again in {:?}", pause.time))
    ///     .build()?;
    /// # Ok::<(), wavespeed::BuildError>(())
    /// ```
    #[must_use]
    pub fn on_retry(mut self, observer: impl Fn(RetryPause) + Send + Sync + 'static) -> Self {
        self.on_retry = RetryObserver::new(observer);
        self
    }
}

/// Returns the service of all requests: the client of the caller or the default, wrapped by the caller and
/// traced.
pub(super) fn service(
    client: Option<reqwest::Client>,
    wrap: Option<WrapService>,
    user_agent: &str,
    timeouts: &Timeouts,
    api_is_local: bool,
) -> Result<Arc<dyn HttpService>, BuildError> {
    let http: Arc<dyn HttpService> = match client {
        Some(client) => Arc::new(client),
        None => Arc::new(Http::new(user_agent, timeouts, api_is_local)?),
    };
    let http = match wrap {
        Some(wrap) => wrap(http),
        None => http,
    };
    Ok(Arc::new(Traced(http)))
}
