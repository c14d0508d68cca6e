//! Failures of calls about jobs and the account.

use wavespeed::{DownloadError, FetchError, Next, PredictionId, SaveError, WaitError};

use super::Failure;
use crate::output::document::Kind;
use crate::output::shell;

const NO_SUCH_JOB: &str = "check the id, and that the API key is of the account that submitted the \
                           job; the vendor keeps jobs for 7 days";

impl Failure {
    /// Returns the failure of a wait for a job.
    pub(crate) fn wait(error: &WaitError) -> Self {
        match error {
            WaitError::Stopped { id, error: cause } => Self::fetch(id, cause).next(error.next()),
            WaitError::Deadline {
                id,
                last_error: Some(cause @ FetchError::NotFound(_)),
            } => {
                let message = format!("{id}: the deadline expired, and {}", reason(cause));
                Self::new(Kind::Deadline, message).hint(NO_SUCH_JOB)
            }
            _ => Self::new(Kind::Deadline, error).next(error.next()),
        }
    }

    /// Returns the failure of a call about a job.
    pub(crate) fn fetch(id: &PredictionId, error: &FetchError) -> Self {
        let message = format!("{id}: {}", reason(error));
        match error {
            FetchError::Key(_) | FetchError::Role(_) => Self::new(Kind::Key, message).hint(
                "set WAVESPEED_API_KEY to a key of the account that submitted the job, then try \
                 again",
            ),
            FetchError::NotFound(_) => Self::new(Kind::Refused, message).hint(NO_SUCH_JOB),
            FetchError::Transport { .. } | FetchError::Deadline => {
                Self::new(Kind::Unreachable, message)
                    .hint("check the connection and the base URL, then try again")
            }
            _ => Self::new(Kind::Refused, message),
        }
    }

    /// Returns the failure of a call about anything else, such as "the price".
    pub(crate) fn asked(what: &str, error: &FetchError) -> Self {
        let message = format!("{what} could not be read: {error}");
        match error {
            FetchError::Key(_) => Self::new(Kind::Key, message)
                .hint("check the environment variable WAVESPEED_API_KEY"),
            FetchError::Role(_) => {
                Self::new(Kind::Key, message).hint("use a key whose role permits this call")
            }
            FetchError::Transport { .. } | FetchError::Deadline => {
                Self::new(Kind::Unreachable, message)
                    .hint("check the connection and the base URL, then try again")
            }
            _ => Self::new(Kind::Refused, message),
        }
    }

    /// Returns the failure of a download.
    pub(crate) fn save(id: &PredictionId, error: &DownloadError) -> Self {
        let (failure, id) = (Self::new(Kind::Save, error), shell::id(id));
        // Nothing that failed is a file: another download cannot help.
        if error.next() == Next::None {
            return failure.hint(format!("see the outputs: wave show {id} --json"));
        }
        let exists = |error: &SaveError| matches!(error, SaveError::Exists { .. });
        if error.failed.iter().any(|(_, error)| exists(error)) {
            return failure.hint(format!(
                "--force replaces a file: wave download {id} -o PATH --force"
            ));
        }
        let is_gone = |error: &SaveError| matches!(error, SaveError::Refused { status, .. } if matches!(status, 404 | 410));
        if error.failed.iter().any(|(_, error)| is_gone(error)) {
            return failure.hint(format!(
                "an output that is not found may be late, deleted, or older than 7 days; try again: \
                 wave download {id} -o PATH"
            ));
        }
        // The outputs that were saved exist now, and would stop the next download.
        let force = if error.saved.is_empty() {
            ""
        } else {
            " --force"
        };
        failure.hint(format!(
            "the job is done, and its outputs are kept for 7 days: wave download {id} -o \
             PATH{force}"
        ))
    }
}

/// Returns the reason why a call about a job failed.
pub(crate) fn reason(error: &FetchError) -> String {
    match error {
        FetchError::NotFound(answer) => format!("the vendor has no job with this id ({answer})"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::exit::Exit;

    #[test]
    fn job_that_the_vendor_does_not_have_has_no_next_step() {
        let id: PredictionId = "6488c2754f6f4dfea924382fa14d11bd".parse().unwrap();
        let failure = |error: FetchError| {
            let error = WaitError::Stopped {
                id: id.clone(),
                error,
            };
            Failure::wait(&error).after_submit(&id)
        };
        let missing = failure(FetchError::NotFound("HTTP 404".into()));
        assert_eq!(
            (missing.exit(), missing.next),
            (Exit::RefusedThere, Next::None)
        );
        let unreachable = failure(FetchError::Deadline);
        let next = Next::Wait(id.clone());
        assert_eq!(
            (unreachable.exit(), unreachable.next),
            (Exit::Deadline, next)
        );
    }
}
