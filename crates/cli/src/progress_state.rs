//! The state of the jobs of a command, shared by the command and by the handler of signals, so that an
//! interruption reports everything that is known.

use std::sync::{Arc, Mutex, PoisonError};

use wavespeed::Wavespeed;

use crate::output::job::JobReport;

/// The jobs of one command, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedJobs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    submitting: Option<Wavespeed>,
    jobs: Vec<JobState>,
}

#[derive(Clone, Debug, Default)]
struct JobState {
    report: JobReport,
    has_ended: bool,
}

impl SharedJobs {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns `true` while a submit is being recorded or sent: a job may exist whose id is not known
    /// yet. A submit that waits to be sent again does not count.
    pub(crate) fn is_submitting(&self) -> bool {
        let client = self.with(|state| state.submitting.clone());
        client.is_some_and(|client| client.is_submitting())
    }

    /// Sets the client that submits, or `None` when the submit is over.
    pub(crate) fn set_submitting(&self, client: Option<&Wavespeed>) {
        self.with(|state| state.submitting = client.cloned());
    }

    /// Sets the current state of a job.
    pub(crate) fn update(&self, at: usize, report: &JobReport) {
        self.put(at, report, false);
    }

    /// Sets the final state of a job.
    pub(crate) fn close(&self, at: usize, report: &JobReport) {
        self.put(at, report, true);
    }

    fn put(&self, at: usize, report: &JobReport, has_ended: bool) {
        self.with(|state| {
            if state.jobs.len() <= at {
                // Jobs come in any order.
                state.jobs.resize_with(at + 1, JobState::default);
            }
            state.jobs[at] = JobState {
                report: report.clone(),
                has_ended,
            };
        });
    }

    /// Takes all jobs. Those that have not ended are changed by `interrupt`.
    pub(crate) fn take(&self, interrupt: impl Fn(JobReport) -> JobReport) -> Vec<JobReport> {
        let jobs = self.with(|state| std::mem::take(&mut state.jobs));
        jobs.into_iter()
            .map(|job| match job.has_ended {
                true => job.report,
                false => interrupt(job.report),
            })
            .collect()
    }
}
