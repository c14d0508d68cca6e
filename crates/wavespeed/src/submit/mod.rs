//! Submitting an input to a model: the one call that costs money.
//!
//! [`Wavespeed::submit`] and [`Wavespeed::run`] return a [`builder`]. Awaited, it looks up the idempotency
//! key ([`key`]), checks and uploads ([`prepare`]), records the intent and sends ([`send`], [`post`]). What an answer
//! means is one table ([`outcome`]). An outcome that stayed unknown is looked up in the vendor's history
//! ([`reconcile`]).

pub(crate) mod builder;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod input;
mod key;
pub(crate) mod outcome;
mod post;
pub(crate) mod prepare;
pub(crate) mod reconcile;
mod send;

use crate::client::Wavespeed;
use crate::http::is_loopback;
use crate::run::Finished;
use crate::submit::builder::JobBuilder;
use crate::submit::error::SubmitError;
use crate::submit::input::RawInput;
use crate::wait::job::Job;
use crate::webhook;

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
    pub fn run(&self, input: impl Into<RawInput>) -> JobBuilder<Finished> {
        JobBuilder::new(self.clone(), input.into())
    }

    /// Checks that the vendor can send a webhook to a URL, without sending a request. Every submit with
    /// a webhook makes this check.
    ///
    /// # Errors
    /// Returns [`SubmitError::Webhook`] if the vendor does not take the URL or cannot reach it.
    pub fn check_webhook(&self, webhook: &str) -> Result<(), SubmitError> {
        let api = self.0.account.base_url.parse();
        webhook::url::check_url(webhook, api.is_ok_and(|api| is_loopback(&api))).map_err(|why| {
            SubmitError::Webhook {
                url: webhook.to_owned(),
                why,
            }
        })
    }
}
