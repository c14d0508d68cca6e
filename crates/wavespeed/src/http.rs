//! The default service of requests: two HTTP clients, one for the API and one for files.
//!
//! Both are built from the same settings (user agent, timeouts, TLS, proxies of the environment) and
//! differ in redirects: the client of the API, which sends the API key, follows none.

mod trace;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, NoProxy, Proxy, Request};
use url::{Host, Url};
use wavespeed_client::text::chain;
use wavespeed_client::{HttpFuture, HttpService, RequestContext};

pub(crate) use self::trace::Traced;
use crate::threads::SystemResolver;
use crate::tls;

/// The hosts that are never reached through a proxy. The loopback addresses of a proxy are those of
/// another machine, and requests to this machine, which may carry the API key over plain http, must
/// not leave it.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The limits of single steps. A step that takes longer fails; the docs of each call say what such
/// an error means.
///
/// ```
/// use std::time::Duration;
/// use wavespeed::{Timeouts, Wavespeed};
///
/// let timeouts = Timeouts::default().call(Duration::from_secs(5)).idle(Duration::from_secs(20));
/// let builder = Wavespeed::builder().timeouts(timeouts);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The time to establish a connection. 10 s by default.
    pub connect: Duration,
    /// The time to answer a call other than a submit. 30 s by default.
    pub call: Duration,
    /// The time to answer a submit. 2 minutes by default: it is long, because the outcome of a submit
    /// that is not answered is unknown.
    pub submit: Duration,
    /// The time without any progress of an upload or download. 60 s by default.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_secs(30),
            submit: Duration::from_secs(120),
            idle: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    /// Sets the time to establish a connection.
    #[must_use]
    pub fn connect(mut self, time: Duration) -> Self {
        self.connect = time;
        self
    }

    /// Sets the time to answer a call other than a submit.
    #[must_use]
    pub fn call(mut self, time: Duration) -> Self {
        self.call = time;
        self
    }

    /// Sets the time to answer a submit.
    #[must_use]
    pub fn submit(mut self, time: Duration) -> Self {
        self.submit = time;
        self
    }

    /// Sets the time without any progress of an upload or download.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }
}

/// The HTTP clients: the default service.
pub(crate) struct Http {
    /// The client of the API. It follows no redirect: the vendor's API has none, and the API key must
    /// not reach another host.
    api: reqwest::Client,
    /// The client of files. It follows redirects, which storage hosts use, and never gets the API key.
    files: reqwest::Client,
}

/// Error of [`Http::new`].
#[derive(Debug)]
pub(crate) enum HttpSetupError {
    /// The proxy in this environment variable cannot be used.
    Proxy(&'static str),
    /// The HTTP library reported this error.
    Library(String),
}

/// Sends each request by the client that its purpose allows.
impl HttpService for Http {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        match context.purpose.follows_redirects() {
            true => self.files.send(request, context),
            false => self.api.send(request, context),
        }
    }
}

impl Http {
    /// Builds both clients.
    pub(crate) fn new(user_agent: &str, timeouts: &Timeouts) -> Result<Self, HttpSetupError> {
        let proxies = proxies()?;
        let with_tls = tls::settings();
        let build = |builder: ClientBuilder| {
            let built = with_tls(builder).build();
            built.map_err(|error| HttpSetupError::Library(chain(&error)))
        };
        let common = || common(user_agent, timeouts, &proxies);
        Ok(Self {
            api: build(common().redirect(Policy::none()))?,
            files: build(
                common()
                    .redirect(Policy::limited(10))
                    .read_timeout(timeouts.idle),
            )?,
        })
    }
}

/// Returns a builder with the settings that both clients share.
fn common(user_agent: &str, timeouts: &Timeouts, proxies: &[Proxy]) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .referer(false)
        // The library's own resolver panics if no thread can be started.
        .dns_resolver(Arc::new(SystemResolver))
        // The library would resend a request on its own, which must never happen to a submit.
        .retry(reqwest::retry::never())
        // The proxies of the environment are added below, where one that cannot be used is an error.
        .no_proxy();
    proxies.iter().cloned().fold(builder, ClientBuilder::proxy)
}

/// Returns the proxies of the environment, by the variables that curl reads: `https_proxy`,
/// `http_proxy`, `all_proxy` and `no_proxy`, in lower case first.
fn proxies() -> Result<Vec<Proxy>, HttpSetupError> {
    let variable = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())?;
            // In a CGI program a web server sets HTTP_PROXY from the header `Proxy` of a request, so
            // a client could redirect our requests. REQUEST_METHOD shows a CGI program.
            (name != "HTTP_PROXY" || env::var_os("REQUEST_METHOD").is_none())
                .then_some((name, value))
        })
    };
    let direct = variable(["no_proxy", "NO_PROXY"]).map_or(LOOPBACK.to_owned(), |(_, hosts)| {
        format!("{LOOPBACK},{hosts}")
    });
    type Make = fn(String) -> reqwest::Result<Proxy>;
    let kinds: [([&'static str; 2], Make); 3] = [
        (["https_proxy", "HTTPS_PROXY"], |url| Proxy::https(url)),
        (["http_proxy", "HTTP_PROXY"], |url| Proxy::http(url)),
        (["all_proxy", "ALL_PROXY"], |url| Proxy::all(url)),
    ];
    kinds
        .into_iter()
        .filter_map(|(names, make)| {
            variable(names).map(|(name, url)| (name, is_supported(&url).then(|| make(url))))
        })
        .map(|(name, proxy)| match proxy {
            Some(Ok(proxy)) => Ok(proxy.no_proxy(NoProxy::from_string(&direct))),
            // The error names the variable and not the URL, which may contain a password.
            _ => Err(HttpSetupError::Proxy(name)),
        })
        .collect()
}

/// Returns `true` if a proxy has a scheme that the HTTP library supports here. The library would
/// silently ignore any other. A URL without a scheme means http.
fn is_supported(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
}

/// Returns `true` if a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns `true` if the host of a URL is reachable only inside a private network: a private address
/// or a name without a dot.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => !name.trim_end_matches('.').contains('.'),
        Some(Host::Ipv4(address)) => {
            address.is_private() || address.is_link_local() || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => {
            address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
        }
        None => true,
    }
}
