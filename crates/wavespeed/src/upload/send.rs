//! Transfer of one file to the vendor.
//!
//! The API gives an upload ticket, which names a URL of a storage host and the headers of the PUT
//! that stores the file there. On hosts of the API that have no upload tickets yet, the file goes
//! through the API itself as a form. [`Wavespeed::send_file`] retries transient errors within a
//! budget and the deadline, asks once for a new upload ticket if the storage refuses the first, and follows
//! one redirect of the storage. The storage host never receives the API key.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::{Either, select};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, LOCATION};
use reqwest::{Method, Request, Response, StatusCode};
use serde_json::Value;
use wavespeed_client::text::{chain, shorten};
use wavespeed_client::{Answer, CallError, Form, HttpErrorKind, Purpose, RequestContext, types};
use wavespeed_poll::Deadline;

use crate::call::exact_data;
use crate::client::Wavespeed;
use crate::hosts::{is_transient, may_be_expired};
use crate::upload::error::UploadError;
use crate::upload::source::{Source, TransferState};
use crate::upload::ticket::{Ticket, read_download_url};

/// The way on which a file reaches the vendor.
enum Route {
    /// A PUT to a storage host, as an upload ticket describes it.
    Ticket(Box<Ticket>),
    /// A form through the API itself.
    Form,
}

/// Error of one attempt.
struct SendError {
    error: UploadError,
    retry: Retry,
}

/// The retry that may succeed after an error.
enum Retry {
    /// No retry can succeed.
    Never,
    /// The same request, not before this time has passed.
    After(Duration),
    /// A request with a new upload ticket.
    WithNewTicket,
}

impl SendError {
    fn permanent(error: UploadError) -> Self {
        let retry = Retry::Never;
        Self { error, retry }
    }

    fn transient(error: UploadError) -> Self {
        let retry = Retry::After(Duration::ZERO);
        Self { error, retry }
    }
}

impl Wavespeed {
    /// Sends a file, with retries within the budget and the deadline, and returns its URL. An upload
    /// is not billed, so a retry is always safe, also if the outcome of an attempt is unknown.
    pub(crate) async fn send_file(
        &self,
        source: &Source,
        deadline: Deadline,
    ) -> Result<String, UploadError> {
        let mut budget = 0..self.0.retries.uploads;
        let mut attempt = 0;
        let mut renewals = 0..1;
        // The route outlives an attempt: a retry uses the same upload ticket until it expires.
        let mut route = None;
        loop {
            attempt += 1;
            let sent = self.send_once(source, &mut route, attempt).await;
            let SendError { error, retry } = match sent {
                Ok(url) => return Ok(url),
                Err(error) => error,
            };
            let clock = self.0.poller.clock();
            let (requested, backoff) = match (retry, budget.next()) {
                (Retry::Never, _) | (_, None) => return Err(error),
                (Retry::After(least), Some(retries)) => {
                    (least, least.max(self.0.poller.backoff(retries)))
                }
                // At once, as the storage is not overloaded. Only one renewal: if the storage
                // refuses the new ticket too, the age of the ticket is not the reason.
                (Retry::WithNewTicket, _) => {
                    renewals.next().ok_or(error)?;
                    route = None;
                    continue;
                }
            };
            // The last error says more than "the deadline expired" would, so it is returned now and not
            // after a wait that cannot help.
            if !deadline.allows(backoff, clock) {
                return Err(error);
            }
            tracing::warn!(%error, ?backoff, "the upload is retried");
            self.0.on_retry.notify(backoff, requested);
            clock.sleep(backoff).await;
        }
    }

    /// Attempts to send a file once, on the given route or, if there is none, on a new one.
    async fn send_once(
        &self,
        source: &Source,
        route: &mut Option<Route>,
        attempt: u32,
    ) -> Result<String, SendError> {
        // A ticket that expired during the back-off is replaced before the bytes are sent in vain.
        let usable = route.take().filter(|route| !route.has_expired());
        let route = route.insert(match usable {
            Some(route) => route,
            None => self.request_route(source, attempt).await?,
        });
        match route {
            Route::Ticket(ticket) => {
                self.put_to_storage(source, ticket, attempt).await?;
                Ok(ticket.download_url.clone())
            }
            Route::Form => self.post_form(source, attempt).await,
        }
    }

