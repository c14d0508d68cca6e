//! What a command says when it cannot do what was asked: the error, the hint, the exit code.

use wavespeed::{
    BuildError, DownloadError, Fault, FetchError, JobNumber, PredictionId, Refusal, SaveError,
    StoreError, SubmitError, UploadError, WaitError,
};

use crate::output::document::{ErrorDocument, FaultDocument, Kind};
use crate::output::exit::Exit;

/// Why a command, or one job of it, ended badly.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) faults: Vec<Fault>,
    /// The vendor does not have what was asked for.
    pub(crate) is_gone: bool,
}

impl Failure {
    /// What helps with a place that cannot be written to.
    pub(crate) const OUTPUT_HINT: &str =
        "-o takes a new file, or a folder with a slash at its end; --force replaces a file";

    pub(crate) fn new(exit: Exit, kind: Kind, message: impl ToString) -> Self {
        Self {
            exit,
            kind,
            message: message.to_string(),
            hint: None,
            faults: Vec::new(),
            is_gone: false,
        }
    }

    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(Exit::RefusedHere, Kind::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Everything that was found wrong before anything was sent.
    pub(crate) fn input(faults: Vec<Fault>) -> Self {
        let many = match faults.iter().filter(|fault| fault.is_refusal()).count() {
            1 => "1 fault was",
            many => &format!("{many} faults were"),
        };
        let message = format!("{many} found; nothing was sent");
        Self {
            faults,
            ..Self::new(Exit::RefusedHere, Kind::Input, message)
        }
    }

    pub(crate) fn document(&self) -> ErrorDocument {
        ErrorDocument {
            kind: self.kind,
            message: self.message.clone(),
            hint: self.hint.clone(),
            faults: self.faults.iter().map(FaultDocument::from).collect(),
        }
    }

    /// Why a task of which only the id is known could not be waited for.
    pub(crate) fn wait(error: &WaitError) -> Self {
        let id = error.id();
        match error {
            WaitError::Stopped { error, .. } => Self::fetch(id, error),
            WaitError::Deadline {
                last_error: Some(FetchError::NotFound(_)),
                ..
            } => Self::new(Exit::Deadline, Kind::Deadline, error).hint(NO_SUCH_TASK),
            _ => Self::new(Exit::Deadline, Kind::Deadline, error).hint(go_on(id)),
        }
    }

    /// The same for a task that this run has submitted: it exists and is billed, so nothing about it
    /// may read as if the submit had failed.
    pub(crate) fn after_submit(mut self, id: &PredictionId) -> Self {
        let key = match self.exit {
            Exit::Key => "check WAVESPEED_API_KEY; ",
            // It was deleted, or is older than a week.
            Exit::RefusedThere if self.is_gone => return self,
            // That it is not known may pass, as it was just made.
            Exit::RefusedThere | Exit::Deadline => "",
            _ => return self,
        };
        self.exit = Exit::Deadline;
        self.hint = Some(format!("{key}{}", go_on(id)));
        self
    }

    pub(crate) fn fetch(id: &PredictionId, error: &FetchError) -> Self {
        let message = format!("{id}: {error}");
        match error {
            FetchError::Key(_) | FetchError::Role(_) => {
                let key = "set WAVESPEED_API_KEY to a key of the account that submitted it";
                Self::new(Exit::Key, Kind::Key, message).hint(format!("{key}, then try again"))
            }
            FetchError::NotFound(_) => Self {
                is_gone: true,
                ..Self::new(Exit::RefusedThere, Kind::Refused, message)
            }
            .hint(NO_SUCH_TASK),
            FetchError::Answer { .. } => Self::new(Exit::RefusedThere, Kind::Refused, message)
                .hint(format!("try again: wave show {id}")),
            _ => Self::new(Exit::RefusedThere, Kind::Unreachable, message)
                .hint(format!("try again: wave show {id}")),
        }
    }

    /// Something was asked of the vendor that is no task.
    pub(crate) fn asked(what: &str, error: &FetchError) -> Self {
        let message = format!("{what} is not known: {error}");
        match error {
            FetchError::Key(_) => Self::new(Exit::Key, Kind::Key, message)
                .hint("check the environment variable WAVESPEED_API_KEY"),
            FetchError::Role(_) => {
                Self::new(Exit::Key, Kind::Key, message).hint("use a key whose role may ask for it")
            }
            FetchError::Transport(_) => Self::new(Exit::RefusedThere, Kind::Unreachable, message)
                .hint("check the connection and the base URL, then try again"),
            _ => Self::new(Exit::RefusedThere, Kind::Refused, message),
        }
    }

    /// Outputs of the task that was asked for as `id` could not be saved.
    pub(crate) fn save(id: &PredictionId, error: &DownloadError) -> Self {
        let failure = Self::new(Exit::NotSaved, Kind::Save, error);
        let any = |is: fn(&SaveError) -> bool| error.failed.iter().any(|(_, error)| is(error));
        if any(|error| matches!(error, SaveError::Exists { .. })) {
            return failure.hint(format!(
                "--force replaces a file: wave download {id} -o PATH --force"
            ));
        }
        if any(|error| matches!(error, SaveError::Nothing | SaveError::NotUrl(_))) {
            return failure.hint(format!("see what it made: wave show {id} --json"));
        }
        // What was saved would stand in the way of the next try.
        let force = if error.saved.is_empty() {
            ""
        } else {
            " --force"
        };
        failure.hint(format!(
            "the task is done and kept for 7 days: wave download {id} -o PATH{force}"
        ))
    }
}

/// What to do about a submit of which nobody knows what came.
pub(crate) fn reconcile_hint(job: Option<JobNumber>) -> String {
    match job {
        Some(job) => format!(
            "do not submit again; look for it in the vendor's history with: wave resume {job}"
        ),
        None => {
            "do not submit again before you have looked at the recent predictions on the dashboard"
                .to_owned()
        }
    }
}

const NO_SUCH_TASK: &str = "check the id, and that the key is of the account that submitted it; the \
                            vendor keeps records for 7 days";

/// The command that goes on with a task.
pub(crate) fn go_on(id: &PredictionId) -> String {
    format!("the task goes on; wait for it with: wave wait {id}")
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::NoKey => Self::new(Exit::Key, Kind::Key, "no API key is set").hint(
                "put one from the dashboard's page API Keys into the environment variable WAVESPEED_API_KEY, or try it without one: --emulate",
            ),
            BuildError::Key(_) => Self::new(Exit::Key, Kind::Key, error).hint("check the environment variable WAVESPEED_API_KEY"),
            BuildError::PlainHttp { .. } => Self::usage(error).hint("use https, or --allow-plain-http"),
            other => Self::usage(other),
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        let refusal = match &error {
            SubmitError::Invalid(faults) => return Self::input(faults.as_slice().to_vec()),
            SubmitError::Unknown(unknown) => {
                let job = unknown.job;
                return Self::new(Exit::Unknown, Kind::Unknown, error).hint(reconcile_hint(job));
            }
            SubmitError::Price { .. } => {
                return Self::new(Exit::RefusedHere, Kind::Price, error)
                    .hint("allow more with --max-price, or leave it out");
            }
            SubmitError::NoPrice(_) => {
                return Self::new(Exit::RefusedHere, Kind::Price, error)
                    .hint("ask again with wave price, or leave out --max-price");
            }
            SubmitError::Webhook { .. } => {
                return Self::usage(error)
                    .hint("--webhook takes an https URL that the vendor can reach; where it cannot, `wave webhook listen --poll` does the same");
            }
            SubmitError::Store(_) => return Self::new(Exit::RefusedHere, Kind::Journal, error),
            SubmitError::Rejected(rejected) => rejected.refusal,
            other => return Self::usage(other),
        };
        match refusal {
            Refusal::Key => Self::new(Exit::Key, Kind::Key, error)
                .hint("check the environment variable WAVESPEED_API_KEY"),
            Refusal::Role => {
                Self::new(Exit::Key, Kind::Key, error).hint("use a key whose role may run models")
            }
            Refusal::Credit => Self::new(Exit::Key, Kind::Key, error)
                .hint("top up the account on the dashboard, then run the same command again"),
            Refusal::NotSent => Self::new(Exit::RefusedThere, Kind::Unreachable, error)
                .hint("check the connection, then run the same command again"),
            Refusal::Busy => {
                let wait = match &error {
                    SubmitError::Rejected(rejected) => rejected.retry_after,
                    _ => None,
                };
                let when = wait.map_or("a little later".into(), |wait| {
                    format!("in {} s", wait.as_secs())
                });
                Self::new(Exit::RefusedThere, Kind::Refused, error)
                    .hint(format!("run the same command again {when}"))
            }
            Refusal::Redirect => Self::new(Exit::RefusedThere, Kind::Refused, error)
                .hint("a submit follows no redirect; check the base URL"),
            _ => Self::new(Exit::RefusedThere, Kind::Refused, error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = format!("the journal failed: {error}");
        Self::new(Exit::RefusedHere, Kind::Journal, message)
            .hint("name another place with --journal PATH, or do without by --no-journal")
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        let failure = match &error {
            UploadError::Read { .. } => {
                return Self::new(Exit::RefusedHere, Kind::Input, error)
                    .hint("check the path, and that it may be read; nothing was sent");
            }
            UploadError::Changed { .. } => Self::new(Exit::RefusedHere, Kind::Input, &error),
            UploadError::TooLarge { .. } => {
                return Self::new(Exit::RefusedThere, Kind::Refused, error)
                    .hint("make the file smaller, or give the URL of a place that is yours");
            }
            UploadError::Refused {
                status: 401 | 403, ..
            } => {
                return Self::new(Exit::Key, Kind::Key, error)
                    .hint("check the environment variable WAVESPEED_API_KEY");
            }
            UploadError::Refused { .. } => Self::new(Exit::RefusedThere, Kind::Refused, &error),
            _ => {
                return Self::new(Exit::RefusedThere, Kind::Unreachable, error).hint(
                    "check the connection and the base URL, then run the same command again; nothing is billed",
                );
            }
        };
        failure.hint("nothing was submitted, nothing is billed; run the same command again")
    }
}

impl From<&Fault> for FaultDocument {
    fn from(fault: &Fault) -> Self {
        Self {
            field: fault.field.clone(),
            rule: fault.rule.name().to_owned(),
            value: fault.value.clone(),
            message: fault.message.clone(),
            severity: fault.severity.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_the_vendor_does_not_have_does_not_go_on() {
        let id: PredictionId = "6488c2754f6f4dfea924382fa14d11bd".parse().unwrap();
        let of = |error: &FetchError| Failure::fetch(&id, error).after_submit(&id);
        let gone = of(&FetchError::NotFound("HTTP 404".into()));
        assert_eq!(gone.exit, Exit::RefusedThere);
        assert!(!gone.hint.unwrap().contains("goes on"));
        let lost = of(&FetchError::Transport("refused".into()));
        assert_eq!(lost.exit, Exit::Deadline);
        assert!(lost.hint.unwrap().contains("goes on"));
    }
}
