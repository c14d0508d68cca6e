//! The documents of `wave history`, `wave billings`, `wave usage` and `wave delete`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wavespeed::{Prediction, UsageSum, types};

/// A job of `wave history`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct TaskDocument {
    /// The id.
    pub(crate) id: String,
    /// The status.
    pub(crate) status: String,
    /// The id of the model.
    pub(crate) model: Option<String>,
    /// The creation time as reported by the vendor.
    pub(crate) created_at: Option<String>,
    /// The vendor's record as received.
    pub(crate) raw: Value,
}

impl From<&Prediction> for TaskDocument {
    fn from(record: &Prediction) -> Self {
        Self {
            id: record.id().to_owned(),
            status: record.status().to_string(),
            model: record.model().map(str::to_owned),
            created_at: record.created_at().map(str::to_owned),
            raw: record.raw().clone(),
        }
    }
}

/// A record of `wave billings`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct BillingDocument {
    /// The id of the record.
    pub(crate) id: Option<String>,
    /// `deduct` or `refund`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// The amount in USD.
    pub(crate) price: Option<f64>,
    /// The time as reported by the vendor.
    pub(crate) created_at: Option<String>,
    /// The id of the job.
    pub(crate) task: Option<String>,
    /// The id of the model.
    pub(crate) model: Option<String>,
}

impl From<&types::Billing> for BillingDocument {
    fn from(record: &types::Billing) -> Self {
        let job = record.prediction.as_ref();
        Self {
            id: record.uuid.clone(),
            kind: record.billing_type.clone(),
            price: record.price,
            created_at: record.created_at.clone(),
            task: job.and_then(|job| job.uuid.clone()),
            model: job.and_then(|job| job.model_uuid.clone()),
        }
    }
}

/// The sums of `wave usage`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct UsageDocument {
    /// The start of the period: RFC 3339.
    pub(crate) since: String,
    /// The end of the period: RFC 3339.
    pub(crate) until: String,
    /// The sum over all models.
    pub(crate) total: SumDocument,
    /// The sums by model.
    pub(crate) models: Vec<SumDocument>,
    /// The sums by day.
    pub(crate) days: Vec<SumDocument>,
}

/// A sum of jobs.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct SumDocument {
    /// The id of the model, the day, or `all`.
    pub(crate) of: String,
    /// The number of jobs.
    pub(crate) tasks: Option<u64>,
    /// The number of completed jobs.
    pub(crate) completed: Option<u64>,
    /// The amount paid in USD.
    pub(crate) paid: Option<f64>,
}

impl SumDocument {
    pub(crate) fn new(of: &str, sum: &UsageSum) -> Self {
        Self {
            of: of.to_owned(),
            tasks: sum.requests,
            completed: sum.completed,
            paid: sum.cost,
        }
    }
}

/// The result of `wave delete`.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub(crate) struct DeletedDocument {
    /// The number of named jobs.
    pub(crate) asked: u64,
    /// The number of jobs that the vendor deleted.
    pub(crate) deleted: u64,
}
