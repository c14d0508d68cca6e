//! Words the result of looking for a job in the vendor's history.

use wavespeed::{
    Deadline, HistorySearch, Job, JobNumber, JobRecord, Next, Prediction, PredictionId, Reconciled,
    UnknownOutcome, Wavespeed,
};

use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;

/// The reason why the id of a job was not found.
struct NotFound {
    /// The reason, as the rest of a sentence. Empty if there is nothing to say.
    reason: String,
    hint: Option<String>,
    next: Next,
}

impl NotFound {
    fn new(reason: impl ToString, next: Next) -> Self {
        Self {
            reason: reason.to_string(),
            hint: None,
            next,
        }
    }

    /// Returns the failure. `message` says that the outcome is unknown.
    fn failure(self, message: &str) -> Failure {
        let message = match self.reason.is_empty() {
            true => message.to_owned(),
            false => format!("{message}: {}", self.reason),
        };
        Failure {
            hint: self.hint,
            ..Failure::new(Kind::Unknown, message).next(self.next)
        }
    }
}

/// Returns the failure of a submit whose outcome is unknown, with the result of the search.
pub(crate) fn unknown(unknown: UnknownOutcome) -> Failure {
    let message = format!(
        "it is not known whether the job was created ({}); it may have been billed",
        unknown.message
    );
    let Some(number) = unknown.job else {
        return Failure::unknown(message, Next::None);
    };
    let message = format!("{number}: {message}");
    let next = unknown.next();
    match unknown.search {
        HistorySearch::Nothing => absent(number).failure(&message),
        HistorySearch::Candidates(records) => ambiguous(number, &records).failure(&message),
        HistorySearch::Failed(error) => NotFound::new(error, next).failure(&message),
        _ => Failure::unknown(message, next),
    }
}

/// Returns the job, if it is found in the history and can be no other one.
pub(crate) async fn reconcile(
    client: &Wavespeed,
    record: &JobRecord,
    deadline: Deadline,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let number = record.number;
    let not_found = match client.reconcile(record, deadline).await {
        Ok(Reconciled::Adopted(job)) => {
            note_adoption(&job, report);
            return Ok(*job);
        }
        Ok(Reconciled::Nothing) => absent(number),
        Ok(Reconciled::Candidates(records)) => ambiguous(number, &records),
        Ok(_) => NotFound::new("", Next::Resume(number)),
        Err(error) => NotFound::new(error, Next::Resume(number)),
    };
    Err(not_found.failure(&format!("the outcome of {number} is unknown")))
}

/// Looks for a job once more before it is submitted again. Returns the job if it is found, `None` if the
/// history has nothing that it could be, and otherwise the failure that prevents the submit.
pub(crate) async fn look_before_resubmit(
    client: &Wavespeed,
    record: &JobRecord,
    deadline: Deadline,
    report: &mut JobReport,
) -> Result<Option<Job>, Failure> {
    let number = record.number;
    let not_found = match client.reconcile(record, deadline).await {
        Ok(Reconciled::Nothing) => return Ok(None),
        Ok(Reconciled::Adopted(job)) => {
            note_adoption(&job, report);
            return Ok(Some(*job));
        }
        Ok(Reconciled::Candidates(records)) => ambiguous(number, &records),
        Ok(_) => NotFound::new("", Next::Resume(number)),
        Err(error) => NotFound::new(error, Next::Resume(number)),
    };
    let message = format!("{number} is not submitted again, as it may exist");
    Err(not_found.failure(&message))
}

/// Notes that the id of a job was found in the vendor's history, unless the report says so already.
pub(crate) fn note_adoption(job: &Job, report: &mut JobReport) {
    if !job.is_adopted() || std::mem::replace(&mut report.document.reconciled, true) {
        return;
    }
    let number = job.number().map(|number| format!(" for {number}"));
    report.notes.push(format!(
        "{} was found in the vendor's history and adopted{}; it could belong to another client of \
         the account",
        job.id(),
        number.unwrap_or_default()
    ));
}

/// Returns the reason for a job that the history does not have.
fn absent(number: JobNumber) -> NotFound {
    let reason = "the vendor's history has no job that it could be";
    let hint = format!(
        "a history may lag: look again with: wave resume {number}; if the job never appears, it \
         was never created: wave resume {number} --resubmit submits it again and is billed"
    );
    NotFound {
        hint: Some(hint),
        ..NotFound::new(reason, Next::None)
    }
}

/// Returns the reason for a job that could be several ones.
fn ambiguous(job: JobNumber, candidates: &[Prediction]) -> NotFound {
    let ids: Vec<&str> = candidates.iter().map(|record| record.id()).collect();
    let reason = format!("the job could be {}", ids.join(" or "));
    // An id of the vendor in an unknown form cannot be adopted.
    let candidates: Vec<PredictionId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    NotFound::new(reason, Next::Adopt { job, candidates })
}
