//! The state of the jobs of a command, shared by the command and by the handler of signals, so that an
//! interruption reports everything that is known.

use std::sync::{Arc, Mutex, PoisonError};

use wavespeed::{Deadline, Wavespeed};

use crate::output::job::JobReport;

/// The jobs of one command, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedJobs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    client: Option<Wavespeed>,
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

    /// Sets the client of the command.
    pub(crate) fn set_client(&self, client: &Wavespeed) {
        self.with(|state| state.client = Some(client.clone()));
    }

    /// Waits until no submit is in flight and the journal has recorded everything.
    pub(crate) async fn flush(&self) {
        let client = self.with(|state| state.client.clone());
        if let Some(client) = client {
            // A submit that could not be recorded is reported by its job.
            _ = client.flush(Deadline::never()).await;
        }
    }

    /// Returns the current state of a job, and takes it back from the handler of signals.
    pub(crate) fn report(&self, at: usize) -> JobReport {
        let report = self.with(|state| state.jobs.get(at).map(|job| job.report.clone()));
        report.unwrap_or_default()
    }

    /// Changes the current state of a job.
    pub(crate) fn change(&self, at: usize, change: impl FnOnce(&mut JobReport)) {
        let mut report = self.report(at);
        change(&mut report);
        self.update(at, &report);
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
