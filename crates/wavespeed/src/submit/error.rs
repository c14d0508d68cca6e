//! The error of a submit.

use std::time::SystemTime;

use jiff::Timestamp;
use wavespeed_client::{InvalidId, PredictionId};

use crate::account::price::Quote;
use crate::call::FetchError;
use crate::check::fault::Faults;
use crate::store::decision::ExistingReason;
use crate::store::error::StoreError;
use crate::store::key::{IdempotencyKey, InvalidIdempotencyKey};
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;
use crate::submit::outcome::{RejectedSubmit, UnknownOutcome};
use crate::upload::error::UploadError;

/// Error of [`Wavespeed::submit`](crate::Wavespeed::submit).
///
/// Every variant but [`Unknown`](Self::Unknown) means that this call is not billed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The input breaks rules of the model, or the outputs cannot be saved at the target. Nothing was
    /// sent.
    #[error("the input was refused before anything was sent: {0}")]
    Invalid(#[from] Faults),
    /// The model id is malformed. Nothing was sent.
    #[error(transparent)]
    Model(#[from] InvalidId),
    /// The schema to check by is that of another model. Nothing was sent.
    #[error("the schema is that of {schema}, but the input is for {model}; nothing was sent")]
    Schema {
        /// The model of the schema.
        schema: &'static str,
        /// The model of the input.
        model: String,
    },
    /// The input cannot be serialized as JSON. Nothing was sent.
    #[error("the input cannot be serialized as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The idempotency key is malformed. Nothing was sent.
    #[error(transparent)]
    Key(#[from] InvalidIdempotencyKey),
    /// There is an idempotency key, and the store keeps no jobs. Nothing was sent.
    #[error("a key needs a store that outlives the process; set one with `Builder::store`")]
    KeyWithoutStore,
    /// The idempotency key belongs to a job of another model or input. Nothing was sent.
    #[error(
        "the key {:?} belongs to {job}, which has another {difference}; use another key for another \
         input, or forget {job} to free this one",
        .key.as_str()
    )]
    KeyConflict {
        /// The key.
        key: IdempotencyKey,
        /// The number of the job that has the key.
        job: JobNumber,
        /// The first difference: `model`, or the name of an input.
        difference: String,
    },
    /// The job of the idempotency key is being sent by another part of this process, or by another
    /// process, and had no outcome before the deadline. Nothing was sent by this call.
    #[error("{0} is still being sent, and the deadline expired; nothing was sent by this call")]
    BeingSent(JobNumber),
    /// An equal job stands in the way. Nothing was sent.
    #[error("{}", duplicate(.job, *.reason))]
    Duplicate {
        /// The job.
        job: Box<JobRecord>,
        /// The reason why it stands in the way.
        reason: ExistingReason,
    },
    /// The job of the idempotency key was submitted so long ago that the vendor no longer keeps it, and
    /// its outputs are not on this machine. Nothing was sent.
    #[error(
        "{job} ({id}) was submitted on {}, and the vendor keeps a job for 7 days; nothing was sent",
        date(*.at)
    )]
    Expired {
        /// The number of the job.
        job: JobNumber,
        /// The id of the job.
        id: PredictionId,
        /// The time of the submit.
        at: SystemTime,
    },
    /// A local file could not be uploaded. Nothing was submitted.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The price is above the limit. Nothing was submitted.
    #[error(
        "the price is {} {}, above the limit of {max} USD; nothing was submitted", .quote.price, .quote.currency
    )]
    Price {
        /// The vendor's price.
        quote: Quote,
        /// The limit, in USD.
        max: f64,
    },
    /// There is a price limit, and the price is not known. Nothing was submitted.
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
    /// The store could not be read for the job of the idempotency key. Nothing was sent.
    #[error("the store could not be searched for the key, so nothing was sent: {0}")]
    Lookup(StoreError),
    /// The store could not record the intent. Nothing was sent.
    #[error("the submit could not be recorded, so it was not sent: {0}")]
    Store(#[from] StoreError),
    /// The submit was rejected, or never sent.
    #[error(transparent)]
    Rejected(#[from] RejectedSubmit),
    /// The submit was sent, and its outcome is unknown.
    #[error(transparent)]
    Unknown(#[from] Box<UnknownOutcome>),
}

impl From<UnknownOutcome> for SubmitError {
    fn from(unknown: UnknownOutcome) -> Self {
        Box::new(unknown).into()
    }
}

fn duplicate(job: &JobRecord, reason: ExistingReason) -> String {
    let number = job.number;
    let why = match reason {
        ExistingReason::OutcomeUnknown => {
            "and the outcome of its submit is unknown: it may have been billed"
        }
        ExistingReason::OtherAccount => {
            let (name, url) = (&job.account.name, &job.account.base_url);
            return format!(
                "{number} of the account {name:?} at {url} has the same model and input, and the outcome of \
                 its submit is unknown: it may have been billed; nothing was submitted"
            );
        }
        ExistingReason::BeingSent => "and is being sent at this moment",
        ExistingReason::Key => "and the same key",
        ExistingReason::Turn => "and its submit has no outcome yet",
        ExistingReason::Running => "and is running, or its outputs are still to be saved",
    };
    format!("{number} has the same model and input, {why}; nothing was submitted")
}

/// Returns the date of a time, in UTC.
pub(crate) fn date(at: SystemTime) -> String {
    let date = Timestamp::try_from(at).map(|at| at.strftime("%Y-%m-%d").to_string());
    date.unwrap_or_else(|_| "an unknown date".to_owned())
}
