//! Words the result of looking for a job in the vendor's history.

use wavespeed::{
    Adoption, Candidates, Deadline, HistorySearch, Job, JobNumber, JobRecord, Next, PredictionId,
    Reconciled, UnknownOutcome, Wavespeed,
};

use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;

/// Returns the failure of a submit whose outcome is unknown, with the result of the search.
pub(crate) fn unknown(unknown: UnknownOutcome) -> Failure {
    let message = &unknown.message;
    let Some(number) = unknown.job else {
        let message = format!(
            "it is not known whether the job was created ({message}); it may have been billed"
        );
        let mut failure = Failure::unknown(message, Next::None);
        if let HistorySearch::Candidates(found) = unknown.search {
            failure.candidates = Some(Box::new(found));
        }
        return failure;
    };
    unresolved(number, unknown.search, &format!(" ({message})"))
}

/// Returns the job, if it is found in the history and can be no other one.
pub(crate) async fn reconcile(
    client: &Wavespeed,
    record: &JobRecord,
    deadline: Deadline,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let search = match client.reconcile(record, deadline).await {
        Ok(Reconciled::Adopted(job)) => {
            note_adoption(&job, report);
            return Ok(*job);
        }
        Ok(Reconciled::Unresolved(search)) => search,
        Ok(_) => HistorySearch::Skipped,
        Err(error) => HistorySearch::Failed(error.to_string()),
    };
    Err(unresolved(record.number, search, ""))
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

/// Returns the failure of a job that a search of the history did not find. `cause` is the reason why its
/// outcome is unknown, in brackets, or empty.
fn unresolved(job: JobNumber, search: HistorySearch, cause: &str) -> Failure {
    let unknown = |finding: &str| {
        let message = format!(
            "{job}: it is not known whether the job was created{cause}; it may have been billed: \
             {finding}"
        );
        Failure::new(Kind::Unknown, message)
    };
    let look_again = format!("do not submit again; look again later with: wave resume {job}");
    match search {
        HistorySearch::Candidates(found) => ambiguous(job, found, unknown),
        HistorySearch::NotFound => unknown(
            "the vendor's history was read whole, and no job in it can be the one",
        )
        .hint(format!(
            "a history may lag: look again later with: wave resume {job}; or submit it again, which is billed even if the \
             first submit arrived: wave resume {job} --resubmit"
        )),
        HistorySearch::Absent => {
            let message = format!(
                "{job}: the job was not created{cause}, and nothing is billed: the vendor's history \
                 was read whole, twice, and its submit never arrived"
            );
            let hint = format!("submit it again with: wave resume {job} --resubmit");
            Failure::new(Kind::Unknown, message).hint(hint)
        }
        HistorySearch::Answered => unknown(
            "the vendor answered with a success, but its history has no job that can be the one",
        )
        .hint(format!(
            "look for the job on the vendor's dashboard, and take it over with: wave resume {job} \
             --adopt ID; only if it is not there, submit it again, which may be billed twice: wave \
             resume {job} --resubmit"
        )),
        HistorySearch::TooEarly => unknown(
            "the vendor's history does not show it, but may still do so: the deadline expired \
             before the settle time was over",
        )
        .hint(look_again),
        HistorySearch::BeingSent => unknown("another process is sending it at this moment")
            .hint(format!("wait for its outcome with: wave resume {job}")),
        HistorySearch::Expired => unknown(
            "the vendor's history cannot say, as the submit is older than the 7 days that it covers",
        )
        .hint(format!(
            "look for its charge with: wave billings; if the job is no longer wanted: wave jobs \
             forget {job}"
        )),
        HistorySearch::Incomplete => {
            unknown("the vendor's history could not be read whole, so it shows nothing")
                .hint(look_again)
        }
        HistorySearch::Failed(error) => unknown(&error).hint(look_again),
        // Without a search, nothing is known that could shorten the way.
        _ => unknown("the vendor's history was not searched").next(Next::Resume(job)),
    }
}

/// Returns the failure of a job that may be one of several, or one that is not proven.
fn ambiguous(job: JobNumber, found: Candidates, unknown: impl FnOnce(&str) -> Failure) -> Failure {
    let why = found.held_back;
    let finding = match found.found.len() {
        1 => format!("one job in the vendor's history could be the one, and is not adopted: {why}"),
        count => format!(
            "{count} jobs in the vendor's history could be the one, and none is adopted: {why}"
        ),
    };
    let ids = found.found.iter().map(|found| found.prediction.id());
    // An id of the vendor in an unknown form cannot be adopted.
    let candidates: Vec<PredictionId> = ids.filter_map(|id| id.parse().ok()).collect();
    let mut failure = unknown(&finding).next(Next::Adopt { job, candidates });
    failure.candidates = Some(Box::new(found));
    failure
}
