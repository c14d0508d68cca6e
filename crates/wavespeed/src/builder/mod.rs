//! Settings of a client, and how a client is built from them.

pub(crate) mod base_url;
pub(crate) mod error;
mod http;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use std::{env, fmt};

use tokio::sync::{broadcast, watch};
use wavespeed_client::{ApiKey, Client, InvalidKey};
use wavespeed_poll::Poller;

use crate::builder::base_url::{DEFAULT_BASE_URL, base_url};
use crate::builder::error::BuildError;
use crate::builder::http::WrapService;
use crate::client::{Inner, Wavespeed};
use crate::http::Timeouts;
use crate::http::reach::is_loopback;
use crate::locks::KeyedLocks;
use crate::part_file::Leftovers;
use crate::poll_policy::{PollPolicy, ScheduleCache};
use crate::retries::{Retries, RetryObserver};
use crate::store::Store;
use crate::store::none::NoStore;
use crate::store::record::Account;
use crate::submit::candidates::AdoptPolicy;
use crate::vendor_clock::VendorClock;
use crate::wait::early_wakes::EarlyWakes;

/// Capacity of the wake channel. When it overflows, wakes are dropped and the job is polled on
/// schedule.
const WAKE_CAPACITY: usize = 1_024;

/// Settings of a [`Wavespeed`]; see [`Wavespeed::builder`].
///
/// ```no_run
/// # fn example() -> Result<(), wavespeed::BuildError> {
/// use std::time::Duration;
/// use wavespeed::{MemoryStore, PollPolicy, Timeouts, Wavespeed};
///
/// let ws = Wavespeed::builder()
///     .env() // WAVESPEED_API_KEY and WAVESPEED_BASE_URL
///     .account("production")
///     .store(MemoryStore::default()) // `wavespeed-journal` keeps jobs on disk
///     .deadline(Some(Duration::from_secs(20 * 60)))
///     .timeouts(Timeouts::default().call(Duration::from_secs(10)))
///     .poll_policy(PollPolicy::default().mean_gap(Duration::from_secs(2)))
///     .build()?;
/// # Ok(()) }
/// ```
pub struct Builder {
    key: Option<Result<ApiKey, InvalidKey>>,
    base_url: Option<String>,
    allow_plain_http: bool,
    http: Option<reqwest::Client>,
    http_service: Option<WrapService>,
    user_agent: String,
    timeouts: Timeouts,
    retries: Retries,
    on_retry: RetryObserver,
    deadline: Option<Duration>,
    poller: Poller,
    poll_policy: PollPolicy,
    store: Arc<dyn Store>,
    account: Option<String>,
    check_urls: bool,
    resends: u32,
    history_lag: Duration,
    adopt_policy: AdoptPolicy,
    serialise_submits: bool,
    max_output_bytes: u64,
}

/// Leaves out the base URL, which may contain a password until [`build`](Builder::build) refuses it.
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
            http_service: None,
            user_agent: concat!("wavespeed-rs/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            on_retry: RetryObserver::default(),
            deadline: Some(Duration::from_secs(60 * 60)),
            poller: Poller::default(),
            poll_policy: PollPolicy::default(),
            store: Arc::new(NoStore),
            account: None,
            check_urls: true,
            resends: 5,
            history_lag: Duration::from_secs(60),
            adopt_policy: AdoptPolicy::default(),
            serialise_submits: false,
            max_output_bytes: 8 << 30,
        }
    }
}

