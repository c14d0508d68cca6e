//! The error of a submit.

use wavespeed_client::InvalidId;

use crate::account::price::Quote;
use crate::call::FetchError;
use crate::check::fault::Faults;
use crate::store::error::StoreError;
use crate::submit::outcome::{RejectedSubmit, UnknownOutcome};

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
    /// It costs more than it may. Nothing was sent.
    #[error(
        "it costs {} {}, which is more than {max} USD; nothing was submitted", .quote.price, .quote.currency
    )]
    Price {
        /// What the vendor asks for it.
        quote: Quote,
        /// What it may cost.
        max: f64,
    },
    /// What it costs is not known, and there is a limit. Nothing was sent.
    #[error("what it costs is not known, so nothing was submitted: {0}")]
    NoPrice(FetchError),
    /// The vendor could not report the end of the task there. Nothing was sent.
    #[error("the webhook {url:?} {why}, so nothing was submitted")]
    Webhook {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The submit could not be written down, so it was not sent.
    #[error("the submit could not be written down, so it was not sent: {0}")]
    Store(#[from] StoreError),
    /// It was refused or never sent. Nothing is billed.
    #[error(transparent)]
    Rejected(#[from] RejectedSubmit),
    /// It was sent, and nobody knows what came of it.
    #[error(transparent)]
    Unknown(#[from] UnknownOutcome),
}
