//! A job: nothing but the id of a task, and waiting for its end.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::stream::{BoxStream, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use wavespeed_client::{Answer, CallError, InvalidId, ModelId, Prediction, PredictionId};
use wavespeed_poll::{Deadline, Outlook, Reply, Start, Trouble, Update, Verdict};

use super::many;
use super::schedule::Watched;
use crate::http::chain;
use crate::{JobNumber, StoreError, Wavespeed, Which, submit};

/// How long a prediction may be unknown to the vendor before it counts as missing: a record that
/// was just made may not be everywhere yet.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// A task that was submitted. It is no more than an id, so a job can be had again in any process.
#[derive(Clone, Debug)]
pub struct Job {
    ws: Wavespeed,
    id: PredictionId,
    start: Start,
    /// What the submit answered, as text: a program may hold jobs by the thousand.
    answer: Option<Arc<str>>,
    /// To which model it was submitted, and when, if this is from a submit.
    sent: Option<(String, Instant)>,
    number: Option<JobNumber>,
    unnoted: Option<Arc<StoreError>>,
}

/// Why the vendor did not answer what was asked, this time. That says nothing about a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The key is not valid (401).
    #[error("the key was refused ({0})")]
    Key(String),
    /// The role of the key does not permit it (403).
    #[error("the role of the key does not permit it ({0})")]
    Role(String),
    /// The vendor knows no such prediction, or model (404). A prediction is another account's then,
    /// or gone after 7 days.
    #[error("there is none of this id ({0})")]
    NotFound(String),
    /// Another answer than what was asked for.
    #[error("the vendor did not say ({message})")]
    Answer {
        /// What it answered.
        message: String,
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer.
    #[error("the vendor could not be reached ({0})")]
    Transport(String),
}

impl FetchError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Key(_) | Self::Role(_) => Verdict::Stop,
            Self::NotFound(_) => Verdict::RetryWithin(MISSING_FOR),
            Self::Answer { retry_after, .. } => Verdict::Retry {
                retry_after: *retry_after,
            },
            Self::Transport(_) => Verdict::Retry { retry_after: None },
        }
    }
}

/// Why waiting ended before the task did. The task goes on; waiting again from the id finds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline came.
    #[error("{}", match .trouble {
        None => format!("the deadline came, and {id} was running when it was last asked about"),
        Some(error) => format!("the deadline came, and where {id} stands is not known: {error}"),
    })]
    Deadline {
        /// The id of the task.
        id: PredictionId,
        /// The error of the last poll, if that one failed.
        trouble: Option<FetchError>,
    },
    /// The deadline came before there was any answer.
    #[error("the deadline came before anything was learned of {id}; it may have ended")]
    Unanswered {
        /// The id of the task.
        id: PredictionId,
    },
    /// An error that waiting cannot mend.
    #[error("waiting for {id} cannot go on: {error}")]
    Stopped {
        /// The id of the task.
        id: PredictionId,
        /// The error.
        error: FetchError,
    },
}

impl WaitError {
    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> &PredictionId {
        match self {
            Self::Deadline { id, .. } | Self::Unanswered { id } | Self::Stopped { id, .. } => id,
        }
    }
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
            Start::Now,
            None,
        ))
    }
}

impl Job {
    pub(crate) fn new(
        ws: Wavespeed,
        id: PredictionId,
        start: Start,
        record: Option<&Prediction>,
    ) -> Self {
        Self {
            ws,
            id,
            start,
            answer: record.map(|record| record.raw().to_string().into()),
            sent: None,
            number: None,
            unnoted: None,
        }
    }

    pub(crate) fn numbered(mut self, number: JobNumber) -> Self {
        self.number = Some(number).filter(|number| number.get() > 0);
        self
    }

    pub(crate) fn sent(mut self, model: &ModelId, at: Instant) -> Self {
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

    pub(crate) fn noted(mut self, noted: Result<(), StoreError>) -> Self {
        self.unnoted = noted.err().map(Arc::new);
        self
    }

    /// Why the id could not be written down by the store when the task was created, if it could
    /// not: then nobody else knows it.
    #[must_use]
    pub fn unnoted(&self) -> Option<&StoreError> {
        self.unnoted.as_deref()
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
        let fetched = deadline.cut(self.ws.0.poller.clock(), self.fetch()).await;
        fetched.unwrap_or_else(|| Err(FetchError::Transport("the deadline came".into())))
    }

    /// Waits for the end of the task, good or bad, by the deadline of the settings.
    ///
    /// # Errors
    /// As of [`wait_until`](Self::wait_until).
    pub async fn wait(&self) -> Result<Prediction, WaitError> {
        self.wait_until(self.ws.deadline()).await
    }

    /// Waits for the end of the task, and returns its final record whatever the end was: look at
    /// its `status`. May be dropped at any await.
    ///
    /// # Errors
    /// If the deadline comes first, or for what waiting cannot mend: the key or its role is refused
    /// (401, 403), or the id stays unknown for 30 s (404). Anything else is waited through.
    pub async fn wait_until(&self, deadline: Deadline) -> Result<Prediction, WaitError> {
        let mut states = self.watch_until(deadline);
        let mut last = None;
        while let Some(state) = states.try_next().await? {
            last = Some(state);
        }
        Ok(last.expect("a watch ends with an error or the final record"))
    }

    /// Each state of the task as it is learned, the last one being final. By the deadline of the
    /// settings, counted from now. Polls that failed are left out; see [`follow`](Self::follow).
    pub fn watch(&self) -> BoxStream<'static, Result<Prediction, WaitError>> {
        self.watch_until(self.ws.deadline())
    }

