//! Words the result of looking for a job in the vendor's history.

use wavespeed::{
    Adoption, Candidates, Deadline, HistorySearch, Job, JobNumber, JobRecord, Next, PredictionId,
    Reconciled, UnknownOutcome, Wavespeed,
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
    not_found(number, unknown.search, next).failure(&message)
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
        Ok(Reconciled::Unresolved(search)) => not_found(number, search, Next::Resume(number)),
        Ok(_) => NotFound::new("", Next::Resume(number)),
        Err(error) => NotFound::new(error, Next::Resume(number)),
    };
    Err(not_found.failure(&format!("the outcome of {number} is unknown")))
}

/// Notes that the id of a job was found in the vendor's history, unless the report says so already.
pub(crate) fn note_adoption(job: &Job, report: &mut JobReport) {
    let Some(adoption) = job.adoption() else {
        return;
    };
    let is_known = report
        .document
        .reconciled
        .replace(adoption.name())
        .is_some();
    if is_known || adoption == Adoption::Chosen {
        return;
    }
    if adoption == Adoption::Certain {
        report
            .notes
            .push(format!("{} was found in the vendor's history", job.id()));
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

/// Returns the reason why a search of the history did not find the job.
fn not_found(number: JobNumber, search: HistorySearch, next: Next) -> NotFound {
    let reason = match search {
        HistorySearch::Candidates(candidates) => return ambiguous(number, &candidates),
        HistorySearch::NotFound => return missing(number),
        HistorySearch::Absent => return absent(number),
        HistorySearch::BeingSent => "another process is sending it".to_owned(),
        HistorySearch::TooEarly => "the vendor's history does not show it yet".to_owned(),
        HistorySearch::Expired => {
            "it is older than the 7 days that the vendor keeps its history".to_owned()
        }
        HistorySearch::Incomplete => "the vendor's history could not be read whole".to_owned(),
        HistorySearch::Failed(error) => error,
        _ => String::new(),
    };
    NotFound::new(reason, next)
}

/// Returns the reason for a job that the history does not show.
fn missing(number: JobNumber) -> NotFound {
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

/// Returns the reason for a job whose submit never arrived.
fn absent(number: JobNumber) -> NotFound {
    let reason = "its submit never arrived, and nothing is billed";
    let hint = format!("submit it again with: wave resume {number} --resubmit");
    NotFound {
        hint: Some(hint),
        ..NotFound::new(reason, Next::None)
    }
}

/// Returns the reason for a job that could be several ones.
fn ambiguous(job: JobNumber, candidates: &Candidates) -> NotFound {
    let found = candidates.found.iter();
    let ids: Vec<&str> = found.map(|found| found.prediction.id()).collect();
    let reason = format!(
        "the job could be {} ({})",
        ids.join(" or "),
        candidates.held_back
    );
    // An id of the vendor in an unknown form cannot be adopted.
    let candidates: Vec<PredictionId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    NotFound::new(reason, Next::Adopt { job, candidates })
}
