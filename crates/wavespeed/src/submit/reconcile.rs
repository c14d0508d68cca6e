//! Reconciling a submit whose outcome is unknown with the vendor's history.
//!
//! A prediction is a candidate unless the history excludes it: another model, a creation time outside
//! the window of the submit, or an id that belongs to another job. A prediction whose model or creation
//! time is missing cannot be excluded and stays a candidate. The only candidate is adopted, unless
//! another submit of the model is open from the same time. It could still belong to another client of
//! the account, so the record says that its id was adopted. Several candidates are returned for a
//! person to choose.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use wavespeed_client::{Answer, Prediction, PredictionId, types};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::{FetchError, answered, clock_offset, created_at, data, refused, until};
use crate::client::Wavespeed;
use crate::store::change::{Resolution, Settlement};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::{JobFilter, JobRecord, Stage};
use crate::wait::job::Job;

/// The difference between the clocks of this machine and the vendor that may remain after the
/// correction by the `Date` header, which has a resolution of a second.
const CLOCK_MARGIN: Duration = Duration::from_secs(2);

/// The first back-off between two searches that find nothing, and the longest one. Each is twice as long
/// as the one before.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The result of [`Wavespeed::reconcile`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciled {
    /// The only prediction that it can be. The store has its id now.
    Adopted(Box<Job>),
    /// No prediction within the history lag of the settings. The submit probably never arrived.
    Nothing,
    /// Predictions that may be the one. A person has to decide.
    Candidates(Vec<Prediction>),
}

impl Reconciled {
    fn adopted(job: Job) -> Self {
        Self::Adopted(Box::new(job))
    }
}

/// Error of [`Wavespeed::reconcile`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The history could not be read.
    #[error("the history could not be read: {0}")]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
}

