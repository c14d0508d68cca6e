//! The ends of all tasks of the account, whoever has submitted them: what webhooks would report, where
//! the vendor cannot reach anybody.

use std::collections::HashMap;
use std::future::ready;
use std::time::{Duration, SystemTime};

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wavespeed_client::{Prediction, types};
use wavespeed_poll::{Deadline, RateLimits, Update};

use crate::call::FetchError;
use crate::client::Wavespeed;
use crate::wait::error::WaitError;
use crate::wait::job::Job;

/// Tasks this old are looked for at first; later, those a little older than the newest.
const RUNNING: Duration = Duration::from_secs(2 * 60 * 60);

const MARGIN: Duration = Duration::from_secs(60);

/// The longest wait that the vendor can ask for.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What could not be learned of the account's tasks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountWatchError {
    /// Which tasks there are. It is asked again, unless it is for the key or its role.
    #[error("what tasks there are is not known: {0}")]
    History(FetchError),
    /// How one of them goes on.
    #[error(transparent)]
    Task(#[from] WaitError),
}

impl Wavespeed {
    /// The final record of each task of the account: of those of the last 2 hours that still run, and
    /// of all that come. Every `look`, the vendor's history is asked for new ones, which are then
    /// waited for as by [`watch_many`](Self::watch_many). Goes on for ever; if the key or its role is
    /// refused, no more is looked for, and it ends with the last task that is known.
    pub fn watch_account(
        &self,
        look: Duration,
        limits: RateLimits,
    ) -> impl Stream<Item = Result<Prediction, AccountWatchError>> + Send + use<> {
        let (troubles, mut trouble) = unbounded_channel();
        let search = HistorySearch::new(self.clone(), look, troubles);
        let jobs = stream::unfold(search, HistorySearch::next).flat_map(stream::iter);
        let watched = self.watch_many(jobs, Deadline::never(), limits);
        let ended = watched.filter_map(|(_, item)| {
            ready(match item {
                Ok(Update::Done(record)) => Some(Ok(record)),
                Ok(_) => None,
                Err(error) => Some(Err(error.into())),
            })
        });
        let troubles = stream::poll_fn(move |context| trouble.poll_recv(context));
        stream::select(
            ended,
            troubles.map(|error| Err(AccountWatchError::History(error))),
        )
    }
}

/// The tasks of the account, each once.
struct HistorySearch {
    ws: Wavespeed,
    look: Duration,
    troubles: UnboundedSender<FetchError>,
    /// How long to wait before the next look.
    pause: Duration,
    /// How many looks have failed in a row.
    failed: u32,
    since: Timestamp,
    /// Those that were found, and when they were created.
    known: HashMap<String, Timestamp>,
    is_first: bool,
}

impl HistorySearch {
    fn new(ws: Wavespeed, look: Duration, troubles: UnboundedSender<FetchError>) -> Self {
        let since = Timestamp::try_from(SystemTime::now() - RUNNING);
        Self {
            ws,
            look,
            troubles,
            pause: Duration::ZERO,
            failed: 0,
            since: since.unwrap_or(Timestamp::UNIX_EPOCH),
            known: HashMap::new(),
            is_first: true,
        }
    }

    /// Those that are new by the next look that succeeds.
    async fn next(mut self) -> Option<(Vec<Job>, Self)> {
        loop {
            let clock = self.ws.0.poller.clock();
            clock.timeout_at(clock.now() + self.pause).await;
            let error = match self.found().await {
                Ok(jobs) => {
                    (self.failed, self.pause) = (0, self.look);
                    return Some((jobs, self));
                }
                Err(error) => error,
            };
            let asked = match &error {
                FetchError::Answer { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            let backoff = self.ws.0.poller.backoff(self.failed);
            self.failed = self.failed.saturating_add(1);
            self.pause = self.look.max(backoff).max(asked.min(LONGEST));
            let is_last = matches!(error, FetchError::Key(_) | FetchError::Role(_));
            if self.troubles.send(error).is_err() || is_last {
                return None;
            }
        }
    }

    /// Those that are new; at first, those that run.
    async fn found(&mut self) -> Result<Vec<Job>, FetchError> {
        let mut filter = types::HistoryRequest::new();
        filter.created_after = Some(self.since.to_string());
        let tasks: Vec<Prediction> = self.ws.history(filter).try_collect().await?;
        let is_first = std::mem::take(&mut self.is_first);
        let mut jobs = Vec::new();
        for task in tasks {
            let created = task.created_at.as_deref().and_then(|at| at.parse().ok());
            let created = created.unwrap_or(self.since);
            let is_new = self.known.insert(task.id.clone(), created).is_none();
            if is_new && !(is_first && task.status.is_terminal()) {
                jobs.extend(self.ws.job(&task.id));
            }
        }
        if let Some(newest) = self.known.values().max() {
            self.since = newest
                .checked_sub(MARGIN)
                .unwrap_or(*newest)
                .max(self.since);
        }
        // What is older does not come again.
        self.known.retain(|_, created| *created >= self.since);
        Ok(jobs)
    }
}
