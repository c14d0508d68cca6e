//! Reconciles a job whose id is not known with the vendor's history, and words the result.

use wavespeed::{
    Deadline, Job, JobNumber, JobRecord, Next, Prediction, PredictionId, Reconciled, Wavespeed,
};

use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;

/// The reason why the id of a job was not found.
pub(crate) struct NotFound {
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
    pub(crate) fn failure(self, message: &str) -> Failure {
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

/// Returns the job, if it is found in the history and can be no other one.
pub(crate) async fn reconcile(
    client: &Wavespeed,
    record: &JobRecord,
    deadline: Deadline,
    report: &mut JobReport,
) -> Result<Job, NotFound> {
    let number = record.number;
    match client.reconcile(record, deadline).await {
        Ok(Reconciled::Adopted(job)) => {
            report.document.reconciled = true;
            report.notes.push(format!(
                "{} was found in the vendor's history and adopted for {number}; it could belong \
                 to another client of the account",
                job.id()
            ));
            Ok(*job)
        }
        Ok(Reconciled::Nothing) => Err(absent(number)),
        Ok(Reconciled::Candidates(records)) => Err(ambiguous(number, &records)),
        Ok(_) => Err(NotFound::new("", Next::Resume(number))),
        Err(error) => Err(NotFound::new(error, Next::Resume(number))),
    }
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
    let ids: Vec<&str> = candidates.iter().map(|record| record.id.as_str()).collect();
    let reason = format!("the job could be {}", ids.join(" or "));
    // An id of the vendor in an unknown form cannot be adopted.
    let candidates: Vec<PredictionId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    NotFound::new(reason, Next::Adopt { job, candidates })
}
