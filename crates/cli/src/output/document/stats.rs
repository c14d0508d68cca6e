//! The document of `wave stats`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use wavespeed::poll::ScheduleCost;

/// The observed durations of jobs of a model, and the polling schedule that follows from them, by
/// `wave stats`. Times are in seconds.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct StatsDocument {
    /// The id of the model.
    pub(crate) model: String,
    /// The durations of the last completed jobs, the newest last.
    pub(crate) seen: Vec<f64>,
    /// The expected duration, from observed and published durations; null if there are none.
    pub(crate) expected: Option<ExpectedDocument>,
    /// The times of the first polls of a job, counted from its submit.
    pub(crate) asked_after: Vec<f64>,
    /// The cost of this schedule.
    pub(crate) schedule: CostDocument,
    /// The cost of the fixed interval with the same delay.
    pub(crate) fixed: CostDocument,
    /// The cost of a poll every second, as the vendor's own clients do.
    pub(crate) every_second: CostDocument,
}

/// Quantiles of the expected duration, in seconds.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ExpectedDocument {
    /// A tenth of the jobs is faster.
    pub(crate) tenth: f64,
    /// Half of the jobs are faster.
    pub(crate) half: f64,
    /// Nine tenths of the jobs are faster.
    pub(crate) nine_tenths: f64,
}

/// The cost of a polling schedule.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct CostDocument {
    /// The average number of polls of a job.
    pub(crate) polls: f64,
    /// The average delay until the end of a job is noticed, in seconds.
    pub(crate) delay: f64,
}

impl From<ScheduleCost> for CostDocument {
    fn from(cost: ScheduleCost) -> Self {
        Self {
            polls: (cost.polls * 1_000.0).round() / 1_000.0,
            delay: seconds(cost.delay),
        }
    }
}

/// Returns a duration in seconds, rounded to the millisecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}
