//! The documents of `wave jobs` and `wave upload`, which show records of the journal.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wavespeed::{Adoption, EarlierAttempt, JobRecord, Uploaded};

use super::{ErrorDocument, rfc3339, text};

/// A job of `wave jobs`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct JobDocument {
    /// The number of the job.
    pub(crate) job: String,
    /// The id of the job; null if it is not known.
    pub(crate) id: Option<String>,
    /// The base URL of the API that has the job.
    pub(crate) base_url: String,
    /// The name of the account that owns the job; `default` for the jobs of this command.
    pub(crate) account: String,
    /// The model of the submit.
    pub(crate) model: String,
    /// The last recorded step: `intended`, `unknown`, `rejected`, `submitted`, `ended` or `saved`.
    pub(crate) stage: &'static str,
    /// True if the job can be resumed.
    pub(crate) open: bool,
    /// The evidence for an id that was not in the answer to the submit: `certain`, `inferred` or `chosen`.
    pub(crate) reconciled: Option<&'static str>,
    /// The last known status.
    pub(crate) status: Option<String>,
    /// The time before the submit: RFC 3339.
    pub(crate) at: String,
    /// The idempotency key; null if the job has none.
    pub(crate) key: Option<String>,
    /// The price that the vendor quoted before the submit, in USD; null if it was not asked for.
    pub(crate) price: Option<f64>,
    /// The body of the last answer to the submit, without the API key; null if there was none, or if it is not
    /// kept.
    pub(crate) answer: Option<String>,
    /// The earlier attempts of the job, which `--retry-failed` made, and ids that another answer to the submit
    /// replaced.
    pub(crate) attempts: Vec<AttemptDocument>,
    /// The input as submitted.
    pub(crate) input: Value,
    /// The output path.
    pub(crate) target: Option<String>,
    /// The saved files.
    pub(crate) files: Vec<String>,
}

impl From<&JobRecord> for JobDocument {
    fn from(record: &JobRecord) -> Self {
        Self {
            job: record.number.to_string(),
            id: record.id.as_ref().map(ToString::to_string),
            base_url: record.account.base_url.clone(),
            account: record.account.name.clone(),
            model: record.model.to_string(),
            stage: record.stage.name(),
            open: record.is_open(),
            reconciled: record.adopted.map(Adoption::name),
            status: record.status.as_ref().map(ToString::to_string),
            at: rfc3339(record.at),
            key: record.key.as_ref().map(ToString::to_string),
            price: record.price,
            answer: record.answer.clone(),
            attempts: record.attempts.iter().map(AttemptDocument::from).collect(),
            input: record.input(),
            target: record.target.as_ref().map(|target| text(target.as_path())),
            files: record.files.iter().map(|file| text(&file.path)).collect(),
        }
    }
}

/// An earlier attempt of a job.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct AttemptDocument {
    /// The id of the attempt.
    pub(crate) id: String,
    /// The last known status.
    pub(crate) status: Option<String>,
    /// The time before the submit: RFC 3339.
    pub(crate) at: String,
    /// The price that the vendor quoted before the submit, in USD; null if it was not asked for.
    pub(crate) price: Option<f64>,
}

impl From<&EarlierAttempt> for AttemptDocument {
    fn from(attempt: &EarlierAttempt) -> Self {
        Self {
            id: attempt.id.to_string(),
            status: attempt.status.as_ref().map(ToString::to_string),
            at: rfc3339(attempt.at),
            price: attempt.price,
        }
    }
}

/// A file of `wave upload`.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct UploadDocument {
    /// The path as given.
    pub(crate) file: String,
    /// The URL for the inputs of a model; null if the file was not uploaded.
    pub(crate) url: Option<String>,
    /// The length of the file in bytes.
    pub(crate) bytes: Option<u64>,
    /// The SHA-256 of the file, in lowercase hex.
    pub(crate) sha256: Option<String>,
    /// True if the file was sent now; false if an earlier upload of the same bytes is reused.
    pub(crate) sent: Option<bool>,
    /// The time until which the vendor keeps the file: RFC 3339.
    pub(crate) kept_until: Option<String>,
    /// The error; null if there was none.
    pub(crate) error: Option<ErrorDocument>,
}

impl From<&Uploaded> for UploadDocument {
    fn from(uploaded: &Uploaded) -> Self {
        Self {
            file: text(&uploaded.path),
            url: Some(uploaded.url.clone()),
            bytes: Some(uploaded.bytes),
            sha256: Some(uploaded.sha256.clone()),
            sent: Some(!uploaded.known),
            kept_until: Some(rfc3339(uploaded.kept_until)),
            error: None,
        }
    }
}
