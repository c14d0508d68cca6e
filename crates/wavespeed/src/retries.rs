//! The number of retries of requests that are safe to repeat, and the observer of their pauses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often requests other than a submit are retried after a transient error, with a back-off between the
/// attempts and within the deadline of the call.
///
/// A submit, which is billed, is not one of them: see [`Builder::resends`](crate::Builder::resends). Polls
/// are not either: a wait continues until its deadline.
///
/// ```no_run
/// use wavespeed::{Retries, Wavespeed};
///
/// let retries = Retries::default().reads(0).downloads(10);
/// let ws = Wavespeed::builder().env().retries(retries).build()?;
/// # Ok::<(), wavespeed::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// The number of retries of a call that only reads, such as the balance, a price or a page of the
    /// history: 2 by default. If the server asks for a wait of more than 30 s, the call is not retried.
    pub reads: u32,
    /// The number of retries of an upload: 5 by default. Each attempt sends the whole file.
    pub uploads: u32,
    /// The number of retries of a download in a row without progress: 4 by default. Progress is that the
    /// transfer has got further than any attempt before. An output that its host does not have, though the job
    /// may have just ended, is retried for a minute, unless this is 0.
    pub downloads: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            reads: 2,
            uploads: 5,
            downloads: 4,
        }
    }
}

impl Retries {
    /// Returns settings by which nothing is retried.
    #[must_use]
    pub fn none() -> Self {
        let (reads, uploads, downloads) = (0, 0, 0);
        Self {
            reads,
            uploads,
            downloads,
        }
    }

    /// Sets the number of retries of a call that only reads.
    #[must_use]
    pub fn reads(mut self, retries: u32) -> Self {
        self.reads = retries;
        self
    }

    /// Sets the number of retries of an upload.
    #[must_use]
    pub fn uploads(mut self, retries: u32) -> Self {
        self.uploads = retries;
        self
    }

    /// Sets the number of retries of a download in a row without progress.
    #[must_use]
    pub fn downloads(mut self, retries: u32) -> Self {
        self.downloads = retries;
        self
    }
}

/// The pause before a read, an upload or a download is retried; see [`Builder::on_retry`](crate::Builder::on_retry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPause {
    /// The length of the pause.
    pub time: Duration,
    /// The time that the server asked to wait by `Retry-After`; zero if it did not.
    pub requested: Duration,
}

/// A function that is called before each pause before a retry, or none.
#[derive(Clone, Default)]
pub(crate) struct RetryObserver(Option<Arc<dyn Fn(RetryPause) + Send + Sync>>);

impl RetryObserver {
    pub(crate) fn new(observer: impl Fn(RetryPause) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(crate) fn notify(&self, time: Duration, requested: Duration) {
        if let Some(observer) = &self.0 {
            observer(RetryPause { time, requested });
        }
    }
}

impl fmt::Debug for RetryObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryObserver")
            .field(&self.0.is_some())
            .finish()
    }
}
