//! The handle on a job.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use wavespeed_client::{InvalidId, ModelId, Prediction, PredictionId};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::{FetchError, answered, refused, until};
use crate::client::Wavespeed;
use crate::store::adoption::Adoption;
use crate::store::error::StoreError;
use crate::store::intent::RETENTION;
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;

/// A handle on a submitted job. It needs nothing but the id, so any process can recreate it with
/// [`Wavespeed::job`].
///
/// ```no_run
/// # async fn example(job: wavespeed::Job) -> Result<(), Box<dyn std::error::Error>> {
/// println!("{} {:?}", job.id(), job.number());
/// println!("is {} now", job.fetch().await?.status());
/// if let Some(estimate) = job.estimate(None).await {
///     println!("half of such jobs end within {:?}", estimate.expected);
/// }
/// let prediction = job.wait().await?;
/// println!("ended {}", prediction.status());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) ws: Wavespeed,
    pub(super) id: PredictionId,
    first_poll: FirstPoll,
    /// The prediction in the answer to the submit, as text: parsed JSON takes several times the
    /// memory, and a program may hold thousands of jobs.
    submitted: Option<Arc<str>>,
    /// The model and the time of the submit, if this handle comes from one.
    pub(super) submission: Option<(String, Instant)>,
    /// The final prediction, as text, if the store has it.
    ended: Option<Arc<str>>,
    /// The time of the intent, if the store has it.
    at: Option<SystemTime>,
    number: Option<JobNumber>,
    adoption: Option<Adoption>,
    store_error: Option<Arc<StoreError>>,
}

impl Wavespeed {
    /// Returns the handle on the job with this id, whenever and by whichever process it was
    /// submitted. Nothing is sent.
    ///
    /// # Errors
    /// Returns an error if the text cannot be an id: if it is empty, `.` or `..`, or not printable.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// // In any process, whenever the job was submitted:
    /// let job = ws.job("6488c2754f6f4dfea924382fa14d11bd")?;
    /// let prediction = job.wait().await?;
    /// prediction.completed()?; // an error if the job failed
    /// let files = ws.download(&prediction, &"out.mp4".into()).await?;
    /// # Ok(()) }
    /// ```
    pub fn job(&self, id: impl AsRef<str>) -> Result<Job, InvalidId> {
        let id = id.as_ref().parse()?;
        Ok(Job::new(self.clone(), id, FirstPoll::Now, None))
    }
}

impl Job {
    pub(crate) fn new(
        ws: Wavespeed,
        id: PredictionId,
        first_poll: FirstPoll,
        submitted: Option<&Prediction>,
    ) -> Self {
        Self {
            ws,
            id,
            first_poll,
            submitted: submitted.map(|prediction| prediction.raw().to_string().into()),
            submission: None,
            ended: None,
            at: None,
            number: None,
            adoption: None,
            store_error: None,
        }
    }

    /// Returns the handle on the job of a record, if its id is known.
    pub(crate) fn of_record(ws: &Wavespeed, record: &JobRecord) -> Option<Self> {
        let id = record.id.clone()?;
        let job = Self {
            ended: record.prediction.as_deref().map(Into::into),
            at: Some(record.at),
            adoption: record.adopted,
            ..Self::new(ws.clone(), id, FirstPoll::Now, None)
        };
        Some(job.with_number(record.number))
    }

    /// Sets the evidence for an id that was not in the answer to the submit.
    pub(crate) fn with_adoption(mut self, adoption: Adoption) -> Self {
        self.adoption = Some(adoption);
        self
    }

    /// Sets the number of the job, if the store gave it one.
    pub(crate) fn with_number(mut self, number: JobNumber) -> Self {
        self.number = number.known();
        self
    }

    pub(crate) fn with_submission(mut self, model: &ModelId, at: Instant) -> Self {
        self.submission = Some((model.to_string(), at));
        self
    }

    pub(crate) fn with_store_result(mut self, result: Result<(), StoreError>) -> Self {
        self.store_error = result.err().map(Arc::new);
        self
    }

    /// Returns the number that the store gave to the job, if it has one.
    #[must_use]
    pub fn number(&self) -> Option<JobNumber> {
        self.number
    }

    /// Returns the id of the job, which is all that is needed to resume it later.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        &self.id
    }

    /// Returns the error of the store, if there was one after the submit. If its kind is
    /// [`Failed`](crate::StoreErrorKind::Failed), this handle has the only copy of the id; the other kinds
    /// are [reports](crate::Store::settle) of an id that was recorded.
    #[must_use]
    pub fn store_error(&self) -> Option<&StoreError> {
        self.store_error.as_deref()
    }

    /// Returns the prediction in the answer to the submit, if this handle comes from a submit and
    /// the answer could be read.
    #[must_use]
    pub fn submitted(&self) -> Option<Prediction> {
        let raw = serde_json::from_str(self.submitted.as_deref()?).ok()?;
        Prediction::from_json(raw)
    }

    /// Returns the final prediction, if this handle comes from a record of the store that has it. Waits
    /// for such a job end at once.
    #[must_use]
    pub fn ended(&self) -> Option<Prediction> {
        let raw = serde_json::from_str(self.ended.as_deref()?).ok()?;
        Prediction::from_json(raw)
    }

    /// Returns the evidence for the id if it was not in the answer to the submit. The prediction of an id that
    /// was [inferred](Adoption::Inferred) could be that of another client of the account.
    #[must_use]
    pub fn adoption(&self) -> Option<Adoption> {
        self.adoption
    }

    /// Returns the time of the submit if the store has it and it is more than 7 days ago: the vendor no
    /// longer keeps the job.
    #[must_use]
    pub fn expired_since(&self) -> Option<SystemTime> {
        let age = |at: &SystemTime| SystemTime::now().duration_since(*at);
        self.at
            .filter(|at| age(at).is_ok_and(|age| age > RETENTION))
    }

    /// Fetches the prediction as it is now, with one call.
    ///
    /// # Errors
    /// Returns an error if the prediction could not be read this time.
    pub async fn fetch(&self) -> Result<Prediction, FetchError> {
        let api = &self.ws.0.api;
        let call = api.get_prediction_result(self.id.as_str());
        let answer = answered(&self.ws, call).await?;
        // Some error answers carry a prediction as well; it is not the current one.
        let is_success = answer.status.is_success();
        let prediction = is_success.then(|| answer.prediction()).flatten();
        prediction.ok_or_else(|| refused(&answer))
    }

    /// Fetches the prediction as it is now, within a deadline.
    ///
    /// # Errors
    /// Returns the errors of [`fetch`](Self::fetch), and [`FetchError::Deadline`] if the deadline
    /// expires first.
    pub async fn fetch_until(&self, deadline: Deadline) -> Result<Prediction, FetchError> {
        until(&self.ws, deadline, self.fetch()).await
    }

    pub(crate) fn first_poll(&self) -> FirstPoll {
        self.first_poll
    }
}