impl Wavespeed {
    /// Creates a client with the API key in `WAVESPEED_API_KEY`, and the base URL in
    /// `WAVESPEED_BASE_URL` if that is set.
    ///
    /// # Errors
    /// Returns an error if there is no API key, or if one of the two is malformed.
    ///
    /// The [front page](crate) has an example.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::builder().env().build()
    }

    /// Returns the settings of a new client. The API key must be set; everything else has a default.
    ///
    /// [`Builder`] has an example.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Takes the API key from `WAVESPEED_API_KEY` and the base URL from `WAVESPEED_BASE_URL`, where
    /// they are set.
    #[must_use]
    pub fn env(mut self) -> Self {
        if let Some(key) = env::var_os("WAVESPEED_API_KEY") {
            // A value that is not Unicode is refused like any other invalid character.
            self = self.key(key.to_str().unwrap_or("\u{fffd}"));
        }
        if let Some(url) = env::var_os("WAVESPEED_BASE_URL").filter(|url| !url.is_empty()) {
            self = self.base_url(url.to_string_lossy());
        }
        self
    }

    /// Sets the API key.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.key = Some(ApiKey::new(key.as_ref()));
        self
    }

    /// Sets the base URL of the API; the default is [`DEFAULT_BASE_URL`]. `/api/v3` is added to a URL
    /// without a path.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Allows the API key to be sent over plain http to another machine. The default is `false`: the
    /// key would cross the network unencrypted.
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Sets how long a wait for a job may take; the default is 1 hour, and `None` means forever.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the clock and the random numbers of waits. If the poller has a schedule, it replaces the
    /// one that follows from observed durations.
    ///
    /// [`ManualClock`](crate::poll::ManualClock) has an example with virtual time.
    #[must_use]
    pub fn poller(mut self, poller: Poller) -> Self {
        self.poller = poller;
        self
    }

    /// Sets how often jobs are polled; see [`PollPolicy`].
    #[must_use]
    pub fn poll_policy(mut self, poll_policy: PollPolicy) -> Self {
        self.poll_policy = poll_policy;
        self
    }

    /// Sets the store in which submits are recorded; the default keeps nothing.
    #[must_use]
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets how often a submit is sent again after it was rejected because nothing could be sent, because
    /// the server proved that it did not process it, or because there were too many (429); the default is 5 times, within the deadline. No other outcome
    /// of a submit is ever sent again. For everything else see [`retries`](Self::retries).
    #[must_use]
    pub fn resends(mut self, times: u32) -> Self {
        self.resends = times;
        self
    }

    /// Sets the size in bytes up to which outputs are downloaded; the default is 8 GiB.
    #[must_use]
    pub fn max_output_bytes(mut self, bytes: u64) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// Sets the name of the account that owns this client's jobs in the store. The default is the
    /// fingerprint of the API key, so that every API key has its own jobs; with a name, the jobs and
    /// their idempotency keys stay when the API key is replaced.
    #[must_use]
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.account = Some(name.into());
        self
    }

    /// Sets whether the files behind URLs are checked before a submit, by a few small requests to the
    /// host of each file; the default is `true`.
    #[must_use]
    pub fn check_urls(mut self, check: bool) -> Self {
        self.check_urls = check;
        self
    }

    /// Sets the time after which a prediction must show in the vendor's history; the default is 60 s.
    /// Nothing is adopted from the history before.
    #[must_use]
    pub fn history_lag(mut self, time: Duration) -> Self {
        self.history_lag = time;
        self
    }

    /// Sets the evidence by which a prediction from the vendor's history is adopted for a job whose id was
    /// lost. The default is [`AdoptPolicy::Sole`].
    #[must_use]
    pub fn adopt_policy(mut self, policy: AdoptPolicy) -> Self {
        self.adopt_policy = policy;
        self
    }

    /// Sets whether a submit waits until the one before it, of the same model and account in this store, has
    /// an outcome; the default is `false`. A lost submit is then alone between two known ones, so that the
    /// history shows whether it arrived: the only prediction that no job owns is its prediction, and none
    /// means that it is [absent](crate::HistorySearch::Absent).
    ///
    /// It costs throughput: a model's submits are sent one after another, by all processes that share the
    /// store and have this setting. After a lost submit, the next one first looks for it in the history, for
    /// up to the submit timeout and the history lag.
    #[must_use]
    pub fn serialise_submits(mut self, serialise: bool) -> Self {
        self.serialise_submits = serialise;
        self
    }

    /// Creates the client. Nothing is sent.
    ///
    /// # Errors
    /// Returns an error if there is no API key, or if a setting is invalid.
    pub fn build(self) -> Result<Wavespeed, BuildError> {
        let base_url = base_url(self.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?;
        let key = self.key.ok_or(BuildError::NoKey)??;
        let is_local = is_loopback(&base_url);
        if base_url.scheme() == "http" && !is_local && !self.allow_plain_http {
            return Err(BuildError::PlainHttp {
                url: base_url.to_string(),
            });
        }
        let http = http::service(
            self.http,
            self.http_service,
            &self.user_agent,
            &self.timeouts,
            is_local,
        )?;
        // The URL as it is used, with its path, so that spellings of one URL are one account.
        let key_fingerprint = key.fingerprint();
        let name = self.account.unwrap_or_else(|| key_fingerprint.clone());
        if key.is_in(&name) {
            return Err(BuildError::Account);
        }
        let account = Account::new(base_url.as_str(), name);
        let api = Client::new(&base_url, Arc::clone(&http), key);
        Ok(Wavespeed(Arc::new(Inner {
            api,
            http,
            timeouts: self.timeouts,
            retries: self.retries,
            on_retry: self.on_retry,
            deadline: self.deadline,
            poller: self.poller,
            poll_policy: self.poll_policy,
            schedules: ScheduleCache::default(),
            wakes: broadcast::Sender::new(WAKE_CAPACITY),
            early_wakes: EarlyWakes::default(),
            store: self.store,
            account,
            key_fingerprint,
            checks_urls: self.check_urls,
            resends: self.resends,
            history_lag: self.history_lag,
            adopt_policy: self.adopt_policy,
            serialises_submits: self.serialise_submits,
            vendor_clock: VendorClock::default(),
            max_output_bytes: self.max_output_bytes,
            upload_locks: KeyedLocks::default(),
            leftovers: Leftovers::default(),
            in_flight: watch::Sender::new(0),
            has_unrecorded: AtomicBool::new(false),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_for_other_machines() {
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
    fn an_api_key_is_required_and_never_shown() {
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
