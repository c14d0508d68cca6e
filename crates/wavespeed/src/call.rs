//! Calls other than a submit, and how their answers become data or a [`FetchError`].
//!
//! The vendor reports some failures with HTTP 200 and a code in the body, so a success is an answer
//! whose status *and* content say so.

use std::future::Future;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::DATE;
use serde_json::Value;
use wavespeed_client::text::chain;
use wavespeed_client::{Answer, CallError, Prediction};
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;

/// Error of a call that reads something. It says nothing about the state of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The API key is not valid (401).
    #[error("the API key was refused ({0})")]
    Key(String),
    /// The role of the API key does not permit the call (403).
    #[error("the role of the API key does not permit this call ({0})")]
    Role(String),
    /// The prediction or model does not exist (404). A prediction is also reported as missing if it
    /// belongs to another account, or is older than 7 days.
    #[error("no prediction or model with this id was found ({0})")]
    NotFound(String),
    /// The answer does not contain what was asked for.
    #[error("the vendor sent an unexpected answer ({message})")]
    Answer {
        /// The status and the message of the answer.
        message: String,
        /// The time that the vendor asks to wait before the next call.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    #[error("the vendor could not be reached ({0})")]
    Transport(String),
}

/// Returns the answer to a call, within the timeout of calls.
pub(crate) async fn answered(
    ws: &Wavespeed,
    call: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, FetchError> {
    let (clock, timeout) = (ws.0.poller.clock(), ws.0.timeouts.call);
    let message = match Deadline::after(timeout, clock).timeout(clock, call).await {
        Some(Ok(answer)) => return Ok(answer.without_key(ws.0.api.api_key())),
        // The reason is in the sources of the error ("connection refused"), not in its own text.
        Some(Err(CallError::Transport(error))) => chain(&error),
        Some(Err(error)) => error.to_string(),
        None => format!("no answer within {timeout:?}"),
    };
    Err(FetchError::Transport(message))
}

/// Returns the result of a call, or an error if the deadline expires first.
pub(crate) async fn until<T, E: From<FetchError>>(
    ws: &Wavespeed,
    deadline: Deadline,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let expired = || FetchError::Transport("the deadline expired".into());
    let result = deadline.timeout(ws.0.poller.clock(), call).await;
    result.unwrap_or_else(|| Err(expired().into()))
}

/// Returns the `data` of a successful answer.
pub(crate) fn data(answer: &Answer) -> Option<Value> {
    let data = answer.envelope().data;
    data.filter(|_| answer.status.is_success())
}

/// Returns the prediction in an answer, whatever its status.
pub(crate) fn prediction(answer: &Answer) -> Option<Prediction> {
    Prediction::from_json(answer.envelope().data?)
}

/// Returns the creation time of a prediction, if it is readable.
pub(crate) fn created_at(prediction: &Prediction) -> Option<Timestamp> {
    prediction.created_at.as_deref()?.parse().ok()
}

/// Returns by how many seconds the vendor's clock is ahead of ours, from the `Date` header, if there is
/// one.
pub(crate) fn clock_offset(answer: &Answer, now: SystemTime) -> Option<i64> {
    let date = answer.headers.get(DATE)?.to_str().ok()?;
    let date = httpdate::parse_http_date(date).ok()?;
    let seconds = |time: SystemTime| Timestamp::try_from(time).map(Timestamp::as_second).ok();
    Some(seconds(date)? - seconds(now)?)
}

/// Returns the error for an answer that does not contain what was asked for.
pub(crate) fn refused(answer: &Answer) -> FetchError {
    // A failure that comes with HTTP 200 has the meaning of a status in its code.
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
