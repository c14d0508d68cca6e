//! The usage of the account, as sums per model and per day.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wavespeed_client::types;

use crate::call::{FetchError, data, read, refused};
use crate::client::Wavespeed;

/// The longest time span of a usage report (`spec/wavespeed.yaml`, operation `get_usage`).
const MAX_SPAN: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Error of [`Wavespeed::usage`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The time span is empty, reversed or longer than 31 days. Nothing was sent.
    #[error("usage is reported for at most 31 days, from a time to a later one")]
    Range,
    /// The call failed.
    #[error(transparent)]
    Call(#[from] FetchError),
}

/// The usage of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// The sum over everything.
    pub total: UsageSum,
    /// The sum for each model, by id.
    pub models: Vec<(String, UsageSum)>,
    /// The sum for each day.
    pub days: Vec<(String, UsageSum)>,
    /// The data of the vendor's answer.
    pub raw: Value,
}

/// A sum over jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UsageSum {
    /// The cost, in USD.
    pub cost: Option<f64>,
    /// The number of jobs.
    pub requests: Option<u64>,
    /// The number of jobs that were completed.
    pub completed: Option<u64>,
}

impl Wavespeed {
    /// Returns the usage from a time to a later one, at most 31 days; with `model`, that of one model.
    ///
    /// # Errors
    /// Returns an error if the time span is not one that the vendor reports, or if the call fails.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::{Duration, SystemTime};
    ///
    /// let now = SystemTime::now();
    /// let usage = ws.usage(now - Duration::from_secs(7 * 24 * 60 * 60), now, None).await?;
    /// for (model, sum) in usage.models {
    ///     println!("{model} {:?} USD", sum.cost);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn usage(
        &self,
        from: SystemTime,
        to: SystemTime,
        model: Option<&str>,
    ) -> Result<Usage, UsageError> {
        let length = to.duration_since(from).map_err(|_| UsageError::Range)?;
        let text = |time: SystemTime| Some(Timestamp::try_from(time).ok()?.to_string());
        // Times that the wire format cannot express are out of range, too.
        let (Some(start_time), Some(end_time), true) = (text(from), text(to), length <= MAX_SPAN)
        else {
            return Err(UsageError::Range);
        };
        let required = types::UsageRequestRequired {
            start_time,
            end_time,
        };
        let mut request = types::UsageRequest::new(required);
        request.model_uuid = model.map(str::to_owned);
        let request = &request;
        let answer = read(self, |api| async move { api.get_usage(request).await });
        let answer = answer.await?;
        let raw = data(&answer).ok_or_else(|| refused(&answer))?;
        // The name of the field that identifies a model or a day is not documented.
        let list = |key: &str, names: &[&str]| {
            let items = raw[key].as_array().into_iter().flatten();
            let named = items.filter_map(|item| {
                let name = names.iter().find_map(|name| item[*name].as_str())?;
                Some((name.to_owned(), sum(item)))
            });
            named.collect()
        };
        Ok(Usage {
            total: sum(&raw["summary"]),
            models: list("per_model_usage", &["model_uuid", "model_id", "model"]),
            days: list("daily_usage", &["date", "day"]),
            raw,
        })
    }
}

/// Reads a sum. The spec has these fields for the total; those of a single model or day are
/// expected to have the same names.
fn sum(item: &Value) -> UsageSum {
    UsageSum {
        cost: item["total_cost"].as_f64(),
        requests: item["total_requests"].as_u64(),
        completed: item["success_requests"].as_u64(),
    }
}
