//! The guard of the client that checks URLs: it connects only to addresses that the vendor can reach, too.
//!
//! A back end may check the URLs of its own users, so a check must not become a way into its network. A
//! name is looked up once, by a [`GuardedResolver`]: the addresses that it judged are those that the HTTP
//! library connects to. An address in a URL needs no look-up, so [`redirects`] judges it before each
//! request after the first, and the caller before the first.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use url::Url;

use crate::http::reach::Unreachable;

/// The number of redirects that are followed, as by default in the HTTP library.
const MAX_REDIRECTS: usize = 10;

/// The rule of a guard: the hosts that may be connected to.
#[derive(Clone)]
pub(crate) struct Guard {
    /// Judges an address. Tests let their servers on loopback pass.
    pub(crate) judge: fn(IpAddr) -> Option<Unreachable>,
    /// `true` if the API is on this machine, and can reach everything that this machine reaches.
    pub(crate) allows_all: bool,
    /// The names of the proxies, which may be in a private network. They are reached as proxies only.
    pub(crate) proxies: Arc<BTreeSet<String>>,
}

/// The reason why a guard refused a connection or a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The URL itself names a host of this kind.
    Named(Unreachable),
    /// A name has no public address, but one of this kind.
    Resolves(Unreachable),
    /// A redirect leads to a host of this kind.
    Redirects(Unreachable),
    /// A name has no address here.
    Unresolved,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(place) => write!(f, "points to {place}"),
            Self::Resolves(place) => write!(f, "has a name that resolves to {place}"),
            Self::Redirects(place) => write!(f, "redirects to {place}"),
            Self::Unresolved => f.write_str("the name of its host does not resolve here"),
        }
    }
}

impl std::error::Error for Blocked {}

impl Guard {
    /// Returns the reason why a URL must not be requested, as far as its text shows one.
    fn judge_url(&self, url: &Url) -> Option<Unreachable> {
        match url.host() {
            _ if self.allows_all => None,
            // The look-up of a proxy's name is not judged, so the name is refused as a host.
            Some(url::Host::Domain(name)) if self.proxies.contains(name) => {
                Some(Unreachable::PrivateNetwork)
            }
            Some(url::Host::Ipv4(ip)) => (self.judge)(ip.into()),
            Some(url::Host::Ipv6(ip)) => (self.judge)(ip.into()),
            _ => Unreachable::of_url(url),
        }
    }

    /// Returns an error if a URL must not be requested.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Blocked> {
        self.judge_url(url)
            .map_or(Ok(()), |place| Err(Blocked::Named(place)))
    }

    /// Returns the policy that follows redirects to hosts that the guard lets pass.
    pub(crate) fn redirects(&self) -> Policy {
        let guard = self.clone();
        Policy::custom(move |attempt: Attempt<'_>| {
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error("too many redirects");
            }
            match guard.judge_url(attempt.url()) {
                Some(place) => attempt.error(Blocked::Redirects(place)),
                None => attempt.follow(),
            }
        })
    }
}

/// A resolver that returns public addresses only.
pub(crate) struct GuardedResolver<R> {
    pub(crate) inner: Arc<R>,
    pub(crate) guard: Guard,
}

impl<R: Resolve + 'static> Resolve for GuardedResolver<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let (inner, guard) = (Arc::clone(&self.inner), self.guard.clone());
        Box::pin(async move {
            let is_free = guard.allows_all || guard.proxies.contains(name.as_str());
            let found = inner.resolve(name).await.map_err(|error| {
                tracing::debug!(%error, "a name does not resolve");
                Blocked::Unresolved
            })?;
            let found: Vec<SocketAddr> = found.collect();
            if is_free {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let judge = |address: &SocketAddr| (guard.judge)(address.ip());
            let refused = found.iter().find_map(judge);
            let public: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| judge(address).is_none())
                .collect();
            match (public.is_empty(), refused) {
                (false, _) => Ok(Box::new(public.into_iter()) as Addrs),
                (true, Some(place)) => Err(Blocked::Resolves(place).into()),
                (true, None) => Err(Blocked::Unresolved.into()),
            }
        })
    }
}
