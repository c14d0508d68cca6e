//! The client: the handle that every call starts from, and the state its clones share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use url::Url;
use wavespeed_client::{Client, HttpService, Prediction, PredictionId};
use wavespeed_poll::{Deadline, Poller};

use crate::http::Timeouts;
use crate::http::reach::is_loopback;
use crate::locks::KeyedLocks;
use crate::part_file::Leftovers;
use crate::poll_policy::{PollPolicy, ScheduleCache};
use crate::retries::{Retries, RetryObserver};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{Account, JobFilter, JobRecord};
use crate::store::upload::Content;
use crate::submit::candidates::AdoptPolicy;
use crate::vendor_clock::VendorClock;
use crate::wait::early_wakes::EarlyWakes;

/// A client of one account. Cloning is cheap, and clones share connections and state.
#[derive(Clone, Debug)]
pub struct Wavespeed(pub(crate) Arc<Inner>);

impl Wavespeed {
    /// Returns the account that owns this client's jobs in the [`Store`].
    ///
    /// [`Account`] has an example.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// Returns the jobs that pass the filter, oldest first.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    ///
    /// The [front page](crate) has an example.
    pub async fn jobs(&self, filter: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        self.0.store.jobs(&self.0.account, filter).await
    }

    /// Removes a job from the store, which frees its key, and returns `true` if it was there. The job
    /// itself continues at the vendor, and its id stays known as one of ours.
    ///
    /// # Errors
    /// Returns an error if the job is being sent (of the kind
    /// [`Claimed`](crate::StoreErrorKind::Claimed)), or if the store cannot be changed.
    ///
    /// [`Reconciled`](crate::Reconciled) has an example.
    pub async fn forget(&self, job: JobNumber) -> Result<bool, StoreError> {
        self.0.store.forget(job).await
    }

    /// Waits until no submit of this client or of a clone is in flight and every call of the store is
    /// carried out, and returns `true`. Returns `false` if the deadline expires first, if the store fails,
    /// or if the outcome of an earlier submit could not be recorded: a submit may then have been billed
    /// whose id is not in the store.
    ///
    /// A program that ends calls this first: a submit whose future was dropped is still in flight, and its
    /// answer has the id. A submit that waits to be sent again is not in flight; nothing more is sent for
    /// it once its future is dropped.
    ///
    /// The [front page](crate) has an example.
    #[must_use = "`false` means that an id may not be recorded"]
    pub async fn flush(&self, deadline: Deadline) -> bool {
        let mut in_flight = self.0.in_flight.subscribe();
        let flushed = async {
            // The sender lives as long as this client.
            _ = in_flight.wait_for(|submits| *submits == 0).await;
            let is_flushed = self.0.store.flush().await.is_ok();
            is_flushed && !self.0.has_unrecorded.load(Ordering::Relaxed)
        };
        let flushed = deadline.timeout(self.0.poller.clock(), flushed).await;
        flushed.unwrap_or(false)
    }

    /// Records the end of a prediction in the store. A server that repeats the API key in the texts of a
    /// prediction must not have it written down. What is used stays as it is, so that the outputs can be saved
    /// later.
    pub(crate) async fn record_end(&self, ended: &Prediction) -> Result<(), StoreError> {
        let ended = ended.without_key(self.0.api.api_key());
        self.0.store.record_end(&self.0.account, &ended).await
    }

    /// Returns a text without the API key, which must not be written down.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.api.api_key().redact(text)
    }

    /// Returns `true` if the API is on this machine, so that it reaches everything that this machine reaches.
    pub(crate) fn api_is_local(&self) -> bool {
        let api = Url::parse(&self.0.account.base_url);
        api.is_ok_and(|api| is_loopback(&api))
    }

    /// Counts a submit as in flight until the returned value is dropped.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.0.in_flight.send_modify(|submits| *submits += 1);
        InFlight(self.clone())
    }

    /// Returns the deadline of a wait that begins now, from the settings.
    ///
    /// The [front page](crate) has an example.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.0.deadline.map_or(Deadline::never(), |after| {
            Deadline::after(after, self.0.poller.clock())
        })
    }
}

/// The state that all clones of a [`Wavespeed`] share.
pub(crate) struct Inner {
    pub(crate) api: Client,
    /// The service of every request, also of those that `api` makes.
    pub(crate) http: Arc<dyn HttpService>,
    pub(crate) timeouts: Timeouts,
    pub(crate) retries: Retries,
    pub(crate) on_retry: RetryObserver,
    pub(crate) deadline: Option<Duration>,
    pub(crate) poller: Poller,
    pub(crate) poll_policy: PollPolicy,
    pub(crate) schedules: ScheduleCache,
    /// The ids of jobs to be polled now, for every watch of this client.
    pub(crate) wakes: broadcast::Sender<PredictionId>,
    /// The ids of wakes, for watches that begin later.
    pub(crate) early_wakes: EarlyWakes,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) account: Account,
    pub(crate) key_fingerprint: String,
    pub(crate) checks_urls: bool,
    pub(crate) resends: u32,
    pub(crate) history_lag: Duration,
    pub(crate) adopt_policy: AdoptPolicy,
    pub(crate) serialises_submits: bool,
    pub(crate) vendor_clock: VendorClock,
    pub(crate) max_output_bytes: u64,
    pub(crate) leftovers: Leftovers,
    pub(crate) upload_locks: KeyedLocks<Content>,
    /// The number of submits that are being recorded or sent.
    pub(crate) in_flight: watch::Sender<usize>,
    /// `true` once the outcome of a submit could not be recorded.
    pub(crate) has_unrecorded: AtomicBool,
}

/// A submit that is being recorded or sent, counted until dropped.
pub(crate) struct InFlight(Wavespeed);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.send_modify(|submits| *submits -= 1);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wavespeed")
            .field("api", &self.api)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