impl Wavespeed {
    /// Searches the vendor's history for the prediction of a job whose id is not known, and adopts the
    /// only one that it can be. A job whose id is known is returned as it is.
    ///
    /// While nothing is found, the search is repeated until the history lag of the settings is over:
    /// a prediction may show in the history a little late.
    ///
    /// # Errors
    /// Returns an error if the history or the store cannot be read.
    pub async fn reconcile(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Reconciled, ReconcileError> {
        self.check_base_url(record)?;
        if let Some(job) = Job::of_record(self, record) {
            return Ok(Reconciled::adopted(job));
        }
        let clock = self.0.poller.clock();
        let lag = Deadline::after(self.0.history_lag, clock);
        let mut backoff = FIRST_BACKOFF;
        loop {
            let found = until(self, deadline, self.search_history(record)).await?;
            let remaining = lag.remaining(clock).unwrap_or(Duration::MAX);
            if !matches!(found, Reconciled::Nothing) || remaining.is_zero() {
                return Ok(found);
            }
            let left = deadline.remaining(clock).unwrap_or(Duration::MAX);
            clock.sleep(backoff.min(remaining).min(left)).await;
            // Most predictions show at once; the long back-offs are for the few that do not.
            backoff = MAX_BACKOFF.min(backoff * 2);
        }
    }

    /// Adopts a prediction for a job because a person says that it is the one.
    ///
    /// # Errors
    /// Returns an error if the store fails, if the job already has another id or was sent again since the
    /// record was read, or if the id belongs to another job.
    pub async fn adopt(&self, record: &JobRecord, id: PredictionId) -> Result<Job, StoreError> {
        self.check_base_url(record)?;
        // A job that was sent again since the record was read may be another prediction.
        let adopted = Settlement::from(Resolution::Adopted(id.clone())).if_intended_at(record.at);
        self.0.store.settle(record.number, &adopted).await?;
        Ok(self.adopted_job(record, id))
    }

    /// Fails if a job was submitted to another API, which has other predictions.
    pub(super) fn check_base_url(&self, record: &JobRecord) -> Result<(), StoreError> {
        let base_url = &record.account.base_url;
        if *base_url == self.0.account.base_url {
            return Ok(());
        }
        let message = format!("{} was submitted to the API at {base_url}", record.number);
        Err(StoreError::of_kind(StoreErrorKind::Refused, message))
    }

    /// Returns the handle on the job of a record, whose id is known by now.
    fn adopted_job(&self, record: &JobRecord, id: PredictionId) -> Job {
        let job = Job::new(self.clone(), id, FirstPoll::Now, None);
        job.with_number(record.number).with_adopted()
    }

    /// Searches the newest page of the history once.
    async fn search_history(&self, record: &JobRecord) -> Result<Reconciled, ReconcileError> {
        let window = Window::of_submit(record.at, self.0.timeouts.submit);
        let mut query = types::HistoryRequest::new();
        query.model = Some(record.model.to_string());
        let call = async { Answer::from_call(self.0.api.list_predictions(&query).await).await };
        let answer = answered(self, call).await?;
        // The jobs are read after the history: each prediction of this store in the answer then has its
        // intent among them. They are those of every account at the base URL, as the same API key may have
        // several names.
        let jobs = self.jobs(JobFilter::BaseUrl).await?;
        // The id may be known meanwhile: an adoption that was interrupted is still carried out.
        let own = jobs.iter().find(|job| job.number == record.number);
        if let Some(job) = own.and_then(|own| Job::of_record(self, own)) {
            return Ok(Reconciled::adopted(job));
        }
        let clock_offset = clock_offset(&answer, SystemTime::now()).unwrap_or_default();
        let model = record.model.as_str();
        // A prediction without a model or a creation time cannot be excluded by it.
        let candidates = predictions(&answer)?.into_iter();
        let candidates = candidates
            .filter(|found| found.model().is_none_or(|own| own == model))
            .filter(|found| created_at(found).is_none_or(|at| window.contains(at, clock_offset)));
        let mut candidates: Vec<Prediction> = candidates.collect();
        let ids = candidates
            .iter()
            .filter_map(|found| found.id().parse().ok());
        let ids: Vec<PredictionId> = ids.collect();
        let known = self.0.store.known_ids(&self.0.account, &ids).await?;
        candidates.retain(|found| known.iter().all(|id| id.as_str() != found.id()));
        // Another open submit could own each of the candidates just as well.
        let rivals = jobs.iter().filter(|job| {
            job.number != record.number
                && matches!(job.stage, Stage::Intended | Stage::Unknown)
                && job.model == record.model
                && Window::of_submit(job.at, self.0.timeouts.submit).overlaps(&window)
        });
        match (&candidates[..], rivals.count()) {
            ([], _) => Ok(Reconciled::Nothing),
            ([only], 0) if let Ok(id) = only.id().parse::<PredictionId>() => {
                Ok(Reconciled::adopted(self.adopt(record, id).await?))
            }
            _ => Ok(Reconciled::Candidates(candidates)),
        }
    }
}

/// The time span in which a submit can have created a prediction.
struct Window {
    from: SystemTime,
    /// `None` if the end is beyond the range of [`SystemTime`].
    to: Option<SystemTime>,
}

impl Window {
    /// Returns the window of a submit that was intended at `at` and waited at most `timeout` for its
    /// answer.
    fn of_submit(at: SystemTime, timeout: Duration) -> Self {
        Self {
            from: at.checked_sub(CLOCK_MARGIN).unwrap_or(at),
            to: at.checked_add(timeout.saturating_add(CLOCK_MARGIN)),
        }
    }

    /// Returns `true` if the vendor's clock, which is `clock_offset` seconds ahead of ours, showed
    /// `at` within the window.
    fn contains(&self, at: Timestamp, clock_offset: i64) -> bool {
        let seconds = |time: SystemTime| Timestamp::try_from(time).map(Timestamp::as_second).ok();
        let at = at.as_second() - clock_offset;
        // A time beyond the range of a timestamp is later than every creation time.
        let to = self.to.and_then(seconds).unwrap_or(i64::MAX);
        seconds(self.from).is_some_and(|from| (from..=to).contains(&at))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end = |a: &Self, b: &Self| b.to.is_none_or(|to| a.from <= to);
        begins_before_end(self, other) && begins_before_end(other, self)
    }
}

/// Returns the predictions in an answer of the history call.
fn predictions(answer: &Answer) -> Result<Vec<Prediction>, FetchError> {
    let data = data(answer);
    let items = data.as_ref().and_then(|data| data.get("items")?.as_array());
    let items = items.ok_or_else(|| refused(answer))?.iter().cloned();
    Ok(items.filter_map(Prediction::from_json).collect())
}
