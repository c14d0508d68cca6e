//! The documents of `--json`. These types are the contract with programs: they are independent of the
//! types of the library, which may change.

pub(crate) mod account;
pub(crate) mod check;
pub(crate) mod journal;
pub(crate) mod models;
pub(crate) mod price;
pub(crate) mod stats;

use std::fmt::Display;
use std::path::Path;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;
use wavespeed::{Adoption, Downloaded, Fault, JobNumber, JobRecord, Prediction, PredictionId};

/// The result of one job.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Document {
    /// The id of the job; null if the job was not created, or its id is not known.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<PredictionId>,
    /// The number of the job in the journal; null without a journal.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub(crate) job: Option<JobNumber>,
    /// The evidence for an id that was not in the answer to the submit, which was lost: `certain`,
    /// `inferred` or `chosen`. The job of an inferred id may belong to another client of the account.
    pub(crate) reconciled: Option<&'static str>,
    /// The model of the submit, or the model that the vendor reports.
    pub(crate) model: Option<String>,
    /// The status, in the vendor's word.
    pub(crate) status: Option<String>,
    /// The outputs, in the vendor's order.
    pub(crate) outputs: Vec<Output>,
    /// The faults of the input that did not prevent the submit.
    pub(crate) warnings: Vec<FaultDocument>,
    /// The job with the same model and input that stands in the way of the submit; null if there is none.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub(crate) duplicate_of: Option<JobNumber>,
    /// The error; null if there was none.
    pub(crate) error: Option<ErrorDocument>,
    /// The vendor's record as received, or the vendor's answer if it has no readable record.
    pub(crate) raw: Option<Value>,
}

/// An output of a job.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Output {
    /// The vendor's URL, valid for 7 days; null if the output is not a URL (see `raw`).
    pub(crate) url: Option<String>,
    /// The path of the saved file; null if the output was not saved.
    pub(crate) file: Option<String>,
    /// The length of the file in bytes.
    pub(crate) bytes: Option<u64>,
    /// The SHA-256 of the file, in lowercase hex.
    pub(crate) sha256: Option<String>,
}

/// An error.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ErrorDocument {
    /// The kind of the error, which determines the exit code.
    pub(crate) kind: Kind,
    /// The error in a sentence.
    pub(crate) message: String,
    /// The next step.
    pub(crate) hint: Option<String>,
    /// The faults of the input.
    pub(crate) faults: Vec<FaultDocument>,
    /// The jobs of the vendor's history that may be the one whose id is not known.
    pub(crate) candidates: Vec<CandidateDocument>,
    /// The reason why no candidate is adopted, such as `several` or `other-writer`; null without candidates.
    pub(crate) held_back: Option<&'static str>,
}

/// A job of the vendor's history that may be the one whose id is not known.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct CandidateDocument {
    /// The id of the job.
    pub(crate) id: String,
    /// The time of its creation, as the vendor says it; null if the vendor does not.
    pub(crate) created_at: Option<String>,
    /// The time from the submit to the creation in seconds, negative if the job is older; null if the
    /// creation time cannot be read.
    pub(crate) distance: Option<i64>,
    /// The status, in the vendor's word.
    pub(crate) status: String,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The command line is invalid.
    Usage,
    /// The input or the output path breaks a rule; nothing was submitted.
    Input,
    /// The journal cannot be used; nothing was submitted.
    Journal,
    /// There is no API key; or the key, its role or the account's credit was refused.
    Key,
    /// A job with the same input is being sent or has an unknown outcome; nothing was submitted.
    Lost,
    /// A job with the same input is running; nothing was submitted.
    Duplicate,
    /// The job of the key is too old for the vendor to have it, and its outputs are not on this machine;
    /// nothing was submitted.
    Expired,
    /// The price is above `--max-price`, or not known; nothing was submitted.
    Price,
    /// The vendor refused the request; nothing is billed.
    Refused,
    /// The vendor is unreachable; nothing is billed.
    Unreachable,
    /// The outcome of a submit is unknown.
    Unknown,
    /// The job exists, but its end is not known: the deadline expired, or the job could not be polled.
    Deadline,
    /// The job ended without success.
    Task,
    /// An output could not be saved.
    Save,
    /// A signal ended the command.
    Interrupted,
    /// SIGTERM ended the command. Only the exit code differs from that of another signal.
    #[serde(rename = "interrupted")]
    #[schemars(skip)]
    Terminated,
    /// SIGHUP ended the command.
    #[serde(rename = "interrupted")]
    #[schemars(skip)]
    HungUp,
}

/// A fault of an input.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct FaultDocument {
    /// The name of the input.
    pub(crate) field: String,
    /// The name of the broken rule.
    pub(crate) rule: String,
    /// The value of the input.
    pub(crate) value: Value,
    /// The fault, and how to fix it.
    pub(crate) message: String,
    /// The consequence: `refusal`, `warning`, or `overridden` by `--force-input`.
    pub(crate) severity: String,
}

impl From<&Fault> for FaultDocument {
    fn from(fault: &Fault) -> Self {
        Self {
            field: fault.field.clone(),
            rule: fault.rule.name().to_owned(),
            value: fault.value.clone(),
            message: fault.message.clone(),
            severity: fault.severity.name().to_owned(),
        }
    }
}

impl Document {
    /// Takes over the record of the journal.
    pub(crate) fn set_job(&mut self, record: &JobRecord) {
        self.job = Some(record.number);
        self.id.clone_from(&record.id);
        self.model = Some(record.model.to_string());
        self.reconciled = record.adopted.map(Adoption::name);
        self.status = record.status.as_ref().map(ToString::to_string);
    }

    /// Takes over the vendor's record.
    pub(crate) fn set_record(&mut self, record: &Prediction) {
        // The id of the submit is kept: a record with another id would be an error of the vendor.
        if self.id.is_none() {
            self.id = record.id().parse().ok();
        }
        // The vendor omits the model in some records.
        self.model = record.model().map(str::to_owned).or(self.model.take());
        self.status = Some(record.status().to_string());
        self.outputs = record.outputs().iter().map(Output::from_record).collect();
        self.raw = Some(record.raw().clone());
    }

    /// Takes over an answer without a readable record. It may contain an id in an unknown form.
    pub(crate) fn set_answer(&mut self, body: &str) {
        if !body.is_empty() {
            self.raw = Some(serde_json::from_str(body).unwrap_or_else(|_| body.into()));
        }
    }

    /// Takes over the saved files.
    pub(crate) fn set_saved(&mut self, saved: &[Downloaded]) {
        for file in saved {
            // Outputs are numbered from 1.
            let Some(output) = self.outputs.get_mut(file.number - 1) else {
                continue;
            };
            output.file = Some(text(&file.path));
            output.bytes = Some(file.bytes);
            output.sha256 = Some(file.sha256.clone());
        }
    }
}

impl Output {
    fn from_record(output: &Value) -> Self {
        Self {
            url: wavespeed::output_url(output).map(String::from),
            ..Self::default()
        }
    }
}

/// Serializes a typed id as text.
fn as_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Formats a time as RFC 3339, to the second.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns a path as text.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