    /// Asks the API for an upload ticket, and falls back to the form if the API has no tickets.
    async fn request_route(&self, source: &Source, attempt: u32) -> Result<Route, SendError> {
        let failed = |message: String| failed(source, message);
        let size = i64::try_from(source.bytes)
            .map_err(|_| SendError::permanent(failed("the file is too large".into())))?;
        let mut request = types::UploadRequest::new(source.name(), size);
        request.content_type = source.content_type().map(str::to_owned);
        let api = self.0.api.with_attempt(attempt);
        let call = api.create_upload(&request);
        let (clock, limit) = (self.0.poller.clock(), self.0.timeouts.call);
        let answer = Deadline::after(limit, clock).timeout(clock, call).await;
        let answer = match answer {
            Some(Ok(answer)) => {
                self.observe_date(&answer);
                answer
            }
            Some(Err(CallError::Http(error))) if error.kind() != HttpErrorKind::Request => {
                return Err(SendError::transient(failed(error.to_string())));
            }
            // Any other error is one of the request itself, which a retry would repeat.
            Some(Err(error)) => return Err(SendError::permanent(failed(chain(&error)))),
            None => {
                return Err(SendError::transient(failed(format!(
                    "no upload ticket within {limit:?}"
                ))));
            }
        };
        // The vendor's own clients fall back to the form for the same reason: the call is newer than
        // some hosts of the API. Any other refusal concerns this file or this account, and the form
        // would be refused as well.
        if matches!(answer.status.as_u16(), 404 | 405 | 501) {
            return Ok(Route::Form);
        }
        let ticket = self.read_answer(source, &answer, Ticket::read)?;
        Ok(Route::Ticket(Box::new(ticket)))
    }

