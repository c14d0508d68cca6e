//! The durations of jobs, as a store remembers them.

use std::time::{Duration, SystemTime};

use wavespeed_client::PredictionId;

/// The time that a job took, from its submit to its end.
///
/// ```no_run
/// # async fn example(store: wavespeed::MemoryStore) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, SystemTime};
/// use wavespeed::{Account, JobDuration, Store as _};
///
/// let account = Account::new("https://api.wavespeed.ai/api/v3", "production");
/// let id = "6488c2754f6f4dfea924382fa14d11bd".parse()?;
/// let took = JobDuration::new(id, "vendor/model", Duration::from_secs(48), SystemTime::now());
/// store.record_duration(&account, &took).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobDuration {
    /// The id of the job.
    pub id: PredictionId,
    /// The id of the model.
    pub model: String,
    /// The time it took.
    pub duration: Duration,
    /// The time at which its end was seen. Observations are ordered by this time and not by the end
    /// itself: of many jobs that began together, the last to end are the longest, so an order by
    /// their ends would make the model look slower than it is.
    pub at: SystemTime,
}

impl JobDuration {
    /// Creates the observation that a job of a model took `duration`, made at the time `at`.
    #[must_use]
    pub fn new(
        id: PredictionId,
        model: impl Into<String>,
        duration: Duration,
        at: SystemTime,
    ) -> Self {
        Self {
            id,
            model: model.into(),
            duration,
            at,
        }
    }
}