    /// As [`watch`](Self::watch), with a deadline of its own.
    pub fn watch_until(
        &self,
        deadline: Deadline,
    ) -> BoxStream<'static, Result<Prediction, WaitError>> {
        let records = self.follow(deadline).try_filter_map(|update| {
            ready(Ok(match update {
                Update::Pending(record) | Update::Done(record) => Some(record),
                _ => None,
            }))
        });
        records.boxed()
    }

    /// Each poll as it comes, those that failed included. Ends with [`Update::Done`] or an error,
    /// for the reasons of [`wait_until`](Self::wait_until).
    pub fn follow(
        &self,
        deadline: Deadline,
    ) -> impl Stream<Item = Result<Update<Prediction, FetchError>, WaitError>> + Send + use<> {
        many::follow(&self.ws, self.clone(), deadline)
    }

    /// How much longer the task will take, likely, by how long others of its model took. `record` is
    /// what was last learned of it, if anything was. Nothing, if no other task of the model was seen
    /// and nothing is published of it, or if nobody knows how old the task is.
    #[must_use]
    pub fn outlook(&self, record: Option<&Prediction>) -> Option<Outlook> {
        self.watched().outlook(record)
    }

    /// What is known of the model and the age of the task before anything is asked.
    pub(crate) fn watched(&self) -> Watched {
        let (ws, now) = (&self.ws, SystemTime::now());
        if let Some((model, sent)) = &self.sent {
            let age = ws.0.poller.clock().now().saturating_duration_since(*sent);
            return Watched::of(ws, model.clone(), age);
        }
        let known = ws.jobs(Which::Id(&self.id)).unwrap_or_default();
        match known.first() {
            Some(job) => {
                let age = now.duration_since(job.at).unwrap_or_default();
                Watched::of(ws, job.model.to_string(), age)
            }
            None => Watched::unknown(ws),
        }
    }

    pub(crate) fn start(&self) -> Start {
        self.start
    }

    pub(crate) async fn ask(&self) -> Result<Reply<Prediction>, Trouble<FetchError>> {
        match self.fetch().await {
            Ok(record) if record.status.is_terminal() => {
                if let Err(error) = self.ws.0.store.ended(&self.ws.0.account, &record) {
                    tracing::error!(id = %self.id, %error, "the end of a task could not be written down");
                }
                self.ws.forget_unfetched(&record);
                Ok(Reply::Done(record))
            }
            Ok(record) => Ok(Reply::Pending(record)),
            Err(error) => {
                tracing::warn!(id = %self.id, %error, "a poll failed");
                Err(Trouble::new(error.clone(), error.verdict()))
            }
        }
    }
}

/// The answer to a call, within the time that a call may take.
pub(crate) async fn answered(
    ws: &Wavespeed,
    call: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, FetchError> {
    let (clock, timeout) = (ws.0.poller.clock(), ws.0.timeouts.call);
    let failed = match Deadline::after(timeout, clock).cut(clock, call).await {
        Some(Ok(answer)) => return Ok(answer),
        Some(Err(CallError::Transport(error))) => chain(&error),
        Some(Err(error)) => error.to_string(),
        None => format!("no answer within {timeout:?}"),
    };
    Err(FetchError::Transport(failed))
}

/// The prediction in an answer, or why there is none.
fn read(answer: &Answer) -> Result<Prediction, FetchError> {
    let record = submit::record(answer).filter(|_| answer.status.is_success());
    record.ok_or_else(|| refused(answer))
}

/// The `data` of a success.
pub(crate) fn data(answer: &Answer) -> Option<Value> {
    let data = answer.envelope().data;
    data.filter(|_| answer.status.is_success())
}

/// Why an answer is not what was asked for.
pub(crate) fn refused(answer: &Answer) -> FetchError {
    // A failure can come with HTTP 200; its code then has the meaning of a status.
    let status = match answer.envelope().code {
        Some(code) if answer.status.is_success() => code,
        _ => answer.status.as_u16().into(),
    };
    let message = answer.to_string();
    match status {
        401 => FetchError::Key(message),
        403 => FetchError::Role(message),
        404 => FetchError::NotFound(message),
        _ => FetchError::Answer {
            message,
            retry_after: answer.retry_after(SystemTime::now()),
        },
    }
}