    /// Reads the data of a successful answer of the API.
    fn read_answer<T>(
        &self,
        source: &Source,
        answer: &Answer,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<T, SendError> {
        // The vendor reports some refusals with HTTP 200 and a code in the body.
        let is_refusal = |code: i64| !matches!(code, 0 | 200..=299);
        if !answer.status.is_success() || answer.envelope().code.is_some_and(is_refusal) {
            return Err(refused(source, answer));
        }
        // Data without an envelope is a whole answer, too.
        let data = exact_data(answer).or_else(|| answer.json());
        let read = match data {
            Some(data) => read(&data),
            None => Err("is no JSON".into()),
        };
        read.map_err(|why| {
            // The clause may quote the answer, which can be of any length.
            let message = format!("the vendor's answer {}", shorten(&self.redact(&why), 200));
            let error = failed(source, message);
            match &answer.broken {
                Some(_) => SendError::transient(error),
                None => SendError::permanent(error),
            }
        })
    }

    /// Sends a file to the storage host of an upload ticket, and to another one if that host redirects there.
    async fn put_to_storage(
        &self,
        source: &Source,
        ticket: &Ticket,
        attempt: u32,
    ) -> Result<(), SendError> {
        let first = self.put(source, ticket, attempt).await?;
        let response = if keeps_method(first.status()) {
            let location = first.headers().get(LOCATION);
            let redirected = ticket.redirected(location, self.api_is_local());
            let redirected = redirected.map_err(|why| {
                SendError::permanent(failed(source, format!("the storage {why}")))
            })?;
            self.put(source, &redirected, attempt).await?
        } else {
            first
        };
        match response.status() {
            status if status.is_success() => Ok(()),
            // Only a loop redirects twice: storage services know the right place.
            status if keeps_method(status) => {
                let message = "the storage redirected the upload twice";
                Err(SendError::permanent(failed(source, message.into())))
            }
            status => Err(storage_refusal(source, status, response.headers())),
        }
    }

    /// Makes the PUT that an upload ticket describes.
    async fn put(
        &self,
        source: &Source,
        ticket: &Ticket,
        attempt: u32,
    ) -> Result<Response, SendError> {
        let mut request = Request::new(Method::PUT, ticket.url.clone());
        *request.headers_mut() = ticket.headers.clone();
        // A stream has no length of its own and would be sent in chunks without this header. The
        // PUT must have exactly the announced length (spec/wavespeed.yaml, operation create_upload).
        let length = source.bytes.into();
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let (body, state) = source.stream();
        *request.body_mut() = Some(reqwest::Body::wrap_stream(body));
        let context = RequestContext::new(Purpose::Upload).attempt(attempt);
        let sent = self.0.http.send(request, context);
        let response = self.send_body(source, &state, sent).await?;
        // A success before the last byte was taken cannot mean that the whole file is stored.
        if response.status().is_success() && state.left() > 0 {
            let message = "the storage answered before it had received the whole file";
            return Err(SendError::transient(failed(source, message.into())));
        }
        Ok(response)
    }

    /// Sends a file as a form through the API itself.
    async fn post_form(&self, source: &Source, attempt: u32) -> Result<String, SendError> {
        let (name, sha256) = (source.name(), &source.content.sha256);
        let form = Form::new(&name, source.content_type(), sha256);
        let (body, state) = source.stream();
        let api = self.0.api.with_attempt(attempt);
        let sent = api.upload_binary(&form, source.bytes, body);
        let answer = self.send_body(source, &state, sent).await?;
        self.observe_date(&answer);
        self.read_answer(source, &answer, read_download_url)
    }

    /// Runs a request whose body is the stream with this state, until it completes or stalls.
    async fn send_body<T, E: std::error::Error>(
        &self,
        source: &Source,
        state: &TransferState,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SendError> {
        let sent = match select(pin!(request), pin!(self.wait_until_stalled(state))).await {
            Either::Left((sent, _)) => sent.map_err(|error| chain(&error)),
            Either::Right(_) => Err(format!("no data was sent for {:?}", self.0.timeouts.idle)),
        };
        // An error of the file goes before the result of the request, which is only its consequence.
        // It is permanent, as a retry would read the same file.
        match state.take_error() {
            Some(error) => Err(SendError::permanent(UploadError::from_source(
                &source.path,
                error,
            ))),
            None => sent.map_err(|message| SendError::transient(failed(source, message))),
        }
    }

    /// Waits until the HTTP library has taken no byte for the idle timeout. The transfer as a whole
    /// has no limit but the deadline, as its duration depends on the file and the network.
    async fn wait_until_stalled(&self, state: &TransferState) {
        let clock = self.0.poller.clock();
        loop {
            let before = state.left();
            clock.timeout(self.0.timeouts.idle).await;
            if state.left() == before {
                return;
            }
        }
    }
}

impl Route {
    /// Returns `true` if the upload ticket states an expiry that has passed.
    fn has_expired(&self) -> bool {
        match self {
            Self::Ticket(ticket) => ticket.has_expired(),
            Self::Form => false,
        }
    }
}

/// Returns `true` for the redirects that must be followed with the same method and body.
fn keeps_method(status: StatusCode) -> bool {
    matches!(status.as_u16(), 307 | 308)
}

/// Returns the error for a status with which the storage host refuses a file.
fn storage_refusal(source: &Source, status: StatusCode, headers: &HeaderMap) -> SendError {
    let message = format!("the storage answered HTTP {}", status.as_u16());
    let retry = if status == StatusCode::PAYLOAD_TOO_LARGE {
        return SendError::permanent(too_large(source, message));
    } else if may_be_expired(status) {
        Retry::WithNewTicket
    } else if is_transient(status) {
        // Only the headers matter for `Retry-After`; the body is not read.
        let mut answer = Answer::new(status.as_u16(), Bytes::new());
        answer.headers = headers.clone();
        retry_after(&answer)
    } else {
        Retry::Never
    };
    SendError {
        error: failed(source, message),
        retry,
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

/// Returns the error for an answer of the API that refuses the upload.
fn refused(source: &Source, answer: &Answer) -> SendError {
    let (path, message) = (source.path.clone(), answer.to_string());
    let status = answer.status.as_u16();
    if status == 413 {
        return SendError::permanent(too_large(source, message));
    }
    let error = UploadError::Refused {
        path,
        status,
        message,
    };
    if is_transient(answer.status) {
        let retry = retry_after(answer);
        SendError { error, retry }
    } else {
        SendError::permanent(error)
    }
}

/// Returns a retry after the time that the `Retry-After` of an answer asks for, if it has one.
fn retry_after(answer: &Answer) -> Retry {
    Retry::After(answer.retry_after(SystemTime::now()).unwrap_or_default())
}
