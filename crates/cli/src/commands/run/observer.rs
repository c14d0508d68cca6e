//! Shows the steps of a submit, and shares what is known of its job with the handler of signals.

use std::sync::Arc;

use wavespeed::{
    Job, JobRecord, Model, Next, PredictionId, RunEvent, StoreError, StoreErrorKind, UnknownOutcome,
};

use crate::output::document::FaultDocument;
use crate::output::progress::{Progress, UploadBar};
use crate::output::shell;
use crate::output::time;
use crate::progress_state::SharedJobs;

/// An observer of the only submit of a command.
pub(super) struct SubmitObserver {
    pub(super) progress: Arc<Progress>,
    pub(super) bar: UploadBar,
    pub(super) shared_jobs: SharedJobs,
    pub(super) model: &'static Model,
    /// `false` if the numbers of jobs end with this process.
    pub(super) has_journal: bool,
    /// `true` if a job of the key that ended without outputs is submitted once more.
    pub(super) retry_failed: bool,
}

impl SubmitObserver {
    pub(super) fn observe(&self, event: RunEvent<'_>) {
        match event {
            RunEvent::Warning(fault) => {
                self.progress.input_warning(fault, self.model);
                let document = FaultDocument::from(fault);
                self.shared_jobs
                    .change(0, |report| report.document.warnings.push(document));
            }
            // Several times per megabyte, so the bar decides whether anything changes.
            RunEvent::Uploading(progress) => self.bar.show(&progress),
            RunEvent::Uploaded(file) => self.progress.uploaded(file),
            RunEvent::Submitting => self.progress.show("submitting"),
            RunEvent::BeingSent(number) => {
                let text = format!("{number} is being sent; waiting for its outcome");
                // In a pipe there is no progress line, and a silent wait would look like a hang.
                self.progress.show(&text);
                self.progress.transient(&text);
            }
            RunEvent::Rejected { rejected, backoff } => {
                let text = format!("{rejected}; submitting again");
                self.progress
                    .show(&format!("{text} in {}", time::wait(backoff)));
                let requested = rejected.retry_after;
                self.progress.pause(&text, requested, backoff, true);
            }
            RunEvent::Existing(record) => self.existing(record),
            RunEvent::OutcomeUnknown(unknown) => self.unknown(unknown),
            RunEvent::Reconciling(_) => self
                .progress
                .show("the outcome is unknown; looking for the job in the vendor's history"),
            RunEvent::Submitted(job) => self.submitted(job),
            // The wait has its own progress.
            _ => {}
        }
    }

    /// Reports the id of a job as soon as it is known.
    pub(super) fn submitted(&self, job: &Job) {
        self.id(job.id());
        self.shared_jobs.change(0, |report| {
            report.document.job = job.number().filter(|_| self.has_journal);
            if let Some(error) = job.store_error() {
                let note = store_note(job, error);
                if !report.notes.contains(&note) {
                    report.notes.push(note);
                }
            }
            if let Some(record) = job.submitted() {
                report.document.set_record(&record);
            }
        });
    }

    /// Prints an id once, and returns `true` if it is new.
    fn id(&self, id: &PredictionId) -> bool {
        let mut is_new = false;
        self.shared_jobs.change(0, |report| {
            is_new = report.document.id.replace(id.clone()).as_ref() != Some(id);
        });
        if is_new {
            self.progress.id(id);
        }
        is_new
    }

    /// Reports the job that has the key.
    fn existing(&self, record: &JobRecord) {
        let number = record.number;
        self.shared_jobs.change(0, |report| {
            report.document.job = Some(number).filter(|_| self.has_journal);
        });
        let (Some(id), Some(key)) = (&record.id, &record.key) else {
            return;
        };
        // The id of a failed attempt is not that of the job that is about to be submitted.
        if record.is_sendable(self.retry_failed) {
            let status = record
                .status
                .as_ref()
                .map_or("failed", |status| status.name());
            let text = format!("{number} ended as {status}; it is submitted once more");
            return self.progress.note(&text);
        }
        if self.id(id) {
            let key = key.as_str();
            let text = format!("{number} has the key {key:?}; nothing is submitted");
            self.progress.note(&text);
        }
        self.shared_jobs.change(0, |report| {
            report.document.set_job(record);
            report.document.job = Some(number).filter(|_| self.has_journal);
        });
    }

    fn unknown(&self, unknown: &UnknownOutcome) {
        self.shared_jobs.change(0, |report| {
            report.document.set_answer(&unknown.body);
            report.document.job = unknown.job.filter(|_| self.has_journal);
            // A signal may end the search in the history that follows.
            report.if_unknown = Some(match self.has_journal {
                true => unknown.next(),
                false => Next::None,
            });
        });
    }
}

/// Returns the note about an error of the journal after a submit was accepted.
fn store_note(job: &Job, error: &StoreError) -> String {
    let id = job.id();
    match (error.kind(), job.number()) {
        (StoreErrorKind::AcceptedTwice, Some(number)) => {
            format!("{error}; see both with: wave jobs show {number}")
        }
        (_, number) => {
            let adopt = number.map_or(String::new(), |number| {
                let id = shell::id(id);
                format!("; once it can be written: wave resume {number} --adopt {id}")
            });
            format!("keep the id: the journal could not record it ({error}){adopt}")
        }
    }
}
