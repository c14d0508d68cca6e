//! What the account used, in sums.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wavespeed_client::{Answer, types};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;

/// The longest time that usage is told of.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Why the usage is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The time is not one the vendor tells of. Nothing was sent.
    #[error("usage is told of at most 31 days, from a time to a later one")]
    Range,
    /// The vendor does not say.
    #[error(transparent)]
    Call(#[from] FetchError),
}

/// What was used, in sums.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// All of it.
    pub total: UsageSum,
    /// By the id of the model.
    pub models: Vec<(String, UsageSum)>,
    /// By the day.
    pub days: Vec<(String, UsageSum)>,
    /// The answer as it came.
    pub raw: Value,
}

/// A sum of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UsageSum {
    /// What was paid, in USD.
    pub cost: Option<f64>,
    /// How many tasks there were.
    pub requests: Option<u64>,
    /// How many of them were completed.
    pub completed: Option<u64>,
}

impl Wavespeed {
    /// What was used from a time to a later one, at most 31 days; of one model, if it is named.
    ///
    /// # Errors
    /// If that is no such time, or the vendor does not say.
    pub async fn usage(
        &self,
        from: SystemTime,
        to: SystemTime,
        model: Option<&str>,
    ) -> Result<Usage, UsageError> {
        let length = to.duration_since(from).map_err(|_| UsageError::Range)?;
        let text = |time: SystemTime| Some(Timestamp::try_from(time).ok()?.to_string());
        let (Some(start_time), Some(end_time), true) = (text(from), text(to), length <= LONGEST)
        else {
            return Err(UsageError::Range);
        };
        let required = types::UsageRequestRequired {
            start_time,
            end_time,
        };
        let mut request = types::UsageRequest::new(required);
        request.model_uuid = model.map(str::to_owned);
        let call = async { Answer::of(self.0.api.get_usage(&request).await).await };
        let answer = answered(self, call).await?;
        let raw = data(&answer).ok_or_else(|| refused(&answer))?;
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

/// A sum in the vendor's words; those of a single model or day are a guess.
fn sum(item: &Value) -> UsageSum {
    UsageSum {
        cost: item["total_cost"].as_f64(),
        requests: item["total_requests"].as_u64(),
        completed: item["success_requests"].as_u64(),
    }
}
