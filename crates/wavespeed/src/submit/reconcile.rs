//! Reconciling a submit whose outcome is unknown with the vendor's history.
//!
//! One look reads the span around the [window](super::window) of the submit, every page of it, and then the
//! jobs of the store. [`Evidence`] draws the conclusion. A look that finds a prediction is not the end:
//! nothing is adopted before the history lag is over, because a prediction of the submit may still appear,
//! and the one that shows first may be somebody else's.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use wavespeed_client::PredictionId;
use wavespeed_poll::{Deadline, FirstPoll};

use crate::account::span::{Span, read_span};
use crate::call::{FetchError, until};
use crate::client::Wavespeed;
use crate::store::adoption::Adoption;
use crate::store::change::{Resolution, Settlement};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::{JobFilter, JobRecord, Stage};
use crate::submit::candidates::{Candidate, Candidates, HeldBack};
use crate::submit::evidence::{Evidence, Verdict, first_job, neighbours, rivals};
use crate::submit::outcome::HistorySearch;
use crate::submit::window::{Window, timestamp};
use crate::wait::job::Job;

/// The first back-off between two looks, and the longest one. Each is twice as long as the one before.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The result of [`Wavespeed::reconcile`].
///
/// ```no_run
/// # async fn example(
/// #     ws: wavespeed::Wavespeed, record: wavespeed::JobRecord, is_mine: fn(&wavespeed::Prediction) -> bool,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use wavespeed::{HistorySearch, Reconciled};
///
/// let job = match ws.reconcile(&record, ws.deadline()).await? {
///     Reconciled::Adopted(job) => *job,
///     Reconciled::Unresolved(HistorySearch::Candidates(candidates)) => {
///         let mut ids = Vec::new();
///         for candidate in &candidates.found {
///             ids.push(candidate.prediction.id().parse()?);
///         }
///         match candidates.found.iter().position(|found| is_mine(&found.prediction)) {
///             Some(mine) => ws.adopt(&record, ids.swap_remove(mine)).await?,
///             // None of them is the one. This is billed.
///             None => ws.resubmit(&record, &ids, ws.deadline()).await?,
///         }
///     }
///     // The job probably never arrived, and is no longer wanted.
///     _ => return Ok(drop(ws.forget(record.number).await?)),
/// };
/// println!("{}", job.id());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciled {
    /// The id is known now, and the store has it.
    Adopted(Box<Job>),
    /// The id is still unknown.
    Unresolved(HistorySearch),
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

/// The end of a reconciliation that finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until the history lag is over.
    Lag,
    /// Until the submit is proven absent, which takes the submit timeout as well.
    Absence,
}

/// A search for the prediction of a lost submit.
pub(super) struct Search<'a> {
    pub(super) record: &'a JobRecord,
    pub(super) deadline: Deadline,
    pub(super) patience: Patience,
    /// The ids that a person knows to be other jobs.
    pub(super) excluded: &'a [PredictionId],
}

impl<'a> Search<'a> {
    pub(super) fn new(record: &'a JobRecord, deadline: Deadline) -> Self {
        Self {
            record,
            deadline,
            patience: Patience::Lag,
            excluded: &[],
        }
    }
}

/// The conclusion from one look.
struct Look {
    verdict: Verdict,
    /// `true` if a submit that is not found is the only lost one of its time.
    is_alone: bool,
    window: Window,
    /// The certain times since the intent and since the loss of the outcome.
    ages: [Duration; 2],
}

/// The ends of the waiting times of a search.
#[derive(Clone, Copy)]
struct Times {
    /// The history lag is over.
    settled: Deadline,
    /// The submit is not under way any more, and the history lag is over.
    absent: Deadline,
}

