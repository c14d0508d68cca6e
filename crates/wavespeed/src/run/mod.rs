//! The safe run: submit, wait, save, as one call that can be repeated.
//!
//! [`Wavespeed::submit`] and [`Wavespeed::run`] return a [`builder`], which makes the steps of `submit` when it is
//! awaited. [`finish`] is what is left after the submit, and [`resume`] does that for the record of a job.

pub(crate) mod builder;
pub(crate) mod finish;
mod resume;

use crate::client::Wavespeed;
use crate::run::builder::JobBuilder;
use crate::run::finish::Finished;
use crate::submit::input::RawInput;
use crate::wait::job::Job;

impl Wavespeed {
    /// Submits an input once: checks it with its files against every rule of its model, uploads local
    /// files, records the intent and sends it. **This call costs money.** Nothing happens before the
    /// returned builder is awaited; it yields a [`Job`].
    ///
    /// `input` is a reference to a typed input, or a [`RawInput`]. The input of a model that is neither in
    /// the catalogue nor given by [`model_schema`](JobBuilder::model_schema) is not checked.
    ///
    /// A future that is dropped before the intent is begun sends nothing. Dropped later, it loses the
    /// waiting and not the id: the submit continues as a task of the runtime, and its outcome is recorded
    /// in the store. A program that ends calls [`flush`](Self::flush) first.
    ///
    /// # Errors
    /// Returns all faults of the input at once, before anything is sent. After that, the error says
    /// whether the submit was rejected (nothing is billed) or whether its outcome is unknown.
    ///
    /// [`JobBuilder`] has an example.
    pub fn submit(&self, input: impl Into<RawInput>) -> JobBuilder<Job> {
        JobBuilder::new(self.clone(), input.into())
    }

    /// Submits an input as [`submit`](Self::submit) does, waits for the end of the job, and saves its
    /// outputs if there is a [`target`](JobBuilder::target). **This call costs money.** Nothing happens
    /// before the returned builder is awaited; it yields a [`Finished`].
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit). After the submit, the error carries the id, by
    /// which the job can be resumed.
    ///
    /// The [front page](crate) has an example.
    pub fn run(&self, input: impl Into<RawInput>) -> JobBuilder<Finished> {
        JobBuilder::new(self.clone(), input.into())
    }
}
