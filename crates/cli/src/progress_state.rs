//! How far the jobs of a command have come: shared between the one who works and the one who
//! listens for signals, so that an interruption loses nothing that is known.

use std::sync::{Arc, Mutex, PoisonError};

use wavespeed::Wavespeed;

use crate::output::report::Job;

/// The jobs of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedJobs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    submitting: Option<Wavespeed>,
    jobs: Vec<Place>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    job: Job,
    ended: bool,
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
