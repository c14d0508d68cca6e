//! Watching every job of the account, whichever program submitted it: what webhooks would report,
//! for machines that the vendor cannot reach.

use std::collections::HashMap;
use std::future::ready;
use std::time::{Duration, SystemTime};

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wavespeed_client::{Prediction, types};
use wavespeed_poll::{Deadline, RateLimits, Update};

use crate::call::{FetchError, created_at};
use crate::client::Wavespeed;
use crate::wait::error::WaitError;
use crate::wait::job::Job;

/// The age up to which the first search looks for jobs that still run.
const FIRST_WINDOW: Duration = Duration::from_secs(2 * 60 * 60);

/// The overlap between one search and the next: the vendor may list a prediction a little later than
/// one that was created after it.
const OVERLAP: Duration = Duration::from_secs(60);

/// Error item of [`Wavespeed::watch_account`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountWatchError {
    /// The history could not be read. It is read again, unless the API key or its role was refused.
    #[error("the account's jobs could not be listed: {0}")]
    History(FetchError),
    /// Waiting for one of the jobs ended before the job did.
    #[error(transparent)]
    Job(#[from] WaitError),
}

impl Wavespeed {
    /// Watches every job of the account: those of the last 2 hours that still run, and all that
    /// follow. The items are the final predictions.
    ///
    /// The vendor's history is searched for new jobs once per `interval`; each is then polled as by
    /// [`watch_many`](Self::watch_many). The stream does not end by itself. Once the API key or its
    /// role is refused, no more jobs are searched for, and the stream ends with the last known job.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use futures_util::TryStreamExt as _;
    /// use wavespeed::poll::RateLimits;
    ///
    /// let interval = Duration::from_secs(30);
    /// let mut ended = std::pin::pin!(ws.watch_account(interval, RateLimits::default()));
    /// while let Some(prediction) = ended.try_next().await? {
    ///     println!("{} {}", prediction.id(), prediction.status());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_account(
        &self,
        interval: Duration,
        limits: RateLimits,
    ) -> impl Stream<Item = Result<Prediction, AccountWatchError>> + Send + use<> {
        // Errors of the search pass by the jobs: the stream of jobs must not end with them.
        let (error_sender, mut errors) = unbounded_channel();
        let search = HistorySearch::new(self.clone(), interval, error_sender);
        let jobs = stream::unfold(search, HistorySearch::next).flat_map(stream::iter);
        let updates = self.watch_many(jobs, Deadline::never(), limits);
        let ended = updates.filter_map(|(_, item)| {
            ready(match item {
                Ok(Update::Done(prediction)) => Some(Ok(prediction)),
                Ok(_) => None,
                Err(error) => Some(Err(error.into())),
            })
        });
        let errors = stream::poll_fn(move |context| errors.poll_recv(context));
        let errors = errors.map(|error| Err(AccountWatchError::History(error)));
        stream::select(ended, errors)
    }
}

/// A repeated search of the history that yields each job once.
struct HistorySearch {
    ws: Wavespeed,
    interval: Duration,
    errors: UnboundedSender<FetchError>,
    /// The pause before the next search.
    pause: Duration,
    /// The number of searches in a row that failed.
    failures: u32,
    /// The creation time from which the next search looks.
    since: Timestamp,
    /// The ids that were found, with their creation times.
    known: HashMap<String, Timestamp>,
    is_first: bool,
}

impl HistorySearch {
    fn new(ws: Wavespeed, interval: Duration, errors: UnboundedSender<FetchError>) -> Self {
        let since = Timestamp::try_from(SystemTime::now() - FIRST_WINDOW);
        Self {
            ws,
            interval,
            errors,
            pause: Duration::ZERO,
            failures: 0,
            since: since.unwrap_or(Timestamp::UNIX_EPOCH),
            known: HashMap::new(),
            is_first: true,
        }
    }

    /// Returns the new jobs of the next search that succeeds, or `None` if there will be no other.
    async fn next(mut self) -> Option<(Vec<Job>, Self)> {
        loop {
            let clock = self.ws.0.poller.clock();
            // Polls of the found jobs run meanwhile, so a manual clock must not skip this pause.
            clock.timeout(self.pause).await;
            let error = match self.search().await {
                Ok(jobs) => {
                    (self.failures, self.pause) = (0, self.interval);
                    return Some((jobs, self));
                }
                Err(error) => error,
            };
            let retry_after = match &error {
                FetchError::Answer { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            let backoff = self.ws.0.poller.backoff(self.failures);
            self.failures = self.failures.saturating_add(1);
            self.pause = self.interval.max(backoff).max(retry_after);
            let is_final = matches!(error, FetchError::Key(_) | FetchError::Role(_));
            if self.errors.send(error).is_err() || is_final {
                return None;
            }
        }
    }

    /// Returns the jobs that were not known before. The first search leaves out those that have
    /// already ended.
    async fn search(&mut self) -> Result<Vec<Job>, FetchError> {
        let mut filter = types::HistoryRequest::new();
        filter.created_after = Some(self.since.to_string());
        let found: Vec<Prediction> = self.ws.history(filter).try_collect().await?;
        let is_first = std::mem::take(&mut self.is_first);
        let mut jobs = Vec::new();
        for prediction in found {
            // Without a readable creation time, the prediction stays known until the window moves.
            let created = created_at(&prediction).unwrap_or(self.since);
            let is_new = self
                .known
                .insert(prediction.id().to_owned(), created)
                .is_none();
            if is_new && !(is_first && prediction.status().is_terminal()) {
                jobs.extend(self.ws.job(prediction.id()));
            }
        }
        if let Some(newest) = self.known.values().max() {
            let since = newest.checked_sub(OVERLAP).unwrap_or(*newest);
            self.since = self.since.max(since);
        }
        // Older predictions are outside the window of every later search.
        self.known.retain(|_, created| *created >= self.since);
        Ok(jobs)
    }
}
