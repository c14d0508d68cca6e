//! Calls other than a submit, and how their answers become data or a [`FetchError`].
//!
//! The vendor reports some failures with HTTP 200 and a code in the body, so a success is an answer
//! whose status *and* content say so.

use std::future::Future;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use wavespeed_client::{Answer, CallError, Client, HttpErrorKind, Prediction};
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;

/// The longest pause before a read is retried. Whoever waits for a balance or a price is better served by
/// the error than by a call that takes minutes.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Error of a call that reads something. It says nothing about the state of a job.
///
/// ```no_run
/// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
/// match ws.job("6488c2754f6f4dfea924382fa14d11bd")?.fetch().await {
///     Ok(prediction) => println!("{}", prediction.status()),
///     Err(error) if error.is_timeout() => println!("no answer in time"),
///     Err(error) if error.is_transient() => println!("try again later: {error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(()) }
/// ```
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
        /// The HTTP status.
        status: u16,
        /// The status code in the body, if there is one.
        code: Option<i64>,
        /// The vendor's error code for programs, if there is one.
        error_code: Option<String>,
        /// The status and the message of the answer.
        message: String,
        /// The time that the vendor asks to wait before the next call.
        retry_after: Option<Duration>,
    },
    /// The deadline of the caller expired before the answer.
    #[error("the deadline expired before the vendor answered")]
    Deadline,
    /// There was no answer.
    #[error("the vendor could not be reached ({message})")]
    Transport {
        /// The kind of the failure.
        kind: TransportErrorKind,
        /// The reason.
        message: String,
    },
}

/// The kind of a [`FetchError::Transport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was established.
    Connect,
    /// No answer came within the timeout of a call; see [`Timeouts::call`](crate::Timeouts::call).
    Timeout,
    /// The connection broke, or the answer was not HTTP.
    Broken,
}

impl FetchError {
    /// Returns `true` if the time for the answer was over: the caller's deadline or the timeout of a call.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let timeout = TransportErrorKind::Timeout;
        matches!(self, Self::Deadline)
            || matches!(self, Self::Transport { kind, .. } if *kind == timeout)
    }

    /// Returns `true` if the same call may succeed a little later: there was no answer, or one that says
    /// that the vendor is busy (408, 425, 429) or has failed (5xx).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Answer { status, .. } => is_transient(*status),
            Self::Key(_) | Self::Role(_) | Self::NotFound(_) | Self::Deadline => false,
        }
    }
}

/// Returns the answer to a call, within the timeout of calls.
pub(crate) async fn answered(
    ws: &Wavespeed,
    call: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, FetchError> {
    let (clock, timeout) = (ws.0.poller.clock(), ws.0.timeouts.call);
    let (kind, message) = match Deadline::after(timeout, clock).timeout(clock, call).await {
        Some(Ok(answer)) => {
            ws.observe_date(&answer);
            return Ok(answer);
        }
        Some(Err(CallError::Http(error) | CallError::Unprocessed(error))) => {
            let kind = match error.kind() {
                HttpErrorKind::Request | HttpErrorKind::Connect => TransportErrorKind::Connect,
                HttpErrorKind::Timeout => TransportErrorKind::Timeout,
                _ => TransportErrorKind::Broken,
            };
            (kind, error.to_string())
        }
        Some(Err(error)) => (TransportErrorKind::Broken, error.to_string()),
        None => (
            TransportErrorKind::Timeout,
            format!("no answer within {timeout:?}"),
        ),
    };
    Err(FetchError::Transport { kind, message })
}

/// Returns the answer to a call that only reads, within the timeout of calls for each attempt. After a
/// transient error the call is retried, as often as the settings allow.
pub(crate) async fn read<Call>(
    ws: &Wavespeed,
    call: impl Fn(Client) -> Call,
) -> Result<Answer, FetchError>
where
    Call: Future<Output = Result<Answer, CallError>>,
{
    let mut attempt = 1;
    loop {
        let result = answered(ws, call(ws.0.api.with_attempt(attempt))).await;
        let requested = match &result {
            Ok(answer) if is_transient(answer.status.as_u16()) => {
                answer.retry_after(SystemTime::now()).unwrap_or_default()
            }
            Err(error) if error.is_transient() => Duration::ZERO,
            _ => return result,
        };
        let backoff = requested.max(ws.0.poller.backoff(attempt - 1));
        if attempt > ws.0.retries.reads || backoff > MAX_BACKOFF {
            return result;
        }
        tracing::debug!(attempt, ?backoff, "a call is retried");
        ws.0.on_retry.notify(backoff, requested);
        ws.0.poller.clock().sleep(backoff).await;
        attempt += 1;
    }
}

/// Returns `true` if the same call may be answered differently a little later.
fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Returns the result of a call, or an error if the deadline expires first.
pub(crate) async fn until<T, E: From<FetchError>>(
    ws: &Wavespeed,
    deadline: Deadline,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let result = deadline.timeout(ws.0.poller.clock(), call).await;
    result.unwrap_or_else(|| Err(FetchError::Deadline.into()))
}

/// Returns the `data` of a successful answer, redacted.
pub(crate) fn data(answer: &Answer) -> Option<Value> {
    let data = answer.envelope().data;
    data.filter(|_| answer.status.is_success())
}

/// Returns the `data` of a successful answer as it was received, to be used and never to be shown.
pub(crate) fn exact_data(answer: &Answer) -> Option<Value> {
    let mut json = answer.json()?;
    let data = json.get_mut("data")?.take();
    Some(data).filter(|data| answer.status.is_success() && !data.is_null())
}

/// Returns the creation time of a prediction, if it is readable.
pub(crate) fn created_at(prediction: &Prediction) -> Option<Timestamp> {
    prediction.created_at()?.parse().ok()
}

/// Returns by how many seconds the vendor's clock is ahead of ours, from the `Date` header, if there is
/// one.
pub(crate) fn clock_offset(answer: &Answer, now: SystemTime) -> Option<i64> {
    let date = answer.date()?;
    let seconds = |time: SystemTime| Timestamp::try_from(time).map(Timestamp::as_second).ok();
    Some(seconds(date)? - seconds(now)?)
}

impl Wavespeed {
    /// Takes note of the vendor's clock in an answer.
    pub(crate) fn observe_date(&self, answer: &Answer) {
        if let Some(offset) = clock_offset(answer, SystemTime::now()) {
            self.0.vendor_clock.observe(offset);
        }
    }
}

/// Returns the error for an answer that does not contain what was asked for.
pub(crate) fn refused(answer: &Answer) -> FetchError {
    let (envelope, status) = (answer.envelope(), answer.status.as_u16());
    // A failure that comes with HTTP 200 has the meaning of a status in its code.
    let meaning = match envelope.code {
        Some(code) if answer.status.is_success() => code,
        _ => status.into(),
    };
    let message = answer.to_string();
    match meaning {
        401 => FetchError::Key(message),
        403 => FetchError::Role(message),
        404 => FetchError::NotFound(message),
        _ => FetchError::Answer {
            status,
            code: envelope.code,
            error_code: envelope.error_code,
            message,
            retry_after: answer.retry_after(SystemTime::now()),
        },
    }
}
