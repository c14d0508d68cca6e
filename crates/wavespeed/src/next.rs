//! The next step after an error of a job that exists, or may exist.

use wavespeed_client::PredictionId;

use crate::call::FetchError;
use crate::download::error::{DownloadError, SaveError};
use crate::store::number::JobNumber;
use crate::submit::outcome::{HistorySearch, UnknownOutcome};
use crate::wait::error::WaitError;

/// The next step after an error, for a program or a person to take. An error that no step of these
/// can fix has [`Next::None`].
///
/// ```no_run
/// # async fn example(job: wavespeed::Job) {
/// use wavespeed::Next;
///
/// if let Err(error) = job.wait().await {
///     match error.next() {
///         Next::Wait(id) => println!("{id} continues; wait for it again, in this process or another"),
///         _ => println!("the vendor has no job {}", error.id()),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// No step with the job helps: the job has ended, or the vendor does not have it.
    #[default]
    None,
    /// Wait for the prediction again, and save its outputs: see [`Wavespeed::job`](crate::Wavespeed::job).
    Wait(PredictionId),
    /// Resume the job of the store: [reconcile](crate::Wavespeed::reconcile) it if its id is not known,
    /// wait for it, and save its outputs.
    Resume(JobNumber),
    /// Choose the prediction of the job: see [`Wavespeed::adopt`](crate::Wavespeed::adopt).
    Adopt {
        /// The job whose id is not known.
        job: JobNumber,
        /// The predictions that may be the one of the job.
        candidates: Vec<PredictionId>,
    },
}

impl WaitError {
    /// Returns the next step: to wait again, unless the wait was stopped because the vendor does not
    /// have the prediction.
    ///
    /// After [`WaitError::Stopped`], the cause has to be fixed first, such as a wrong API key.
    ///
    /// [`Next`] has an example.
    #[must_use]
    pub fn next(&self) -> Next {
        match self {
            Self::Stopped {
                error: FetchError::NotFound(_),
                ..
            } => Next::None,
            _ => Next::Wait(self.id().clone()),
        }
    }
}

impl DownloadError {
    /// Returns the next step: to wait for the prediction again, which has ended, and save its outputs.
    /// There is none if no output that failed is a file, if the prediction is not completed, or if the id is
    /// malformed.
    ///
    /// [`Next`] has an example.
    #[must_use]
    pub fn next(&self) -> Next {
        let is_file = |error: &SaveError| {
            !matches!(
                error,
                SaveError::Nothing | SaveError::NotCompleted(_) | SaveError::NotUrl(_)
            )
        };
        match self.id.parse() {
            Ok(id) if self.failed.iter().any(|(_, error)| is_file(error)) => Next::Wait(id),
            _ => Next::None,
        }
    }
}

impl UnknownOutcome {
    /// Returns the next step: to choose one of the candidates that the history shows, or else to resume
    /// the job of the store. Without a store there is none, and the recent predictions of the account have
    /// to be looked at before the input is submitted again.
    ///
    /// [`Next`] has an example.
    #[must_use]
    pub fn next(&self) -> Next {
        let Some(job) = self.job else {
            return Next::None;
        };
        match &self.search {
            HistorySearch::Candidates(found) => {
                let ids = found.found.iter().map(|found| found.prediction.id());
                let candidates = ids.filter_map(|id| id.parse().ok());
                let candidates = candidates.collect();
                Next::Adopt { job, candidates }
            }
            _ => Next::Resume(job),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> PredictionId {
        "6488c2754f6f4dfea924382fa14d11bd".parse().unwrap()
    }

    #[test]
    fn wait_error_leads_to_another_wait_unless_the_prediction_is_missing() {
        let expired = |last_error| WaitError::Deadline {
            id: id(),
            last_error,
        };
        let missing = || FetchError::NotFound("HTTP 404".into());
        assert_eq!(expired(None).next(), Next::Wait(id()));
        // A prediction that was just created may appear a little later.
        assert_eq!(expired(Some(missing())).next(), Next::Wait(id()));
        let stopped = |error| WaitError::Stopped { id: id(), error };
        assert_eq!(stopped(missing()).next(), Next::None);
        let key = FetchError::Key("HTTP 401".into());
        assert_eq!(stopped(key).next(), Next::Wait(id()));
    }

    #[test]
    fn download_error_leads_to_another_download_only_of_files() {
        let error = |failed: Vec<SaveError>| DownloadError {
            id: id().to_string(),
            saved: Vec::new(),
            failed: (1..).zip(failed).collect(),
        };
        assert_eq!(error(vec![SaveError::Nothing]).next(), Next::None);
        let mixed = vec![SaveError::NotUrl("a text".into()), SaveError::Deadline];
        assert_eq!(error(mixed).next(), Next::Wait(id()));
    }
}
