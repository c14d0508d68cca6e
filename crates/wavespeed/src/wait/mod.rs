//! Jobs, and waiting for their end: of one, of many, and of all of the account.

pub(crate) mod account;
pub(crate) mod error;
pub(crate) mod job;
pub(crate) mod many;
pub(crate) mod schedule;

use std::future::ready;

use futures_util::stream::{BoxStream, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use wavespeed_client::Prediction;
use wavespeed_poll::{Deadline, Estimate, Update};

use crate::call::FetchError;
use crate::wait::error::WaitError;
use crate::wait::job::Job;

impl Job {
    /// Waits for the end of the task, good or bad, by the deadline of the settings.
    ///
    /// # Errors
    /// As of [`wait_until`](Self::wait_until).
    pub async fn wait(&self) -> Result<Prediction, WaitError> {
        self.wait_until(self.ws.deadline()).await
    }

    /// Waits for the end of the task, and returns its final record whatever the end was: look at
    /// its `status`. May be dropped at any await.
    ///
    /// # Errors
    /// If the deadline comes first, or for what waiting cannot mend: the key or its role is refused
    /// (401, 403), or the id stays unknown for 30 s (404). Anything else is waited through.
    pub async fn wait_until(&self, deadline: Deadline) -> Result<Prediction, WaitError> {
        let mut states = self.watch_until(deadline);
        let mut last = None;
        while let Some(state) = states.try_next().await? {
            last = Some(state);
        }
        Ok(last.expect("a watch ends with an error or the final record"))
    }

    /// Each state of the task as it is learned, the last one being final. By the deadline of the
    /// settings, counted from now. Polls that failed are left out; see [`follow`](Self::follow).
    pub fn watch(&self) -> BoxStream<'static, Result<Prediction, WaitError>> {
        self.watch_until(self.ws.deadline())
    }

    /// As [`watch`](Self::watch), with a deadline of its own.
    pub fn watch_until(
        &self,
        deadline: Deadline,
    ) -> BoxStream<'static, Result<Prediction, WaitError>> {
        let records = self.follow(deadline).try_filter_map(|update| {
            ready(Ok(match update {
                Update::Pending(record) | Update::Done(record) => Some(record),
                _ => None,
            }))
        });
        records.boxed()
    }

    /// Each poll as it comes, those that failed included. Ends with [`Update::Done`] or an error,
    /// for the reasons of [`wait_until`](Self::wait_until).
    pub fn follow(
        &self,
        deadline: Deadline,
    ) -> impl Stream<Item = Result<Update<Prediction, FetchError>, WaitError>> + Send + use<> {
        many::follow(&self.ws, self.clone(), deadline)
    }

    /// How much longer the task will take, likely, by how long others of its model took. `record` is
    /// what was last learned of it, if anything was. Nothing, if no other task of the model was seen
    /// and nothing is published of it, or if nobody knows how old the task is.
    #[must_use]
    pub fn estimate(&self, record: Option<&Prediction>) -> Option<Estimate> {
        self.watched().estimate(record)
    }
}
