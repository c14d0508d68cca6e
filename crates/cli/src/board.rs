//! How far the jobs of a command have come: shared between the one who works and the one who
//! listens for signals, so that an interruption loses nothing that is known.

use std::sync::{Arc, Mutex, PoisonError};

use crate::report::Job;

/// The jobs of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    submitting: bool,
    jobs: Vec<Place>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    job: Job,
    ended: bool,
}

impl Board {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a submit is on its way: a task may exist whose id is not known yet.
    pub(crate) fn is_submitting(&self) -> bool {
        self.with(|state| state.submitting)
    }

    pub(crate) fn set_submitting(&self, submitting: bool) {
        self.with(|state| state.submitting = submitting);
    }

    /// What is known of a job now.
    pub(crate) fn update(&self, at: usize, job: &Job) {
        self.put(at, job, false);
    }

    /// What became of a job.
    pub(crate) fn close(&self, at: usize, job: &Job) {
        self.put(at, job, true);
    }

    fn put(&self, at: usize, job: &Job, ended: bool) {
        self.with(|state| {
            if state.jobs.len() <= at {
                state.jobs.resize_with(at + 1, Place::default);
            }
            state.jobs[at] = Place {
                job: job.clone(),
                ended,
            };
        });
    }

    /// All jobs, those that have not ended changed by `interrupt`.
    pub(crate) fn take(&self, interrupt: impl Fn(Job) -> Job) -> Vec<Job> {
        let places = self.with(|state| std::mem::take(&mut state.jobs));
        places
            .into_iter()
            .map(|place| match place.ended {
                true => place.job,
                false => interrupt(place.job),
            })
            .collect()
    }
}
