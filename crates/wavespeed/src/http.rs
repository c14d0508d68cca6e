//! The default service of requests: HTTP clients for the API, for files, and for the check of URLs.
//!
//! All are built from the same settings (user agent, timeouts, TLS, proxies of the environment) and
//! differ in the hosts that they connect to: the client of the API, which sends the API key, follows no
//! redirect, and the one that checks URLs connects only to what the vendor can reach ([`guard`]).

pub(crate) mod guard;
pub(crate) mod reach;
mod trace;

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, NoProxy, Proxy, Request};
use url::{Host, Url};
use wavespeed_client::text::chain;
use wavespeed_client::{
    HttpError, HttpErrorKind, HttpFuture, HttpService, Purpose, RequestContext,
};

use self::guard::{Guard, GuardedResolver};
use self::reach::Unreachable;
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
    /// The client that checks the URLs of inputs. The author of an input chooses its hosts.
    checks: reqwest::Client,
    guard: Guard,
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
        match context.purpose {
            Purpose::Check => match self.guard.check(request.url()) {
                Ok(()) => self.checks.send(request, context),
                Err(blocked) => {
                    let error = HttpError::new(HttpErrorKind::Connect).with_source(blocked);
                    Box::pin(async move { Err(error) })
                }
            },
            purpose if purpose.follows_redirects() => self.files.send(request, context),
            _ => self.api.send(request, context),
        }
    }
}

impl Http {
    /// Builds the clients. `api_is_local` tells whether the API is on this machine.
    pub(crate) fn new(
        user_agent: &str,
        timeouts: &Timeouts,
        api_is_local: bool,
    ) -> Result<Self, HttpSetupError> {
        let (proxies, names) = proxies()?;
        let guard = Guard {
            judge: Unreachable::of_ip,
            allows_all: api_is_local,
            proxies: Arc::new(names),
        };
        Self::with_guard(user_agent, timeouts, &proxies, guard, SystemResolver)
    }

    /// Builds the clients, of which the one that checks URLs has this guard and looks up names by `resolver`.
    fn with_guard(
        user_agent: &str,
        timeouts: &Timeouts,
        proxies: &[Proxy],
        guard: Guard,
        resolver: impl Resolve + 'static,
    ) -> Result<Self, HttpSetupError> {
        let with_tls = tls::settings();
        let build = |builder: ClientBuilder| {
            let built = with_tls(builder).build();
            built.map_err(|error| HttpSetupError::Library(chain(&error)))
        };
        let common = || common(user_agent, timeouts, proxies);
        let inner = Arc::new(resolver);
        Ok(Self {
            api: build(common().redirect(Policy::none()))?,
            files: build(
                common()
                    .redirect(Policy::limited(10))
                    .read_timeout(timeouts.idle),
            )?,
            checks: build(
                common()
                    .dns_resolver(Arc::new(GuardedResolver {
                        inner,
                        guard: guard.clone(),
                    }))
                    .redirect(guard.redirects()),
            )?,
            guard,
        })
    }
}

/// Returns a builder with the settings that all clients share.
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

/// Returns the proxies of the environment and the names of their hosts, by the variables that curl reads:
/// `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, in lower case first.
fn proxies() -> Result<(Vec<Proxy>, BTreeSet<String>), HttpSetupError> {
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
    let (mut proxies, mut hosts) = (Vec::new(), BTreeSet::new());
    for (names, make) in kinds {
        let Some((name, url)) = variable(names) else {
            continue;
        };
        hosts.extend(host_name(&url));
        // The error names the variable and not the URL, which may contain a password.
        let proxy = is_supported(&url).then(|| make(url)).and_then(Result::ok);
        let proxy = proxy.ok_or(HttpSetupError::Proxy(name))?;
        proxies.push(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    Ok((proxies, hosts))
}

/// Returns the host of a proxy if it is a name, which is looked up. A URL without a scheme means http.
fn host_name(proxy: &str) -> Option<String> {
    let url = match proxy.contains("://") {
        true => Url::parse(proxy),
        false => Url::parse(&format!("http://{proxy}")),
    };
    match url.ok()?.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Returns `true` if a proxy has a scheme that the HTTP library supports here. The library would
/// silently ignore any other. A URL without a scheme means http.
fn is_supported(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
}

#[cfg(test)]
mod tests;
