//! Failures from errors of the library that concern no existing job.

use wavespeed::{
    BuildError, ExistingReason, JobRecord, Next, Refusal, RejectedSubmit, StoreError,
    StoreErrorKind, SubmitError, UploadError,
};

use super::Failure;
use crate::output::document::Kind;
use crate::output::shell::word;
use crate::reconcile;

const CHECK_KEY: &str = "check the environment variable WAVESPEED_API_KEY";

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::NoKey => Self::new(Kind::Key, "no API key is set").hint(
                "set WAVESPEED_API_KEY to a key of the dashboard's page API Keys, or try without \
                 a key: --emulate",
            ),
            BuildError::Key(_) => Self::new(Kind::Key, error).hint(CHECK_KEY),
            BuildError::PlainHttp { .. } => {
                Self::usage(error).hint("use https, or --allow-plain-http")
            }
            other => Self::usage(other),
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(faults) => Self::input(faults.as_slice().to_vec()),
            SubmitError::Unknown(unknown) => reconcile::unknown(*unknown),
            SubmitError::Rejected(rejected) => rejected.into(),
            SubmitError::Price { .. } => {
                Self::new(Kind::Price, error).hint("raise --max-price, or leave it out")
            }
            SubmitError::NoPrice(_) => {
                Self::new(Kind::Price, error).hint("try wave price later, or leave out --max-price")
            }
            SubmitError::Webhook { .. } => Self::usage(error).hint(
                "--webhook takes an https URL that the vendor can reach; without one, use: wave \
                 webhook listen --poll",
            ),
            SubmitError::Store(ref store) | SubmitError::Lookup(ref store) => {
                let hint = journal_hint(store);
                Self::new(Kind::Journal, error).hint(hint)
            }
            SubmitError::Upload(error) => error.into(),
            SubmitError::Duplicate { ref job, reason } => {
                let (kind, hint) = duplicate(job, reason);
                Self::new(kind, error).hint(hint)
            }
            SubmitError::KeyConflict {
                key,
                job,
                difference,
            } => Self::usage(format!(
                "the key {:?} belongs to {job}, which has another {difference}; nothing was \
                 submitted",
                key.as_str()
            ))
            .hint(format!(
                "use another key, or free this one with: wave jobs forget {job}"
            )),
            SubmitError::BeingSent(number) => {
                Self::new(Kind::Deadline, error).next(Next::Resume(number))
            }
            SubmitError::Expired { job, .. } => Self::new(Kind::Expired, error).hint(format!(
                "to submit it again, use another key, or free this one with: wave jobs forget {job}"
            )),
            other => Self::usage(other),
        }
    }
}

/// Returns the kind and the hint for a job that has the same model and input.
fn duplicate(job: &JobRecord, reason: ExistingReason) -> (Kind, String) {
    let number = job.number;
    let kind = match reason {
        ExistingReason::Running | ExistingReason::Key => Kind::Duplicate,
        _ => Kind::Lost,
    };
    let hint = match reason {
        ExistingReason::Running | ExistingReason::Key => format!(
            "resume it with: wave resume {number}; to submit another one, which is billed as well, \
             give that a key of its own: --key KEY"
        ),
        ExistingReason::OtherAccount => format!(
            "look for it in the vendor's history with: wave resume {number} --base-url {}; to submit \
             anyway, which may be billed a second time: --ignore-other-accounts",
            word(&job.account.base_url)
        ),
        // A job that is being sent cannot be forgotten, and has an outcome in a moment.
        ExistingReason::BeingSent => format!("wait for it with: wave resume {number}"),
        _ => format!(
            "look for it in the vendor's history with: wave resume {number}; to submit again \
             anyway, which may be billed a second time, forget it first: wave jobs forget {number}"
        ),
    };
    (kind, hint)
}

impl From<RejectedSubmit> for Failure {
    fn from(rejected: RejectedSubmit) -> Self {
        match rejected.refusal {
            Refusal::Key => Self::new(Kind::Key, rejected).hint(CHECK_KEY),
            Refusal::Role => {
                Self::new(Kind::Key, rejected).hint("use a key whose role may run models")
            }
            Refusal::Credit => Self::new(Kind::Key, rejected)
                .hint("top up the account on the dashboard, then run the same command again"),
            Refusal::NotSent => Self::new(Kind::Unreachable, rejected)
                .hint("check the connection, then run the same command again"),
            Refusal::Unprocessed => {
                Self::new(Kind::Unreachable, rejected).hint("run the same command again")
            }
            Refusal::Busy => {
                let when = rejected.retry_after.map_or("later".to_owned(), |wait| {
                    format!("in {} s", wait.as_secs())
                });
                Self::new(Kind::Refused, rejected)
                    .hint(format!("run the same command again {when}"))
            }
            Refusal::Redirect => Self::new(Kind::Refused, rejected)
                .hint("a submit does not follow a redirect; check the base URL"),
            _ => Self::new(Kind::Refused, rejected),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = journal_hint(&error);
        Self::new(Kind::Journal, error).hint(hint)
    }
}

/// Returns the hint for an error of the journal. Another path, or none, helps only if the file itself cannot
/// be used; it would defeat the protection of a job.
fn journal_hint(error: &StoreError) -> &'static str {
    match error.kind() {
        StoreErrorKind::Claimed => "wait until its outcome is known: wave jobs --open",
        StoreErrorKind::Gone | StoreErrorKind::Refused => "see the job with: wave jobs show JOB",
        _ => Failure::JOURNAL_HINT,
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        match &error {
            // The file is an input, so the exit code is that of a refused input.
            UploadError::Read { .. } => Self::new(Kind::Input, &error)
                .hint("check that the path is right and the file is readable"),
            UploadError::Changed { .. } => Self::new(Kind::Input, &error),
            UploadError::TooLarge { .. } => Self::new(Kind::Refused, &error)
                .hint("make the file smaller, or use the URL of a file on a server of yours"),
            UploadError::Refused {
                status: 401 | 403, ..
            } => Self::new(Kind::Key, &error).hint(CHECK_KEY),
            UploadError::Refused { .. } => {
                Self::new(Kind::Refused, &error).hint("uploads are not billed; try again later")
            }
            // The transfer failed or took too long.
            _ => Self::new(Kind::Unreachable, &error).hint(
                "check the connection and the base URL, then run the same command again; uploads \
                 are not billed",
            ),
        }
    }
}
