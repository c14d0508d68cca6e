//! Getting the bytes of one file to the vendor: a ticket from the API, then a PUT to where the
//! ticket says, again if that may help. The storage host never gets the key.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use wavespeed_client::text::chain;
use wavespeed_client::{Answer, CallError, ClientInfo as _, Form, types};
use wavespeed_poll::Deadline;

use crate::call::data;
use crate::client::Wavespeed;
use crate::upload::error::UploadError;
use crate::upload::source::{Source, TransferState};
use bytes::Bytes;

/// The way by which the bytes go.
enum Route {
    /// To a storage, by a ticket.
    Ticket(Box<types::UploadTicket>),
    /// Through the API itself, as long as it has no tickets.
    Form,
}

/// A try that failed, and what may help.
struct SendError {
    error: UploadError,
    again: Retry,
}

enum Retry {
    Never,
    /// The same again, after at least this time.
    After(Duration),
    /// With a new ticket.
    Renewed,
}

impl SendError {
    fn never(error: UploadError) -> Self {
        let again = Retry::Never;
        Self { error, again }
    }

    fn passing(error: UploadError) -> Self {
        let again = Retry::After(Duration::ZERO);
        Self { error, again }
    }
}

impl Wavespeed {
    /// Sends a file until it has arrived, within the budget and the deadline. Nothing is billed, so
    /// whatever may help is tried again.
    pub(crate) async fn send_file(
        &self,
        source: &Source,
        deadline: Deadline,
    ) -> Result<String, UploadError> {
        let mut budget = 0..self.0.resends;
        let mut renewals = 0..1;
        let mut route = None;
        loop {
            let SendError { error, again } = match self.try_to_send(source, &mut route).await {
                Ok(url) => return Ok(url),
                Err(miss) => miss,
            };
            let clock = self.0.poller.clock();
            let wait = match (again, budget.next()) {
                (Retry::Never, _) | (_, None) => return Err(error),
                (Retry::After(least), Some(before)) => least.max(self.0.poller.backoff(before)),
                // If the next one has expired, too, it is not the age that the storage dislikes.
                (Retry::Renewed, _) => {
                    renewals.next().ok_or(error)?;
                    route = None;
                    continue;
                }
            };
            if !deadline.allows(wait, clock) {
                return Err(error);
            }
            tracing::warn!(%error, ?wait, "the upload is tried again");
            clock.sleep_until(clock.now() + wait).await;
        }
    }

    async fn try_to_send(
        &self,
        source: &Source,
        route: &mut Option<Route>,
    ) -> Result<String, SendError> {
        let usable = route.take().filter(|route| !route.has_expired());
        let route = route.insert(match usable {
            Some(route) => route,
            None => self.route(source).await?,
        });
        match route {
            Route::Ticket(ticket) => {
                self.put(source, ticket).await?;
                Ok(ticket.download_url.clone())
            }
            Route::Form => self.post(source).await,
        }
    }

    async fn route(&self, source: &Source) -> Result<Route, SendError> {
        let failed = |message: String| failed(source, message);
        let size = i64::try_from(source.bytes)
            .map_err(|_| SendError::never(failed("the file is too large".into())))?;
        let mut request = types::UploadRequest::new(source.name(), size);
        request.content_type = source.content_type().map(str::to_owned);
        let call = async { Answer::from_call(self.0.api.create_upload(&request).await).await };
        let (clock, limit) = (self.0.poller.clock(), self.0.timeouts.call);
        let answer = Deadline::after(limit, clock).timeout(clock, call).await;
        let answer = match answer {
            Some(Ok(answer)) => answer,
            Some(Err(error @ CallError::Transport(_))) => {
                return Err(SendError::passing(failed(chain(&error))));
            }
            Some(Err(error)) => return Err(SendError::never(failed(chain(&error)))),
            None => {
                return Err(SendError::passing(failed(format!(
                    "no ticket within {limit:?}"
                ))));
            }
        };
        // The vendor's own clients fall back for the same reason: the call is newer than some of
        // its hosts. Any other refusal is of this file or this account, and would come again.
        if matches!(answer.status.as_u16(), 404 | 405 | 501) {
            return Ok(Route::Form);
        }
        match data(&answer).and_then(|data| serde_json::from_value(data).ok()) {
            Some(ticket) => Ok(Route::Ticket(Box::new(ticket))),
            None => Err(refused(source, &answer)),
        }
    }

