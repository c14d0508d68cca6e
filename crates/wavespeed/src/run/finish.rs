//! The safe run: submit, wait, save, as one call.

use std::time::SystemTime;

use futures_util::StreamExt as _;
use reqwest::StatusCode;
use wavespeed_client::{NotCompleted, Prediction, PredictionId};
use wavespeed_poll::{Deadline, Update};

use crate::call::FetchError;
use crate::client::Wavespeed;
use crate::download::error::{DownloadError, SaveError};
use crate::hosts::may_be_expired;
use crate::store::number::JobNumber;
use crate::store::record::Downloaded;
use crate::submit::error::{SubmitError, date};
use crate::submit::event::{Observer, RunEvent};
use crate::submit::prepare::Submission;
use crate::target::Target;
use crate::wait::error::WaitError;
use crate::wait::job::Job;

/// A job that has completed: what [`Wavespeed::run`] yields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The job.
    pub job: Job,
    /// The final prediction, with its outputs.
    pub prediction: Prediction,
    /// The saved files, one per output; none without a target.
    pub files: Vec<Downloaded>,
}

/// Error of [`Wavespeed::run`] and [`Wavespeed::resume`]. Every variant but [`Submit`](Self::Submit) and
/// [`Rejected`](Self::Rejected) carries the id of the job, which exists and by which it can be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The submit failed.
    #[error(transparent)]
    Submit(SubmitError),
    /// The job that is to be resumed was rejected: the vendor has no prediction of it, and nothing is billed.
    #[error("{job} was rejected: nothing is billed, and there is nothing to resume")]
    Rejected {
        /// The number of the job.
        job: JobNumber,
    },
    /// The end of the job is not known.
    #[error(transparent)]
    Wait(WaitError),
    /// The job ended without outputs: it failed, was cancelled, timed out or was deleted.
    #[error("{failure}")]
    Ended {
        /// The number of the job in the store, if it has one.
        job: Option<JobNumber>,
        /// The id, status, code and error of the job.
        failure: NotCompleted,
        /// The final prediction.
        prediction: Box<Prediction>,
    },
    /// The job has completed, and its outputs could not be saved.
    #[error(transparent)]
    Save(#[from] DownloadError),
    /// The job was submitted so long ago that the vendor no longer keeps it, and its outputs are not on
    /// this machine.
    #[error(
        "{id} was submitted on {}, and the vendor keeps a job for 7 days; nothing was sent",
        date(*.at)
    )]
    Expired {
        /// The number of the job in the store, if it has one.
        job: Option<JobNumber>,
        /// The id of the job.
        id: PredictionId,
        /// The time of the submit.
        at: SystemTime,
    },
}

impl From<SubmitError> for RunError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Expired { job, id, at } => {
                let job = Some(job);
                Self::Expired { job, id, at }
            }
            error => Self::Submit(error),
        }
    }
}

impl Submission<'_> {
    /// Submits, waits for the end, and saves the outputs if there is a target.
    pub(crate) async fn run(&self) -> Result<Finished, RunError> {
        let job = self.submit().await?;
        let (target, observer) = (self.options.target.as_ref(), &self.options.observer);
        finish(self.ws, job, target, self.deadline, observer).await
    }
}

/// Waits for the end of a job, and saves its outputs if there is a target.
pub(crate) async fn finish(
    ws: &Wavespeed,
    job: Job,
    target: Option<&Target>,
    deadline: Deadline,
    observer: &Observer,
) -> Result<Finished, RunError> {
    let prediction = wait(&job, deadline, observer).await?;
    if let Err(failure) = prediction.completed() {
        return Err(RunError::Ended {
            job: job.number(),
            failure,
            prediction: Box::new(prediction),
        });
    }
    let files = match target {
        None => Vec::new(),
        Some(target) => {
            observer.notify(RunEvent::Saving(&prediction));
            let saved = ws.download_until(&prediction, target, deadline).await;
            saved.map_err(|error| save_error(&job, error))?
        }
    };
    Ok(Finished {
        job,
        prediction,
        files,
    })
}

async fn wait(job: &Job, deadline: Deadline, observer: &Observer) -> Result<Prediction, RunError> {
    let mut updates = std::pin::pin!(job.follow(deadline));
    while let Some(update) = updates.next().await {
        let update = update.map_err(|error| wait_error(job, error))?;
        observer.notify(RunEvent::Update(&update));
        if let Update::Done(prediction) = update {
            return Ok(prediction);
        }
    }
    unreachable!("a watch ends with an error or the final prediction")
}

/// Returns the error of a wait, which the vendor's retention may explain.
fn wait_error(job: &Job, error: WaitError) -> RunError {
    let is_missing = matches!(
        &error,
        WaitError::Stopped {
            error: FetchError::NotFound(_),
            ..
        }
    );
    match expired(job) {
        Some(expired) if is_missing => expired,
        _ => RunError::Wait(error),
    }
}

/// Returns the error of a download, which the vendor's retention may explain.
fn save_error(job: &Job, error: DownloadError) -> RunError {
    // Common hosts answer the one or the other for a file that they no longer have.
    let is_gone = |error: &SaveError| match error {
        SaveError::Refused { status, .. } => {
            StatusCode::from_u16(*status).is_ok_and(may_be_expired)
        }
        _ => false,
    };
    let is_gone = error.failed.iter().any(|(_, error)| is_gone(error));
    match expired(job) {
        Some(expired) if is_gone => expired,
        _ => RunError::Save(error),
    }
}

/// Returns the error of a job that is older than the vendor keeps it.
fn expired(job: &Job) -> Option<RunError> {
    job.expired_since().map(|at| RunError::Expired {
        job: job.number(),
        id: job.id().clone(),
        at,
    })
}
