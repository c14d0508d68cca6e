//! The blocking handle on a job.

use std::sync::Arc;
use std::time::Duration;

use wavespeed_client::{Prediction, PredictionId};
use wavespeed_poll::Deadline;

use crate::blocking::error::BlockingError;
use crate::blocking::runtime::Runtime;
use crate::call::FetchError;
use crate::store::number::JobNumber;
use crate::wait::error::WaitError;

/// A handle on a submitted job whose calls block. It keeps the runtime of its client alive.
///
/// The [module](crate::blocking) has an example.
#[derive(Clone, Debug)]
pub struct Job {
    job: crate::Job,
    runtime: Arc<Runtime>,
}

impl Job {
    pub(super) fn new(job: crate::Job, runtime: Arc<Runtime>) -> Self {
        Self { job, runtime }
    }

    /// Returns the id of the job, which is all that is needed to resume it later.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        self.job.id()
    }

    /// Returns the number that the store gave to the job, if it has one.
    #[must_use]
    pub fn number(&self) -> Option<JobNumber> {
        self.job.number()
    }

    /// Returns the handle of the async client, which has the rest of what is known about the job.
    #[must_use]
    pub fn as_async(&self) -> &crate::Job {
        &self.job
    }

    /// Waits until the prediction has a terminal status, and returns it whatever that status is; see
    /// [`Job::wait`](crate::Job::wait). The deadline is that of the settings.
    ///
    /// # Errors
    /// Returns an error if the deadline expires or waiting cannot succeed. The job continues.
    pub fn wait(&self) -> Result<Prediction, BlockingError<WaitError>> {
        self.runtime.call(self.job.wait())
    }

    /// Waits as [`wait`](Self::wait) does, with another deadline.
    ///
    /// # Errors
    /// Returns the errors of [`wait`](Self::wait).
    pub fn wait_until(&self, deadline: Deadline) -> Result<Prediction, BlockingError<WaitError>> {
        self.runtime.call(self.job.wait_until(deadline))
    }

    /// Waits as [`wait`](Self::wait) does, at most for this time.
    ///
    /// # Errors
    /// Returns the errors of [`wait`](Self::wait).
    pub fn wait_for(&self, time: Duration) -> Result<Prediction, BlockingError<WaitError>> {
        self.runtime.call(self.job.wait_for(time))
    }

    /// Fetches the prediction as it is now, with one call.
    ///
    /// # Errors
    /// Returns an error if the prediction could not be read this time.
    pub fn fetch(&self) -> Result<Prediction, BlockingError<FetchError>> {
        self.runtime.call(self.job.fetch())
    }
}
