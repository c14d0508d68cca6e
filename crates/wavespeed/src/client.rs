//! The client: the handle that every call starts from, and the state its clones share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::broadcast;
use wavespeed_client::{Client, PredictionId};
use wavespeed_poll::{Deadline, Poller};

use crate::http::Timeouts;
use crate::locks::KeyedLocks;
use crate::poll_policy::{PollPolicy, ScheduleCache};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{Account, JobFilter, JobRecord};
use crate::store::upload::Content;

/// A client of one account. Cloning is cheap, and clones share connections and state.
#[derive(Clone, Debug)]
pub struct Wavespeed(pub(crate) Arc<Inner>);

impl Wavespeed {
    /// Returns the account that owns this client's jobs in the [`Store`].
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// Returns the jobs of this account that pass the filter, oldest first.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    pub async fn jobs(&self, filter: JobFilter<'_>) -> Result<Vec<JobRecord>, StoreError> {
        self.0.store.jobs(&self.0.account, filter).await
    }

    /// Removes a job from the store, and returns `true` if it was there. The job itself continues at
    /// the vendor.
    ///
    /// # Errors
    /// Returns an error if the store cannot be changed.
    pub async fn forget(&self, job: JobNumber) -> Result<bool, StoreError> {
        self.0.store.forget(&self.0.account, job).await
    }

    /// Returns `true` while a submit of this client or of a clone is being recorded or sent. A program
    /// that is asked to end should wait for it, as the outcome is unknown until then. A submit that
    /// waits to be sent again does not count: if its future is dropped, nothing more is sent.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.0.submitting.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn submitting(&self) -> Submitting<'_> {
        self.0.submitting.fetch_add(1, Ordering::Relaxed);
        Submitting(&self.0.submitting)
    }

    /// Returns the deadline of a wait that begins now, from the settings.
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
    pub(crate) files: reqwest::Client,
    pub(crate) timeouts: Timeouts,
    pub(crate) deadline: Option<Duration>,
    pub(crate) poller: Poller,
    pub(crate) poll_policy: PollPolicy,
    pub(crate) schedules: ScheduleCache,
    /// The ids of jobs to be polled now, for every watch of this client.
    pub(crate) wakes: broadcast::Sender<PredictionId>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) account: Account,
    pub(crate) resends: u32,
    pub(crate) settle: Duration,
    pub(crate) max_output_bytes: u64,
    pub(crate) upload_locks: KeyedLocks<Content>,
    /// The number of submits that are being recorded or sent.
    pub(crate) submitting: AtomicUsize,
}

/// A submit that is being recorded or sent, counted until dropped.
pub(crate) struct Submitting<'a>(&'a AtomicUsize);

impl Drop for Submitting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
