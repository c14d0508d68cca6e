//! Finding out what came of a submit whose answer was lost: by the vendor's own history.
//!
//! A task is adopted only if it can be nothing else: it is of the same model, was created when the
//! submit was on its way, belongs to no other job that is known, and no other submit of that model
//! is open from that time. It could still be of another client of the same account, which is why
//! the record of such a job says that it was adopted.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use wavespeed_client::{Answer, Prediction, PredictionId, types};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::{JobFilter, JobRecord, Resolution, Stage};
use crate::wait::job::Job;

/// What the clocks of this machine and the vendor may differ by after the correction.
const MARGIN: Duration = Duration::from_secs(2);

/// The waits between looks, as long as nothing is found.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What was found of a submit whose outcome is not known.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciled {
    /// One task that can be nothing else. The store has its id now.
    Adopted(Box<Job>),
    /// Nothing, within the settle time of the settings. The submit probably never arrived.
    Nothing,
    /// Tasks that could be it. Which one is for a person to say.
    Candidates(Vec<Prediction>),
}

/// Why nobody could look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The history could not be read.
    #[error("the history could not be read: {0}")]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error("the journal failed: {0}")]
    Store(#[from] StoreError),
}

impl Wavespeed {
    /// Looks in the vendor's history for the task of a job whose id is not known, and adopts it if
    /// it can be nothing else. A job whose id is known is returned as it is.
    ///
    /// # Errors
    /// If the history or the store cannot be read.
    pub async fn reconcile(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Reconciled, ReconcileError> {
        if let Some(id) = &record.id {
            let job = Job::new(self.clone(), id.clone(), FirstPoll::Now, None);
            return Ok(Reconciled::Adopted(Box::new(
                job.with_number(record.number),
            )));
        }
        let clock = self.0.poller.clock();
        let settled = Deadline::after(self.0.settle, clock);
        let mut wait = FIRST_WAIT;
        loop {
            let look = deadline.timeout(clock, self.look(record)).await;
            let out_of_time = || FetchError::Transport("the deadline came".into());
            let found = look.unwrap_or_else(|| Err(out_of_time().into()))?;
            let left = settled.remaining(clock).unwrap_or_default();
            if !matches!(found, Reconciled::Nothing) || left.is_zero() {
                return Ok(found);
            }
            clock.sleep_until(clock.now() + wait.min(left)).await;
            wait *= 2;
        }
    }

    /// Adopts a task by the word of a person.
    ///
    /// # Errors
    /// If the store fails, if another task is known of this job, or if the task is another job's.
    pub fn adopt(&self, record: &JobRecord, id: PredictionId) -> Result<Job, StoreError> {
        self.0
            .store
            .settle(record.number, &Resolution::Adopted(&id))?;
        Ok(Job::new(self.clone(), id, FirstPoll::Now, None).with_number(record.number))
    }

    async fn look(&self, record: &JobRecord) -> Result<Reconciled, ReconcileError> {
        let jobs = self.0.store.jobs(&self.0.account, JobFilter::All)?;
        let sent = Window::around(record.at, self.0.timeouts.submit);
        let mut query = types::HistoryRequest::new();
        query.model = Some(record.model.to_string());
        let call = async { Answer::of(self.0.api.list_predictions(&query).await).await };
        let answer = answered(self, call).await?;
        let offset = offset(&answer, SystemTime::now());
        let items = items(&answer)?;
        let candidates: Vec<Prediction> = items
            .into_iter()
            .filter(|item| {
                item.model
                    .as_deref()
                    .is_none_or(|model| model == record.model.as_str())
            })
            .filter(|item| created(item).is_none_or(|at| sent.holds(at, offset)))
            .filter(|item| {
                !jobs
                    .iter()
                    .any(|job| job.id.as_ref().is_some_and(|id| id.as_str() == item.id))
            })
            .collect();
        let rivals = jobs.iter().filter(|job| {
            job.number != record.number
                && matches!(job.stage, Stage::Intended | Stage::Unknown)
                && job.model == record.model
                && Window::around(job.at, self.0.timeouts.submit).meets(&sent)
        });
        match (&candidates[..], rivals.count()) {
            ([], _) => Ok(Reconciled::Nothing),
            ([only], 0) if let Ok(id) = only.id.parse::<PredictionId>() => {
                Ok(Reconciled::Adopted(Box::new(self.adopt(record, id)?)))
            }
            _ => Ok(Reconciled::Candidates(candidates)),
        }
    }
}

/// When a submit could have made a task.
struct Window {
    from: SystemTime,
    to: SystemTime,
}

impl Window {
    fn around(at: SystemTime, submit: Duration) -> Self {
        Self {
            from: at - MARGIN,
            to: at + submit + MARGIN,
        }
    }

    /// Whether the vendor's clock, which is ahead by `offset` seconds, showed `at` within it.
    fn holds(&self, at: Timestamp, offset: i64) -> bool {
        let seconds = |time: SystemTime| Timestamp::try_from(time).map(Timestamp::as_second);
        let at = at.as_second() - offset;
        match (seconds(self.from), seconds(self.to)) {
            (Ok(from), Ok(to)) => (from..=to).contains(&at),
            _ => false,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

fn created(item: &Prediction) -> Option<Timestamp> {
    item.created_at.as_deref()?.parse().ok()
}

/// By how many seconds the vendor's clock is ahead of this one.
fn offset(answer: &Answer, now: SystemTime) -> i64 {
    let date = answer.headers.get(reqwest::header::DATE);
    let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let seconds = |time: SystemTime| Timestamp::try_from(time).map(Timestamp::as_second).ok();
    date.and_then(|date| Some(seconds(date)? - seconds(now)?))
        .unwrap_or_default()
}

fn items(answer: &Answer) -> Result<Vec<Prediction>, FetchError> {
    let data = data(answer);
    let items = data.as_ref().and_then(|data| data.get("items")?.as_array());
    let items = items.ok_or_else(|| refused(answer))?;
    Ok(items
        .iter()
        .cloned()
        .filter_map(Prediction::from_json)
        .collect())
}
