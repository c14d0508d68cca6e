//! Settings of a client, and how a client is built from them.

use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt};

use tokio::sync::broadcast;
use url::{Host, Url};
use wavespeed_client::{ApiKey, Client, InvalidKey};
use wavespeed_poll::Poller;

use crate::client::{Inner, Wavespeed};
use crate::http::{self, Http, HttpError, Timeouts};
use crate::locks::KeyedLocks;
use crate::poll_policy::{PollPolicy, ScheduleCache};
use crate::store::Store;
use crate::store::none::NoStore;
use crate::store::record::Account;

/// Where the vendor's API is.
pub const DEFAULT_BASE_URL: &str = "https://api.wavespeed.ai";

/// The path of the API, added to a base URL that has none.
const API_PATH: &str = "/api/v3";

/// How many wakes wait for a waiter that is busy; what is more is lost, and it asks in its own time.
const WAKES: usize = 1_024;

/// Settings of a [`Wavespeed`]; see [`Wavespeed::builder`].
pub struct Builder {
    key: Option<Result<ApiKey, InvalidKey>>,
    base_url: Option<String>,
    allow_plain_http: bool,
    http: Option<reqwest::Client>,
    user_agent: String,
    timeouts: Timeouts,
    deadline: Option<Duration>,
    poller: Poller,
    poll_policy: PollPolicy,
    store: Arc<dyn Store>,
    resends: u32,
    settle: Duration,
    max_output_bytes: u64,
}

/// Why a client could not be made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no key.
    #[error("no API key is set: put one from the dashboard's page API Keys into WAVESPEED_API_KEY")]
    NoKey,
    /// The key cannot be one.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The base URL cannot be one.
    #[error("the base URL {url:?} {why}; it looks like {DEFAULT_BASE_URL}")]
    BaseUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The key would cross the network in the clear.
    #[error("the base URL {url} is plain http, which would show the API key to the network")]
    PlainHttp {
        /// What was given.
        url: String,
    },
    /// A proxy from the environment is not understood. Its URL may hold a password, and is not
    /// shown.
    #[error("the proxy in {variable} is not a URL such as http://host:port")]
    Proxy {
        /// The environment variable.
        variable: &'static str,
    },
    /// The HTTP library could not be set up.
    #[error(
        "HTTP could not be set up: {0}; a system without root certificates needs them installed"
    )]
    Http(String),
}

impl From<HttpError> for BuildError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Proxy(variable) => Self::Proxy { variable },
            HttpError::Library(message) => Self::Http(message),
        }
    }
}

/// Without the base URL, which may hold a password until it is refused for it.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("key", &self.key)
            .field("timeouts", &self.timeouts)
            .field("deadline", &self.deadline)
            .field("poller", &self.poller)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            key: None,
            base_url: None,
            allow_plain_http: false,
            http: None,
            user_agent: concat!("wavespeed-rs/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
            deadline: Some(Duration::from_secs(60 * 60)),
            poller: Poller::default(),
            poll_policy: PollPolicy::default(),
            store: Arc::new(NoStore),
            resends: 5,
            settle: Duration::from_secs(10),
            max_output_bytes: 8 << 30,
        }
    }
}