impl Wavespeed {
    /// Looks for the prediction of a job whose id is not known in the vendor's history, and adopts it if the
    /// evidence allows that; see [`AdoptPolicy`](crate::AdoptPolicy). A job whose id is known is returned as
    /// it is, and nothing is ever submitted.
    ///
    /// The look is repeated until the history lag of the settings is over, counted from the time at which
    /// the outcome became unknown: a prediction may show in the history late.
    ///
    /// # Errors
    /// Returns an error if the history or the store cannot be read.
    ///
    /// [`Reconciled`] has an example.
    pub async fn reconcile(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Reconciled, ReconcileError> {
        self.check_base_url(record)?;
        if let Some(job) = Job::of_record(self, record) {
            return Ok(Reconciled::adopted(job));
        }
        let mut record = record.clone();
        if record.stage == Stage::Intended {
            match self.0.store.claim(record.number).await {
                Ok(_claim) => record = self.mark_lost(&record).await?,
                Err(error) if error.kind() == StoreErrorKind::Claimed => {
                    return Ok(Reconciled::Unresolved(HistorySearch::BeingSent));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.search(&Search::new(&record, deadline)).await
    }

    /// Records that the sender of a job is gone, which ends the window of the submit. The caller holds the
    /// claim. Returns the record as it is then.
    pub(super) async fn mark_lost(&self, record: &JobRecord) -> Result<JobRecord, StoreError> {
        let lost = Settlement::from(Resolution::Unknown).lost_at(SystemTime::now());
        self.0.store.settle(record.number, &lost).await?;
        let current = self.jobs(JobFilter::Number(record.number)).await?;
        Ok(current.into_iter().next().unwrap_or_else(|| record.clone()))
    }

    /// Looks at the history until a look is conclusive.
    pub(super) async fn search(&self, search: &Search<'_>) -> Result<Reconciled, ReconcileError> {
        let (record, deadline) = (search.record, search.deadline);
        let clock = self.0.poller.clock();
        let is_over = |time: &Deadline| time.remaining(clock).is_some_and(|left| left.is_zero());
        let left = |time: &Deadline| time.remaining(clock).unwrap_or(Duration::MAX);
        let (mut backoff, mut earlier_misses) = (FIRST_BACKOFF, 0);
        let mut times: Option<Times> = None;
        loop {
            let look = match until(self, deadline, self.look(search)).await? {
                Ok(look) => look,
                // The id became known meanwhile: an adoption that was interrupted is still carried out.
                Err(job) => return Ok(Reconciled::adopted(*job)),
            };
            let Times { settled, absent } = *times.get_or_insert_with(|| self.times(&look));
            let end = match search.patience {
                Patience::Lag => settled,
                Patience::Absence => absent,
            };
            // What was answered is not absent, however long the history does not show it.
            let is_miss =
                matches!(look.verdict, Verdict::NotFound) && look.is_alone && !was_answered(record);
            if is_miss && earlier_misses > 0 && is_over(&absent) {
                return Ok(Reconciled::Unresolved(HistorySearch::Absent));
            }
            earlier_misses += u32::from(is_miss);
            let adopted = match &look.verdict {
                Verdict::Certain(found) => Some((found, Adoption::Certain)),
                Verdict::Sole(found) if is_over(&settled) => Some((found, Adoption::Inferred)),
                _ => None,
            };
            if let Some((found, adoption)) = adopted {
                let id = found.id().parse().map_err(StoreError::new)?;
                let job = self.adopt_as(record, id, adoption).await?;
                return Ok(Reconciled::adopted(job));
            }
            // One miss after the end is followed by the second one, which proves the absence.
            let is_conclusive = is_over(&end) && !(is_miss && is_over(&absent));
            let pause = match left(&end) {
                Duration::ZERO => backoff,
                left => backoff.min(left),
            };
            if is_conclusive || left(&deadline) <= pause {
                let search = match unresolved(look, is_over(&settled)) {
                    HistorySearch::NotFound if was_answered(record) => HistorySearch::Answered,
                    search => search,
                };
                return Ok(Reconciled::Unresolved(search));
            }
            clock.sleep(pause).await;
            // Most predictions show at once; the long back-offs are for the few that do not.
            backoff = MAX_BACKOFF.min(backoff * 2);
        }
    }

    /// Returns the ends of the waiting times of a search, from its first look.
    fn times(&self, look: &Look) -> Times {
        let (clock, lag) = (self.0.poller.clock(), self.0.history_lag);
        let [intended, lost] = look.ages;
        let lag = lag.saturating_sub(lost);
        let limit = self.submit_limit().saturating_sub(intended);
        Times {
            settled: Deadline::after(lag, clock),
            // A submit that was sent late is not over before its history lag is.
            absent: Deadline::after(limit.max(lag), clock),
        }
    }

    /// Returns the time after which a lost submit is certainly over: it was not sent any more, and a
    /// prediction of it shows in the history.
    pub(super) fn submit_limit(&self) -> Duration {
        self.0.timeouts.submit.saturating_add(self.0.history_lag)
    }

    /// Adopts a prediction for a job because a person says that it is the one.
    ///
    /// # Errors
    /// Returns an error if the store fails, if the job already has another id or was sent again since the
    /// record was read, or if the id belongs to another job.
    ///
    /// [`Reconciled`] has an example.
    pub async fn adopt(&self, record: &JobRecord, id: PredictionId) -> Result<Job, StoreError> {
        self.adopt_as(record, id, Adoption::Chosen).await
    }

    /// Adopts a prediction for a job, and returns its handle.
    pub(crate) async fn adopt_as(
        &self,
        record: &JobRecord,
        id: PredictionId,
        adoption: Adoption,
    ) -> Result<Job, StoreError> {
        self.check_base_url(record)?;
        // A job that was sent again since the record was read may be another prediction.
        let adopted = Resolution::Adopted(id.clone(), adoption);
        let adopted = Settlement::from(adopted).if_intended_at(record.at);
        self.0.store.settle(record.number, &adopted).await?;
        let job = Job::new(self.clone(), id, FirstPoll::Now, None);
        Ok(job.with_number(record.number).with_adoption(adoption))
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

    /// Looks once at the history and the store. Returns the job as the error if its id is known by now.
    async fn look(&self, search: &Search<'_>) -> Result<Result<Look, Box<Job>>, ReconcileError> {
        let record = search.record;
        // The span depends on the offset, which the answer may be the first to show.
        let offset = self.clock_offset_of(record);
        let mut span = self.read_around(record, offset).await?;
        let offset = match (offset, self.clock_offset_of(record)) {
            (None, Some(shown)) => {
                span = self.read_around(record, Some(shown)).await?;
                Some(shown)
            }
            _ => offset,
        };
        let now = span.now.unwrap_or_else(Timestamp::now);
        let mut window = Window::new(record, offset, now);
        // The jobs are read after the history: each prediction of this store in the answer then has its
        // intent among them. They are those of every account at the base URL, as the same API key may have
        // several names.
        let jobs = self.jobs(JobFilter::BaseUrl).await?;
        let own = jobs.iter().find(|job| job.number == record.number);
        if let Some(job) = own.and_then(|own| Job::of_record(self, own)) {
            return Ok(Err(Box::new(job)));
        }
        let ids: Vec<PredictionId> = span
            .items
            .iter()
            .filter_map(|item| item.id().parse().ok())
            .collect();
        let known = self.0.store.known_ids(&self.0.account, &ids).await?;
        let owned: HashSet<PredictionId> = known.into_iter().collect();
        if let (Some(earlier), later) = neighbours(record, &jobs, &span.items) {
            window.bound(earlier, later, now);
        }
        let window_of = |job: &JobRecord| Window::new(job, self.clock_offset_of(job), now);
        let evidence = Evidence {
            record,
            window,
            items: span.items,
            is_whole: span.is_whole,
            owned,
            excluded: search.excluded,
            rivals: rivals(&jobs, record)
                .map(|job| (job.model.as_str(), window_of(job)))
                .collect(),
            first_job: first_job(&jobs, now),
            now,
            policy: self.0.adopt_policy,
        };
        Ok(Ok(Look {
            verdict: evidence.judge(),
            is_alone: evidence.is_alone(),
            window,
            ages: window.ages(now),
        }))
    }

    /// Reads the span around the window of a submit.
    async fn read_around(
        &self,
        record: &JobRecord,
        offset: Option<i64>,
    ) -> Result<Span, FetchError> {
        // An offset that is not known makes no difference of more than the day that the window then has.
        let shift = SignedDuration::from_secs(self.0.vendor_clock.last().unwrap_or_default());
        let now = crate::submit::window::add(timestamp(SystemTime::now()), shift);
        let (from, to) = Window::new(record, offset, now).with_surroundings();
        read_span(self, from, to).await
    }

    /// Returns the offset of the vendor's clock at a submit, if an answer near it has shown it.
    fn clock_offset_of(&self, record: &JobRecord) -> Option<i64> {
        let clock = &self.0.vendor_clock;
        record
            .clock_offset
            .or_else(|| clock.offset_of(record.number, record.at))
    }
}

/// Returns `true` if the vendor answered the submit with a success: beside an unknown outcome, no other
/// answer is kept.
fn was_answered(record: &JobRecord) -> bool {
    record.stage == Stage::Unknown && record.answer.is_some()
}

/// Returns the result of a search whose last look was not conclusive.
fn unresolved(look: Look, is_settled: bool) -> HistorySearch {
    match look.verdict {
        Verdict::NotFound if is_settled => HistorySearch::NotFound,
        Verdict::NotFound => HistorySearch::TooEarly,
        Verdict::Expired => HistorySearch::Expired,
        Verdict::Incomplete => HistorySearch::Incomplete,
        Verdict::Candidates(found) => HistorySearch::Candidates(found),
        // The deadline came before the history lag was over.
        Verdict::Certain(found) | Verdict::Sole(found) => {
            let found = vec![Candidate::new(&found, look.window.intended)];
            HistorySearch::Candidates(Candidates::new(found, HeldBack::TooEarly))
        }
    }
}
