//! The error of a submit.

use wavespeed_client::InvalidId;

use crate::account::price::Quote;
use crate::call::FetchError;
use crate::check::fault::Faults;
use crate::store::error::StoreError;
use crate::submit::outcome::{RejectedSubmit, UnknownOutcome};

/// Error of [`Wavespeed::submit`](crate::Wavespeed::submit) and its variants.
///
/// Every variant but [`Unknown`](Self::Unknown) means that nothing is billed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The input breaks rules of the model. Nothing was sent.
    #[error("the input was refused before anything was sent: {0}")]
    Invalid(#[from] Faults),
    /// The model id is malformed. Nothing was sent.
    #[error(transparent)]
    Model(#[from] InvalidId),
    /// The input cannot be serialized as JSON. Nothing was sent.
    #[error("the input cannot be serialized as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The price is above the limit. Nothing was sent.
    #[error(
        "the price is {} {}, above the limit of {max} USD; nothing was submitted", .quote.price, .quote.currency
    )]
    Price {
        /// The vendor's price.
        quote: Quote,
        /// The limit, in USD.
        max: f64,
    },
    /// There is a price limit, and the price is not known. Nothing was sent.
    #[error("the price is not known, so nothing was submitted: {0}")]
    NoPrice(FetchError),
    /// The vendor cannot send a webhook to the URL. Nothing was sent.
    #[error("the webhook {url:?} {why}, so nothing was submitted")]
    Webhook {
        /// The URL.
        url: String,
        /// The reason, as the rest of a sentence about the URL.
        why: &'static str,
    },
    /// The store could not record the intent. Nothing was sent.
    #[error("the submit could not be recorded, so it was not sent: {0}")]
    Store(#[from] StoreError),
    /// The submit was rejected, or never sent.
    #[error(transparent)]
    Rejected(#[from] RejectedSubmit),
    /// The submit was sent, and its outcome is unknown.
    #[error(transparent)]
    Unknown(#[from] UnknownOutcome),
}