impl Wavespeed {
    /// With the key in `WAVESPEED_API_KEY`, and the base URL in `WAVESPEED_BASE_URL` if it is set.
    ///
    /// # Errors
    /// If there is no key, or either cannot be used.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::builder().env().build()
    }

    /// Settings for a client: the key has to be set, everything else has a default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Takes the key from `WAVESPEED_API_KEY` and the base URL from `WAVESPEED_BASE_URL`, where
    /// they are set.
    #[must_use]
    pub fn env(mut self) -> Self {
        if let Some(key) = env::var_os("WAVESPEED_API_KEY") {
            // Not Unicode is as wrong as any other character that no key has.
            self = self.key(key.to_str().unwrap_or("\u{fffd}"));
        }
        if let Some(url) = env::var_os("WAVESPEED_BASE_URL").filter(|url| !url.is_empty()) {
            self = self.base_url(url.to_string_lossy());
        }
        self
    }

    /// The API key.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.key = Some(ApiKey::new(key.as_ref()));
        self
    }

    /// Where the API is, if not at [`DEFAULT_BASE_URL`]. `/api/v3` is added if it has no path.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Whether the key may go over plain http to a host other than this one. It may not unless
    /// this is set.
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// An HTTP client of your own, for API, upload and download alike. Proxies, certificates and
    /// time-outs of the connection are then its own. It should follow no redirects
    /// (`redirect::Policy::none()`); a submit is sent once even if it does. Of the time-outs,
    /// `connect` and `idle` do not apply to it, and whether this machine is reached through a proxy
    /// is its own affair.
    #[must_use]
    pub fn http(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// How the client calls itself, instead of `wavespeed-rs/VERSION`. Not used with an HTTP client
    /// of your own.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// How long single steps may take.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How long waiting for a job may take: 1 hour unless set; `None` is for ever.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// By which clock and random numbers to wait; and if it was given a schedule, by that one in
    /// place of what is learned.
    #[must_use]
    pub fn poller(mut self, poller: Poller) -> Self {
        self.poller = poller;
        self
    }

    /// How often to ask about tasks: see [`PollPolicy`].
    #[must_use]
    pub fn poll_policy(mut self, poll_policy: PollPolicy) -> Self {
        self.poll_policy = poll_policy;
        self
    }

    /// Where submits are written down; nowhere unless set.
    #[must_use]
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// How often a submit that was rejected because nothing could be sent, or because there were too
    /// many (429), is sent again before that is an error: 5 times unless set, all within the
    /// deadline. No other outcome is ever sent again. An upload is tried again as often, when its
    /// connection breaks, or the vendor is busy or out of order.
    #[must_use]
    pub fn resends(mut self, times: u32) -> Self {
        self.resends = times;
        self
    }

    /// The largest output that is downloaded, in bytes: 8 GiB unless set.
    #[must_use]
    pub fn max_output_bytes(mut self, bytes: u64) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// How long a task may take to show in the vendor's history: 10 s unless set.
    #[must_use]
    pub fn settle_time(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// If there is no key, or a setting cannot be used. Nothing is sent.
    pub fn build(self) -> Result<Wavespeed, BuildError> {
        let base_url = base_url(self.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?;
        let key = self.key.ok_or(BuildError::NoKey)??;
        let local = http::is_loopback(&base_url);
        if base_url.scheme() == "http" && !local && !self.allow_plain_http {
            return Err(BuildError::PlainHttp {
                url: base_url.to_string(),
            });
        }
        let http = match self.http {
            Some(client) => Http {
                api: client.clone(),
                files: client,
            },
            None => Http::new(&self.user_agent, &self.timeouts, local)?,
        };
        let account = Account::new(base_url.as_str(), key.fingerprint());
        let api = Client::new_with_client(base_url.as_str(), http.api, key);
        Ok(Wavespeed(Arc::new(Inner {
            api,
            files: http.files,
            timeouts: self.timeouts,
            deadline: self.deadline,
            poller: self.poller,
            poll_policy: self.poll_policy,
            schedules: ScheduleCache::default(),
            wakes: broadcast::Sender::new(WAKES),
            store: self.store,
            account,
            resends: self.resends,
            settle: self.settle,
            max_output_bytes: self.max_output_bytes,
            upload_locks: KeyedLocks::default(),
        })))
    }
}

fn base_url(text: &str) -> Result<Url, BuildError> {
    // A password or a token in it must not be repeated in an error.
    let shown = match text.split_once(['@', '?', '#']) {
        Some(_) => "(not shown: it holds more than a host and a path)".to_owned(),
        None => text.to_owned(),
    };
    let wrong = |why: String| BuildError::BaseUrl {
        url: shown.clone(),
        why,
    };
    let mut url =
        Url::parse(text.trim()).map_err(|error| wrong(format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!(
            "has the scheme {:?}, not http or https",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user name or password before it".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment".into()));
    }
    if matches!(url.host(), None | Some(Host::Domain(""))) {
        return Err(wrong("has no host".into()));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(if path.is_empty() { API_PATH } else { &path });
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_origin_or_has_its_own_path() {
        for (given, made) in [
            (
                "https://api.wavespeed.ai",
                "https://api.wavespeed.ai/api/v3",
            ),
            (
                "https://api.wavespeed.ai/",
                "https://api.wavespeed.ai/api/v3",
            ),
            (" http://127.0.0.1:80/api/v3/ ", "http://127.0.0.1/api/v3"),
            ("https://gate.example/wave/", "https://gate.example/wave"),
        ] {
            assert_eq!(base_url(given).unwrap().as_str(), made);
        }
        for bad in [
            "",
            "api.wavespeed.ai",
            "ftp://a.b",
            "https://a.b/?x=1",
            "https://a.b/#x",
        ] {
            assert!(
                matches!(base_url(bad), Err(BuildError::BaseUrl { .. })),
                "{bad}"
            );
        }
        for bad in [
            "https://me:secret@a.b",
            "https://me:secret@a.b:bad",
            "ftp://me:secret@a.b",
            "https://a.b/?key=secret",
        ] {
            let error = base_url(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_key_goes_over_plain_http_only_to_this_machine() {
        let build = |url| Builder::default().key("k").base_url(url).build();
        for fine in [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
            "https://a.b",
        ] {
            assert!(build(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://a.b",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://0.0.0.0",
        ] {
            assert!(
                matches!(build(bad), Err(BuildError::PlainHttp { .. })),
                "{bad}"
            );
        }
        assert!(
            Builder::default()
                .key("k")
                .base_url("http://a.b")
                .allow_plain_http(true)
                .build()
                .is_ok()
        );
    }

    #[test]
    fn a_key_is_needed_and_never_shown() {
        assert!(matches!(Builder::default().build(), Err(BuildError::NoKey)));
        assert!(matches!(
            Builder::default().key(" ").build(),
            Err(BuildError::Key(InvalidKey::Empty))
        ));
        let built = Builder::default().key("wsk_secret");
        assert!(!format!("{built:?}").contains("secret"));
        assert!(!format!("{:?}", built.build().unwrap()).contains("secret"));
    }
}
