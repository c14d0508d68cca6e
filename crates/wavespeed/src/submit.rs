//! Submitting: the one call that costs money.

use std::future::pending;

use serde_json::Value;
use wavespeed_client::{Answer, CallError, InvalidId, ModelId, ModelInput, PredictionId};
use wavespeed_poll::{Deadline, Start};

use crate::http::chain;
use crate::outcome::{Attempt, Outcome, decide};
use crate::{
    Faults, Files, IntentId, Job, Rejected, Settled, StoreError, Unknown, Wavespeed, check,
};

/// Why a submit did not yield a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The input breaks rules of the model. Nothing was sent.
    #[error("the input was refused before anything was sent: {0}")]
    Invalid(#[from] Faults),
    /// It is not the id of a model. Nothing was sent.
    #[error(transparent)]
    Model(#[from] InvalidId),
    /// The input cannot be written as JSON. Nothing was sent.
    #[error("the input cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The submit could not be written down, so it was not sent.
    #[error("the submit could not be written down, so it was not sent: {0}")]
    Store(#[from] StoreError),
    /// It was refused or never sent. Nothing is billed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It was sent, and nobody knows what came of it.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

impl Wavespeed {
    /// Checks an input by every rule of its model, then submits it, once. **This is the call that
    /// costs money.**
    ///
    /// Dropping the future before its end may leave a task behind that was created and billed.
    ///
    /// # Errors
    /// All faults of the input at once; otherwise whether the submit was rejected (nothing is
    /// billed) or its outcome is unknown.
    pub async fn submit<I: ModelInput>(&self, input: &I) -> Result<Job, SubmitError> {
        self.submit_raw(I::MODEL, &serde_json::to_value(input)?)
            .await
    }

    /// As [`submit`](Self::submit), for JSON. A model that the catalogue does not have is submitted
    /// to without a check.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit).
    pub async fn submit_raw(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.submit_until(model, input, self.deadline()).await
    }

    /// As [`submit_raw`](Self::submit_raw), with a deadline of its own. Nothing is sent once it has
    /// come; if it comes while the submit is on its way, the outcome is unknown.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit).
    pub async fn submit_until(
        &self,
        model: &str,
        input: &Value,
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        if let Some(model) = crate::model(model) {
            Faults::none_of(check(model, input, Files::Url))?;
        }
        self.send(model, input, deadline).await
    }

    /// Submits JSON as it is, once. **This is the call that costs money**: a key that the model
    /// does not know is dropped silently, and the task is billed with defaults.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit), but for the faults of the input.
    pub async fn submit_unchecked(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.send(model, input, self.deadline()).await
    }

    async fn send(
        &self,
        model: &str,
        input: &Value,
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        let model: ModelId = model.parse()?;
        let clock = self.0.poller.clock();
        let left = deadline.remaining(clock).unwrap_or(self.0.timeouts.submit);
        if left.is_zero() {
            return Err(Rejected::not_sent("the deadline came before it").into());
        }
        let intent = self.0.store.intend(&model, input)?;
        let timeout = left.min(self.0.timeouts.submit);
        let deadline = Deadline::after(timeout, clock);
        let limit = async { _ = deadline.cut(clock, pending::<()>()).await };
        let attempt = match self.0.api.submit_raw(&model, input, None, limit).await {
            Ok(answer) => Attempt::Answered(answer),
            Err(CallError::Limit) => Attempt::Lost(format!("no answer within {timeout:?}")),
            Err(CallError::Transport(error)) => Attempt::Lost(chain(&error)),
            Err(error) => Attempt::NotSent(error.to_string()),
        };
        match decide(&attempt, std::time::SystemTime::now()) {
            Outcome::Accepted(id) => {
                self.settle(intent, Settled::Accepted(&id));
                Ok(self.submitted(id, &attempt))
            }
            Outcome::Rejected(rejected) => {
                self.settle(intent, Settled::Rejected);
                Err(rejected.into())
            }
            Outcome::Unknown(unknown) => {
                self.settle(intent, Settled::Unknown);
                Err(unknown.into())
            }
        }
    }

    /// The submit is done: a store that fails now must not lose its outcome.
    fn settle(&self, intent: IntentId, outcome: Settled<'_>) {
        if let Err(error) = self.0.store.settle(intent, outcome) {
            tracing::error!(?outcome, %error, "the outcome of a submit could not be written down");
        }
    }

    fn submitted(&self, id: PredictionId, attempt: &Attempt) -> Job {
        let record = match attempt {
            Attempt::Answered(answer) => record(answer),
            _ => None,
        };
        tracing::info!(%id, "submitted");
        Job::new(self.clone(), id, Start::AfterGap, record)
    }
}

/// The prediction in an answer.
pub(crate) fn record(answer: &Answer) -> Option<wavespeed_client::Prediction> {
    wavespeed_client::Prediction::from_json(answer.envelope().data?)
}
