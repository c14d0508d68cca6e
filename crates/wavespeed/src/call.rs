//! Calls other than a submit: how an answer becomes data or a [`FetchError`].

use std::future::Future;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use wavespeed_client::text::chain;
use wavespeed_client::{Answer, CallError};
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;

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

/// The answer to a call, within the time that a call may take.
pub(crate) async fn answered(
    ws: &Wavespeed,
    call: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, FetchError> {
    let (clock, timeout) = (ws.0.poller.clock(), ws.0.timeouts.call);
    let failed = match Deadline::after(timeout, clock).timeout(clock, call).await {
        Some(Ok(answer)) => return Ok(answer),
        Some(Err(CallError::Transport(error))) => chain(&error),
        Some(Err(error)) => error.to_string(),
        None => format!("no answer within {timeout:?}"),
    };
    Err(FetchError::Transport(failed))
}

/// The `data` of a success.
pub(crate) fn data(answer: &Answer) -> Option<Value> {
    let data = answer.envelope().data;
    data.filter(|_| answer.status.is_success())
}

/// The prediction in an answer.
pub(crate) fn record(answer: &Answer) -> Option<wavespeed_client::Prediction> {
    wavespeed_client::Prediction::from_json(answer.envelope().data?)
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
