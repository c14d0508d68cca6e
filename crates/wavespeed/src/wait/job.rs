//! A job: the handle on a prediction, by its id alone.

use std::sync::Arc;
use std::time::Instant;

use wavespeed_client::{Answer, InvalidId, ModelId, Prediction, PredictionId};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::{FetchError, answered, record, refused};
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;

/// A task that was submitted. It is no more than an id, so a job can be had again in any process.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) ws: Wavespeed,
    pub(super) id: PredictionId,
    start: FirstPoll,
    /// What the submit answered, as text: a program may hold jobs by the thousand.
    answer: Option<Arc<str>>,
    /// To which model it was submitted, and when, if this is from a submit.
    pub(super) sent: Option<(String, Instant)>,
    number: Option<JobNumber>,
    store_error: Option<Arc<StoreError>>,
}

impl Wavespeed {
    /// The job of this id, submitted any time before, by any process. Nothing is sent.
    ///
    /// # Errors
    /// If the text cannot be an id.
    pub fn job(&self, id: impl AsRef<str>) -> Result<Job, InvalidId> {
        Ok(Job::new(
            self.clone(),
            id.as_ref().parse()?,
            FirstPoll::Now,
            None,
        ))
    }
}

impl Job {
    pub(crate) fn new(
        ws: Wavespeed,
        id: PredictionId,
        start: FirstPoll,
        record: Option<&Prediction>,
    ) -> Self {
        Self {
            ws,
            id,
            start,
            answer: record.map(|record| record.raw().to_string().into()),
            sent: None,
            number: None,
            store_error: None,
        }
    }

    pub(crate) fn with_number(mut self, number: JobNumber) -> Self {
        self.number = Some(number).filter(|number| number.get() > 0);
        self
    }

    pub(crate) fn with_submission(mut self, model: &ModelId, at: Instant) -> Self {
        self.sent = Some((model.to_string(), at));
        self
    }

    /// The number the store gave to it, if it has one.
    #[must_use]
    pub fn number(&self) -> Option<JobNumber> {
        self.number
    }

    /// The id of the task: all that is needed to go on with it later.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        &self.id
    }

    pub(crate) fn with_store_error(mut self, with_store_error: Result<(), StoreError>) -> Self {
        self.store_error = with_store_error.err().map(Arc::new);
        self
    }

    /// Why the id could not be written down by the store when the task was created, if it could
    /// not: then nobody else knows it.
    #[must_use]
    pub fn store_error(&self) -> Option<&StoreError> {
        self.store_error.as_deref()
    }

    /// What the submit answered, if this job is from one and it could be read.
    #[must_use]
    pub fn submitted(&self) -> Option<Prediction> {
        let raw = serde_json::from_str(self.answer.as_deref()?).ok()?;
        Prediction::from_json(raw)
    }

    /// The prediction as it is now: one call.
    ///
    /// # Errors
    /// If it could not be had this time.
    pub async fn fetch(&self) -> Result<Prediction, FetchError> {
        let api = &self.ws.0.api;
        let call = async { Answer::of(api.get_prediction_result(self.id.as_str()).await).await };
        read(&answered(&self.ws, call).await?)
    }

    /// As [`fetch`](Self::fetch), with a deadline of its own.
    ///
    /// # Errors
    /// As of [`fetch`](Self::fetch), or if the deadline came.
    pub async fn fetch_until(&self, deadline: Deadline) -> Result<Prediction, FetchError> {
        let fetched = deadline
            .timeout(self.ws.0.poller.clock(), self.fetch())
            .await;
        fetched.unwrap_or_else(|| Err(FetchError::Transport("the deadline came".into())))
    }

    pub(crate) fn start(&self) -> FirstPoll {
        self.start
    }
}

/// The prediction in an answer, or why there is none.
fn read(answer: &Answer) -> Result<Prediction, FetchError> {
    let record = record(answer).filter(|_| answer.status.is_success());
    record.ok_or_else(|| refused(answer))
}
