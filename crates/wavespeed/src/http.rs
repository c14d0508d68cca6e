//! The HTTP clients: one for the API, one for files, both from the same settings.

use std::env;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use url::{Host, Url};
use wavespeed_client::text::chain;

/// Hosts that are never reached through a proxy: a proxy's loopback is another machine, and what
/// is meant for this one (a key in the clear, too) must not leave it.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// How long single steps may take. A step that takes longer is an error; see the docs of each call
/// for what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until a connection stands. 10 s.
    pub connect: Duration,
    /// Until a call other than a submit is answered. 30 s.
    pub call: Duration,
    /// Until a submit is answered. After this its outcome is unknown, so it is long: 2 minutes.
    pub submit: Duration,
    /// Between two pieces of a file that is up- or downloaded. 60 s.
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

pub(crate) struct Http {
    /// Follows no redirect: the vendor's API has none, and a key must not follow one.
    pub(crate) api: reqwest::Client,
    /// Follows redirects, as storage hosts use them. Never gets the key.
    pub(crate) files: reqwest::Client,
}

/// Error of [`Http::new`].
#[derive(Debug)]
pub(crate) enum HttpError {
    /// The proxy in this environment variable cannot be used.
    Proxy(&'static str),
    /// The HTTP library reported an error.
    Library(String),
}

impl Http {
    pub(crate) fn new(
        user_agent: &str,
        timeouts: &Timeouts,
        local: bool,
    ) -> Result<Self, HttpError> {
        #[cfg(feature = "rustls-ring")]
        {
            // Only the first provider of a process counts; one that the program chose stays.
            _ = rustls::crypto::ring::default_provider().install_default();
        }
        let proxies = proxies()?;
        let build = |make: &dyn Fn(ClientBuilder) -> ClientBuilder| {
            let builder = || make(common(user_agent, timeouts, &proxies));
            let built = builder().build().or_else(|error| match local {
                // A slim container has no roots of trust, and an API on this machine needs none.
                true => rootless(builder()).build(),
                false => Err(error),
            });
            built.map_err(|error| HttpError::Library(chain(&error)))
        };
        Ok(Self {
            api: build(&|builder| builder.redirect(Policy::none()))?,
            files: build(&|builder| {
                builder
                    .redirect(Policy::limited(10))
                    .read_timeout(timeouts.idle)
            })?,
        })
    }
}

#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
fn rootless(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// Without TLS there are no roots to do without.
#[cfg(not(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls")))]
fn rootless(builder: ClientBuilder) -> ClientBuilder {
    builder
}

fn common(user_agent: &str, timeouts: &Timeouts, proxies: &[Proxy]) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy();
    proxies.iter().cloned().fold(builder, ClientBuilder::proxy)
}

/// The proxies of the environment, by the names that curl made common. `HTTP_PROXY` in capitals is
/// not read where a web server could have set it from a request's header `Proxy`.
fn proxies() -> Result<Vec<Proxy>, HttpError> {
    let set = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())?;
            (name != "HTTP_PROXY" || env::var_os("REQUEST_METHOD").is_none())
                .then_some((name, value))
        })
    };
    let direct = set(["no_proxy", "NO_PROXY"]).map_or(LOOPBACK.to_owned(), |(_, hosts)| {
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
            set(names).map(|(variable, url)| (variable, supported(&url).then(|| make(url))))
        })
        .map(|(variable, made)| match made {
            Some(Ok(proxy)) => Ok(proxy.no_proxy(NoProxy::from_string(&direct))),
            // The URL is not repeated: it may hold a password.
            _ => Err(HttpError::Proxy(variable)),
        })
        .collect()
}

/// Another kind of proxy would be passed by in silence. Without a scheme, http is meant.
fn supported(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether only a network of its own knows a host: a private address, or a name without a dot.
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
