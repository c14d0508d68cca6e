//! Jobs, and waiting for their end.
//!
//! A [`Job`](job::Job) is a handle by id. Every wait is a watch: [`many`] watches any number of jobs
//! with one waiter, a wait for one job is a watch of that job alone, and [`account`] watches the jobs
//! that the vendor's history shows. [`schedule`] says when each job is polled.

pub(crate) mod account;
pub(crate) mod early_wakes;
pub(crate) mod error;
pub(crate) mod job;
pub(crate) mod many;
pub(crate) mod schedule;

use std::future::ready;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use wavespeed_client::Prediction;
use wavespeed_poll::{Deadline, Estimate, RateLimits, Update};

use crate::call::FetchError;
use crate::wait::error::WaitError;
use crate::wait::job::Job;

impl Job {
    /// Waits until the prediction has a terminal status, within the deadline of the settings.
    ///
    /// # Errors
    /// Returns the errors of [`wait_until`](Self::wait_until).
    ///
    /// [`Wavespeed::job`](crate::Wavespeed::job) has an example.
    pub async fn wait(&self) -> Result<Prediction, WaitError> {
        self.wait_until(self.ws.deadline()).await
    }

    /// Waits until the prediction has a terminal status, and returns it whatever that status is: see
    /// its `status`. The future may be dropped at any await.
    ///
    /// # Errors
    /// Returns an error if the deadline expires first, or if a poll fails in a way that waiting cannot
    /// fix: the API key or its role is refused (401, 403), or the id stays unknown for 30 s (404).
    /// Every other error of a poll is retried.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed, job: wavespeed::Job) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use wavespeed::{Deadline, poll::TokioClock};
    ///
    /// let deadline = Deadline::after(Duration::from_secs(300), &TokioClock::default());
    /// let prediction = job.wait_until(deadline).await?;
    /// # Ok(()) }
    /// ```
    pub async fn wait_until(&self, deadline: Deadline) -> Result<Prediction, WaitError> {
        let mut predictions = self.watch_until(deadline);
        let mut last = None;
        while let Some(prediction) = predictions.try_next().await? {
            last = Some(prediction);
        }
        Ok(last.expect("a watch ends with an error or the final prediction"))
    }

    /// Waits as [`wait_until`](Self::wait_until) does, for at most a time from now.
    ///
    /// # Errors
    /// Returns the errors of [`wait_until`](Self::wait_until).
    pub async fn wait_for(&self, time: Duration) -> Result<Prediction, WaitError> {
        let deadline = Deadline::after(time, self.ws.0.poller.clock());
        self.wait_until(deadline).await
    }

    /// Returns a stream of the prediction at each successful poll; the last item is final. The
    /// deadline is that of the settings and begins now. Failed polls are left out; see
    /// [`follow`](Self::follow).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed, job: wavespeed::Job) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    ///
    /// let mut predictions = job.watch();
    /// while let Some(prediction) = predictions.try_next().await? {
    ///     println!("{}", prediction.status());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch(&self) -> BoxStream<'static, Result<Prediction, WaitError>> {
        self.watch_until(self.ws.deadline())
    }

    /// Returns the stream of [`watch`](Self::watch) with another deadline.
    pub fn watch_until(
        &self,
        deadline: Deadline,
    ) -> BoxStream<'static, Result<Prediction, WaitError>> {
        let predictions = self.follow(deadline).try_filter_map(|update| {
            ready(Ok(match update {
                Update::Pending(prediction) | Update::Done(prediction) => Some(prediction),
                _ => None,
            }))
        });
        predictions.boxed()
    }

    /// Returns a stream with an item for each poll, failed ones included. It ends with
    /// [`Update::Done`], or with an error for one of the reasons of
    /// [`wait_until`](Self::wait_until).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed, job: wavespeed::Job) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    /// use wavespeed::poll::Update;
    ///
    /// let mut updates = std::pin::pin!(job.follow(ws.deadline()));
    /// while let Some(update) = updates.try_next().await? {
    ///     match update {
    ///         Update::Pending(prediction) => println!("{}", prediction.status()),
    ///         Update::Retrying { error, .. } => println!("a poll failed: {error}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn follow(
        &self,
        deadline: Deadline,
    ) -> impl Stream<Item = Result<Update<Prediction, FetchError>, WaitError>> + Send + use<> {
        // A job whose end the store has needs no poll. Its watch would also fail after 7 days.
        let ended = self.ended().map(|ended| Ok(Update::Done(ended)));
        let watched = stream::iter(ended.is_none().then(|| self.clone()));
        let watched = self
            .ws
            .watch_many(watched, deadline, RateLimits::default())
            .map(|(_, item)| item);
        stream::iter(ended).chain(watched)
    }

    /// Estimates how much longer the job will take, from how long other jobs of its model took.
    /// `last` is the prediction at the last poll, if there was one.
    ///
    /// Returns `None` if no other job of the model was observed and no duration of it is published,
    /// or if the age of the job is not known.
    ///
    /// [`Job`] has an example.
    pub async fn estimate(&self, last: Option<&Prediction>) -> Option<Estimate> {
        self.schedule().await.estimate(last).await
    }
}
