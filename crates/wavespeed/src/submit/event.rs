//! The steps of a job, as an observer receives them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use wavespeed_client::Prediction;
use wavespeed_poll::Update;

use crate::call::FetchError;
use crate::check::fault::Fault;
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;
use crate::submit::outcome::{RejectedSubmit, UnknownOutcome};
use crate::upload::options::UploadProgress;
use crate::upload::uploaded::Uploaded;
use crate::wait::job::Job;

/// A step of a job; see [`JobBuilder::observer`](crate::JobBuilder::observer).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// The key belongs to this job, so no new one is made.
    Existing(&'a JobRecord),
    /// The job of the key is being sent by another part of this process, or by another process, whose
    /// outcome is awaited.
    BeingSent(JobNumber),
    /// The input is sent despite this fault.
    Warning(&'a Fault),
    /// An upload has made progress.
    Uploading(UploadProgress<'a>),
    /// A local file is available to the vendor.
    Uploaded(&'a Uploaded),
    /// The submit is about to be sent.
    Submitting,
    /// An equal job is running; the new one is billed as well.
    Duplicate(&'a JobRecord),
    /// The submit was rejected, and is sent again after the back-off.
    Rejected {
        /// The rejection.
        rejected: &'a RejectedSubmit,
        /// The time until the submit is sent again.
        backoff: Duration,
    },
    /// The outcome of the submit is unknown: it may have been billed.
    OutcomeUnknown(&'a UnknownOutcome),
    /// The job of this number is looked for in the vendor's history.
    Reconciling(JobNumber),
    /// The vendor has the job. This event, and the two before it, come from the task of the submit, so an
    /// observer receives them even if the caller's future is dropped.
    Submitted(&'a Job),
    /// A poll of the job.
    Update(&'a Update<Prediction, FetchError>),
    /// The job has completed, and its outputs are about to be saved.
    Saving(&'a Prediction),
}

type ObserverFn = dyn Fn(RunEvent<'_>) + Send + Sync;

/// A function that receives the steps of a job, or none.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<ObserverFn>>);

impl Observer {
    pub(crate) fn new(observer: impl Fn(RunEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    /// Calls the observer. Its panic must not end a submit between the intent and the outcome.
    pub(crate) fn notify(&self, event: RunEvent<'_>) {
        let Some(observer) = &self.0 else { return };
        if catch_unwind(AssertUnwindSafe(|| observer(event))).is_err() {
            tracing::error!("the observer of a job has panicked");
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}
