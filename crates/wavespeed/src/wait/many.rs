//! Waiting for any number of jobs at once, with one waiter.

use std::borrow::Borrow;
use std::future::ready;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, stream};
use tokio::sync::broadcast::error::RecvError;
use wavespeed_client::{Prediction, PredictionId};
use wavespeed_poll::WaitError as PollWaitError;
use wavespeed_poll::{Deadline, Entry, OnError, PollError, RateLimits, Reply, Schedule, Update};

use crate::call::FetchError;
use crate::client::Wavespeed;
use crate::store::record::JobFilter;
use crate::wait::error::WaitError;
use crate::wait::job::Job;
use crate::wait::schedule::JobSchedule;

/// A job on the list. It is told from others by its id.
#[derive(Clone)]
struct WatchedJob {
    job: Arc<Job>,
    watched: Arc<JobSchedule>,
}

impl WatchedJob {
    fn new(job: Job) -> Self {
        let watched = Arc::new(job.watched());
        let job = Arc::new(job);
        Self { job, watched }
    }

    fn entry(self) -> Entry<Self> {
        let start = self.watched.start(self.job.start());
        let schedule: Arc<dyn Schedule> = self.watched.clone();
        let mut entry = Entry::new(self, start);
        entry.schedule = Some(schedule);
        entry
    }

    async fn ask(self) -> Result<Reply<Prediction>, PollError<FetchError>> {
        let reply = self.job.ask().await;
        if let Ok(Reply::Pending(record) | Reply::Done(record)) = &reply {
            self.watched.answered(self.job.id(), record);
        }
        reply
    }
}

impl Borrow<PredictionId> for WatchedJob {
    fn borrow(&self) -> &PredictionId {
        self.job.id()
    }
}

impl PartialEq for WatchedJob {
    fn eq(&self, other: &Self) -> bool {
        self.job.id() == other.job.id()
    }
}

impl Eq for WatchedJob {}

impl Hash for WatchedJob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.job.id().hash(state);
    }
}

/// How long a prediction may be unknown to the vendor before it counts as missing: a record that
/// was just made may not be everywhere yet.
const MISSING_FOR: Duration = Duration::from_secs(30);

impl FetchError {
    fn verdict(&self) -> OnError {
        match self {
            Self::Key(_) | Self::Role(_) => OnError::Stop,
            Self::NotFound(_) => OnError::RetryWithin(MISSING_FOR),
            Self::Answer { retry_after, .. } => OnError::Retry {
                retry_after: *retry_after,
            },
            Self::Transport(_) => OnError::Retry { retry_after: None },
        }
    }
}

impl Job {
    /// What is known of the model and the age of the task before anything is asked.
    pub(crate) fn watched(&self) -> JobSchedule {
        let (ws, now) = (&self.ws, SystemTime::now());
        if let Some((model, sent)) = &self.sent {
            let age = ws.0.poller.clock().now().saturating_duration_since(*sent);
            return JobSchedule::of(ws, model.clone(), age);
        }
        let known = ws.jobs(JobFilter::Id(&self.id)).unwrap_or_default();
        match known.first() {
            Some(job) => {
                let age = now.duration_since(job.at).unwrap_or_default();
                JobSchedule::of(ws, job.model.to_string(), age)
            }
            None => JobSchedule::unknown(ws),
        }
    }

    pub(crate) async fn ask(&self) -> Result<Reply<Prediction>, PollError<FetchError>> {
        match self.fetch().await {
            Ok(record) if record.status.is_terminal() => {
                if let Err(error) = self.ws.0.store.record_end(&self.ws.0.account, &record) {
                    tracing::error!(id = %self.id, %error, "the end of a task could not be written down");
                }
                self.ws.forget_unfetched(&record);
                Ok(Reply::Done(record))
            }
            Ok(record) => Ok(Reply::Pending(record)),
            Err(error) => {
                tracing::warn!(id = %self.id, %error, "a poll failed");
                Err(PollError::new(error.clone(), error.verdict()))
            }
        }
    }
}

impl Wavespeed {
    /// Waits for any number of jobs with one waiter, within limits that hold for all of them
    /// together: by default 8 connections and 100 polls per second. If more are due than that,
    /// those come first that have most likely ended; where N of them end together, that is noticed
    /// N / (2 × [`per_second`](RateLimits::per_second)) seconds late on average. Each item is what was learned of one job, as
    /// [`Job::follow`] has it; the last of each is [`Update::Done`] or an error.
    ///
    /// Jobs can be added for as long as `jobs` goes on; the stream ends when it has, and every job.
    /// May be dropped at any await. It can be sent to another thread if `jobs` can.
    pub fn watch_many<S>(
        &self,
        jobs: S,
        deadline: Deadline,
        limits: RateLimits,
    ) -> impl Stream<Item = JobUpdate> + use<S>
    where
        S: Stream<Item = Job>,
    {
        let entries = jobs.map(|job| WatchedJob::new(job).entry());
        let poller = self.0.poller.clone();
        let ask = |task: &WatchedJob| task.clone().ask();
        poller
            .watch_many(limits, deadline, entries, self.wakes(), ask)
            .map(|(task, item)| {
                let id = task.job.id().clone();
                let item = item.map_err(|stopped| wait_error(&id, stopped));
                (id, item)
            })
    }

    /// Asks about a task now, if this client or a clone of it waits for it: something says that it
    /// has ended, such as a webhook. What the vendor answers is what counts.
    pub fn wake(&self, id: &PredictionId) {
        // That nobody waits is fine.
        _ = self.0.wakes.send(id.clone());
    }

    fn wakes(&self) -> impl Stream<Item = PredictionId> + Send + use<> {
        let wakes = self.0.wakes.subscribe();
        let next = async |mut wakes: tokio::sync::broadcast::Receiver<_>| loop {
            match wakes.recv().await {
                Ok(id) => return Some((id, wakes)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        };
        stream::unfold(wakes, next)
    }
}

/// What was learned of one job.
pub type JobUpdate = (
    PredictionId,
    Result<Update<Prediction, FetchError>, WaitError>,
);

fn wait_error(id: &PredictionId, stopped: PollWaitError<FetchError>) -> WaitError {
    let id = id.clone();
    match stopped {
        PollWaitError::Deadline(trouble) => WaitError::Deadline { id, trouble },
        PollWaitError::Unanswered => WaitError::Unanswered { id },
        PollWaitError::Error(error) => WaitError::Stopped { id, error },
    }
}

/// The items of one job alone.
pub(crate) fn follow(
    ws: &Wavespeed,
    job: Job,
    deadline: Deadline,
) -> impl Stream<Item = Result<Update<Prediction, FetchError>, WaitError>> + Send + use<> {
    let limits = RateLimits::default();
    ws.watch_many(stream::once(ready(job)), deadline, limits)
        .map(|(_, item)| item)
}
