//! Waiting for any number of jobs at once.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::Stream;
use futures_util::{StreamExt as _, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use wavespeed_client::{Prediction, PredictionId};
use wavespeed_poll::WaitError as PollWaitError;
use wavespeed_poll::{
    Deadline, Entry, FirstPoll, OnError, PollError, RateLimits, Reply, Schedule, Update,
};

use crate::call::FetchError;
use crate::client::Wavespeed;
use crate::store::record::JobFilter;
use crate::wait::error::WaitError;
use crate::wait::job::Job;
use crate::wait::schedule::JobSchedule;

/// The time for which the vendor may not know a prediction before it counts as missing. A prediction
/// that was just created may not be visible on every server yet.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// The same for an id of which neither the store nor an answer knows anything. It is most likely mistyped, and
/// a person waits for the error.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// A job that is watched, identified by its id.
#[derive(Clone)]
struct WatchedJob {
    job: Arc<Job>,
    schedule: Arc<JobSchedule>,
}

impl WatchedJob {
    async fn new(job: Job) -> Self {
        let schedule = Arc::new(job.schedule().await);
        let job = Arc::new(job);
        Self { job, schedule }
    }

    fn entry(self) -> Entry<Self> {
        let first_poll = match self.job.ws.0.early_wakes.take(self.job.id()) {
            // A webhook reported the end before anyone waited for it.
            true => FirstPoll::Now,
            false => self.schedule.first_poll(self.job.first_poll()),
        };
        let schedule: Arc<dyn Schedule> = self.schedule.clone();
        let mut entry = Entry::new(self, first_poll);
        entry.schedule = Some(schedule);
        entry
    }

    async fn poll(self) -> Result<Reply<Prediction>, PollError<FetchError>> {
        let patience = match self.schedule.is_known() {
            true => MISSING_FOR,
            false => UNKNOWN_FOR,
        };
        let reply = self.job.poll(patience).await;
        if let Ok(Reply::Pending(prediction)) = &reply {
            self.schedule.observe(self.job.id(), prediction).await;
        }
        reply
    }

    /// Records the end of the job. This is not part of the poll, which the deadline may cut off: an end
    /// that was received must reach the caller.
    async fn record_end(&self, prediction: &Prediction) {
        let ws = &self.job.ws;
        // The caller gets the end in any case, and can record it elsewhere.
        if let Err(error) = ws.record_end(prediction).await {
            tracing::error!(id = %self.job.id(), %error, "the end of a job could not be recorded");
        }
        // An upload that the vendor could not fetch must not be reused for the next job.
        ws.forget_unfetched(prediction).await;
        self.schedule.observe(self.job.id(), prediction).await;
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

impl FetchError {
    /// Returns what this error of a poll means for the wait. `patience` is the time for which the prediction
    /// may be missing.
    fn on_error(&self, patience: Duration) -> OnError {
        match self {
            // No later poll with the same API key can succeed.
            Self::Key(_) | Self::Role(_) => OnError::Stop,
            Self::NotFound(_) => OnError::RetryWithin(patience),
            Self::Answer { retry_after, .. } => OnError::Retry {
                retry_after: *retry_after,
            },
            Self::Transport { .. } | Self::Deadline => OnError::Retry { retry_after: None },
        }
    }
}

impl Job {
    /// Returns a schedule with what is known of the model and the age before the first poll: from the
    /// submit, if this handle comes from one, else from the store.
    pub(super) async fn schedule(&self) -> JobSchedule {
        let ws = &self.ws;
        if let Some((model, submitted)) = &self.submission {
            let now = ws.0.poller.clock().now();
            let age = now.saturating_duration_since(*submitted);
            return JobSchedule::new(ws, Some((model.clone(), age))).await;
        }
        // A store that fails costs a good schedule, which is no reason not to wait.
        let records = ws.jobs(JobFilter::Id(&self.id)).await.unwrap_or_default();
        let known = records.first().map(|record| {
            let age = SystemTime::now().duration_since(record.at);
            (record.model.to_string(), age.unwrap_or_default())
        });
        JobSchedule::new(ws, known).await
    }

    /// Polls the prediction once.
    async fn poll(&self, patience: Duration) -> Result<Reply<Prediction>, PollError<FetchError>> {
        match self.fetch().await {
            Ok(prediction) if prediction.status().is_terminal() => Ok(Reply::Done(prediction)),
            Ok(prediction) => Ok(Reply::Pending(prediction)),
            Err(error) => {
                tracing::warn!(id = %self.id, %error, "a poll failed");
                let on_error = error.on_error(patience);
                Err(PollError::new(error, on_error))
            }
        }
    }
}

/// An item of a watch of many jobs: the id of a job, and what a poll of it yielded.
pub type JobUpdate = (
    PredictionId,
    Result<Update<Prediction, FetchError>, WaitError>,
);

impl Wavespeed {
    /// Watches any number of jobs with one waiter, within limits that hold for all of them together:
    /// by default 8 connections and 100 polls per second. If more jobs are due than that, the ones
    /// that have most likely ended are polled first; where N of them end together, their ends are
    /// noticed N / (2 × [`per_second`](RateLimits::per_second)) seconds late on average.
    ///
    /// Each item belongs to one job, as in [`Job::follow`]; the last item of a job is
    /// [`Update::Done`] or an error. Jobs can be added while `jobs` yields them; the stream ends when
    /// `jobs` and every job have ended. It may be dropped at any await, and can be sent to another
    /// thread if `jobs` can.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed, jobs: Vec<wavespeed::Job>) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::{StreamExt as _, stream};
    /// use wavespeed::poll::{RateLimits, Update};
    ///
    /// let updates = ws.watch_many(stream::iter(jobs), ws.deadline(), RateLimits::default());
    /// let mut updates = std::pin::pin!(updates);
    /// while let Some((id, update)) = updates.next().await {
    ///     match update {
    ///         Ok(Update::Done(prediction)) => println!("{id} {}", prediction.status()),
    ///         Ok(_) => {}
    ///         Err(error) => println!("{id} {error}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_many<S>(
        &self,
        jobs: S,
        deadline: Deadline,
        limits: RateLimits,
    ) -> impl Stream<Item = JobUpdate> + use<S>
    where
        S: Stream<Item = Job>,
    {
        let entries = jobs.then(async |job| WatchedJob::new(job).await.entry());
        let poller = self.0.poller.clone();
        // The future of a poll outlives the borrow of its job, hence the clone of two pointers.
        let poll = |watched: &WatchedJob| watched.clone().poll();
        poller
            .watch_many(limits, deadline, entries, self.wakes(), poll)
            .then(async |(watched, item)| {
                if let Ok(Update::Done(prediction)) = &item {
                    watched.record_end(prediction).await;
                }
                let id = watched.job.id().clone();
                let item = item.map_err(|error| wait_error(&id, error));
                (id, item)
            })
    }

    /// Polls a job now, because something such as a webhook says that it has ended: at once if this client
    /// or a clone of it is watching the job, and otherwise as soon as it does. The vendor's answer to the
    /// poll is what counts.
    ///
    /// The module [`webhook`](crate::webhook) has an example.
    pub fn wake(&self, id: &PredictionId) {
        self.0.early_wakes.insert(id);
        // An error means that there is no watch to wake.
        _ = self.0.wakes.send(id.clone());
    }

    fn wakes(&self) -> impl Stream<Item = PredictionId> + Send + use<> {
        let wakes = self.0.wakes.subscribe();
        let next = async |mut wakes: Receiver<_>| loop {
            match wakes.recv().await {
                Ok(id) => return Some((id, wakes)),
                // Wakes that overflowed the channel are lost; their jobs are polled on schedule.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        };
        stream::unfold(wakes, next)
    }
}

fn wait_error(id: &PredictionId, error: PollWaitError<FetchError>) -> WaitError {
    let id = id.clone();
    match error {
        PollWaitError::Deadline(last_error) => WaitError::Deadline { id, last_error },
        PollWaitError::Unanswered => WaitError::Unanswered { id },
        PollWaitError::Error(error) => WaitError::Stopped { id, error },
    }
}