    async fn put(&self, source: &Source, ticket: &types::UploadTicket) -> Result<(), SendError> {
        let target = &ticket.upload;
        let never = |message: String| SendError::never(failed(source, message));
        let mut headers = HeaderMap::new();
        for (name, value) in target.headers.iter().flatten() {
            let pair = HeaderName::try_from(name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (name, value) =
                pair.ok_or_else(|| never("the ticket has a header that is none".into()))?;
            headers.insert(name, value);
        }
        headers.insert(CONTENT_LENGTH, source.bytes.into());
        if let Some(method) = target.method.as_ref().filter(|method| *method != "PUT") {
            return Err(never(format!("the ticket asks for {method:?}, not PUT")));
        }
        let (body, state) = source.stream();
        // The client of the API follows no redirect: a PUT that becomes a GET has stored nothing.
        // It adds no key by itself.
        let request = self
            .0
            .api
            .client()
            .put(&target.url)
            .headers(headers)
            .body(reqwest::Body::wrap_stream(body));
        let sent = async { request.send().await.map_err(reqwest::Error::without_url) };
        let response = self.send_body(source, &state, sent).await?;
        let status = response.status();
        if status.is_success() {
            return match state.left() {
                0 => Ok(()),
                _ => Err(SendError::passing(failed(
                    source,
                    "the storage has answered before it had all".into(),
                ))),
            };
        }
        let message = format!("the storage answered HTTP {}", status.as_u16());
        Err(match status.as_u16() {
            413 => SendError::never(too_large(source, message)),
            // What common storages answer to a signature that is too old.
            401 | 403 | 404 | 410 => SendError {
                error: failed(source, message),
                again: Retry::Renewed,
            },
            _ if is_transient(status) => {
                let body = Bytes::new();
                let mut answer = Answer::new(status.as_u16(), body);
                answer.headers = response.headers().clone();
                SendError {
                    error: failed(source, message),
                    again: after(&answer),
                }
            }
            _ => never(message),
        })
    }

    /// Sends a file through the API itself.
    async fn post(&self, source: &Source) -> Result<String, SendError> {
        let (name, sha256) = (source.name(), &source.content.sha256);
        let form = Form::new(&name, source.content_type(), sha256);
        let (body, state) = source.stream();
        let sent = self.0.api.upload_binary(&form, source.bytes, body);
        let answer = self.send_body(source, &state, sent).await?;
        let file = data(&answer).and_then(|data| serde_json::from_value(data).ok());
        let url = file.map(|file: types::UploadedFile| file.download_url);
        url.ok_or_else(|| refused(source, &answer))
    }

    /// What a request that sends a file comes to; or why it did not, which may be the file.
    async fn send_body<T, E: std::error::Error>(
        &self,
        source: &Source,
        state: &TransferState,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SendError> {
        let sent = match select(pin!(request), pin!(self.stalled(state))).await {
            Either::Left((sent, _)) => sent.map_err(|error| chain(&error)),
            Either::Right(_) => Err(format!("nothing moved for {:?}", self.0.timeouts.idle)),
        };
        match state.take_fault() {
            Some(fault) => Err(SendError::never(UploadError::of(&source.path, fault))),
            None => sent.map_err(|message| SendError::passing(failed(source, message))),
        }
    }

    /// Done once nothing was taken for the time-out. An upload takes as long as it takes.
    async fn stalled(&self, state: &TransferState) {
        let clock = self.0.poller.clock();
        loop {
            let before = state.left();
            clock.timeout_at(clock.now() + self.0.timeouts.idle).await;
            if state.left() == before {
                return;
            }
        }
    }
}

impl Route {
    fn has_expired(&self) -> bool {
        let expires = match self {
            Self::Ticket(ticket) => ticket.upload.expires_at.as_deref(),
            Self::Form => None,
        };
        let expires = expires.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        expires.is_some_and(|at| at <= jiff::Timestamp::now())
    }
}

fn failed(source: &Source, message: String) -> UploadError {
    let path = source.path.clone();
    UploadError::Failed { path, message }
}

fn too_large(source: &Source, message: String) -> UploadError {
    let (path, bytes) = (source.path.clone(), source.bytes);
    UploadError::TooLarge {
        path,
        bytes,
        message,
    }
}

/// The API has answered, but not with what it was asked for.
fn refused(source: &Source, answer: &Answer) -> SendError {
    let (path, message) = (source.path.clone(), answer.to_string());
    let status = answer.status.as_u16();
    if status == 413 {
        return SendError::never(too_large(source, message));
    }
    let error = UploadError::Refused {
        path,
        status,
        message,
    };
    match is_transient(answer.status) {
        true => SendError {
            error,
            again: after(answer),
        },
        false => SendError::never(error),
    }
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429)
}

/// After what the answer asks for.
fn after(answer: &Answer) -> Retry {
    Retry::After(answer.retry_after(SystemTime::now()).unwrap_or_default())
}
