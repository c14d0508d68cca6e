//! Getting the bytes of one file to the vendor: a ticket from the API, then a PUT to where the
//! ticket says, again if that may help. The storage host never gets the key.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use wavespeed_client::{Answer, CallError, ClientInfo as _, Form, chain, types};
use wavespeed_poll::Deadline;

use crate::call::data;
use crate::client::Wavespeed;
use crate::upload::error::UploadError;
use crate::upload::source::{Source, Traffic};
use bytes::Bytes;

/// The way by which the bytes go.
enum Way {
    /// To a storage, by a ticket.
    Ticket(Box<types::UploadTicket>),
    /// Through the API itself, as long as it has no tickets.
    Form,
}

/// A try that failed, and what may help.
struct Miss {
    error: UploadError,
    again: Again,
}

enum Again {
    Never,
    /// The same again, after at least this time.
    After(Duration),
    /// With a new ticket.
    Renewed,
}

impl Miss {
    fn never(error: UploadError) -> Self {
        let again = Again::Never;
        Self { error, again }
    }

    fn passing(error: UploadError) -> Self {
        let again = Again::After(Duration::ZERO);
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
        let mut way = None;
        loop {
            let Miss { error, again } = match self.try_to_send(source, &mut way).await {
                Ok(url) => return Ok(url),
                Err(miss) => miss,
            };
            let clock = self.0.poller.clock();
            let wait = match (again, budget.next()) {
                (Again::Never, _) | (_, None) => return Err(error),
                (Again::After(least), Some(before)) => least.max(self.0.poller.backoff(before)),
                // If the next one has expired, too, it is not the age that the storage dislikes.
                (Again::Renewed, _) => {
                    renewals.next().ok_or(error)?;
                    way = None;
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

    async fn try_to_send(&self, source: &Source, way: &mut Option<Way>) -> Result<String, Miss> {
        let usable = way.take().filter(|way| !way.has_expired());
        let way = way.insert(match usable {
            Some(way) => way,
            None => self.way(source).await?,
        });
        match way {
            Way::Ticket(ticket) => {
                self.put(source, ticket).await?;
                Ok(ticket.download_url.clone())
            }
            Way::Form => self.post(source).await,
        }
    }

    async fn way(&self, source: &Source) -> Result<Way, Miss> {
        let failed = |message: String| failed(source, message);
        let size = i64::try_from(source.bytes)
            .map_err(|_| Miss::never(failed("the file is too large".into())))?;
        let mut request = types::UploadRequest::new(source.name(), size);
        request.content_type = source.content_type().map(str::to_owned);
        let call = async { Answer::of(self.0.api.create_upload(&request).await).await };
        let (clock, limit) = (self.0.poller.clock(), self.0.timeouts.call);
        let answer = Deadline::after(limit, clock).timeout(clock, call).await;
        let answer = match answer {
            Some(Ok(answer)) => answer,
            Some(Err(error @ CallError::Transport(_))) => {
                return Err(Miss::passing(failed(chain(&error))));
            }
            Some(Err(error)) => return Err(Miss::never(failed(chain(&error)))),
            None => return Err(Miss::passing(failed(format!("no ticket within {limit:?}")))),
        };
        // The vendor's own clients fall back for the same reason: the call is newer than some of
        // its hosts. Any other refusal is of this file or this account, and would come again.
        if matches!(answer.status.as_u16(), 404 | 405 | 501) {
            return Ok(Way::Form);
        }
        match data(&answer).and_then(|data| serde_json::from_value(data).ok()) {
            Some(ticket) => Ok(Way::Ticket(Box::new(ticket))),
            None => Err(refused(source, &answer)),
        }
    }

    async fn put(&self, source: &Source, ticket: &types::UploadTicket) -> Result<(), Miss> {
        let target = &ticket.upload;
        let never = |message: String| Miss::never(failed(source, message));
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
        let (body, traffic) = source.stream();
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
        let response = self.carry(source, &traffic, sent).await?;
        let status = response.status();
        if status.is_success() {
            return match traffic.left() {
                0 => Ok(()),
                _ => Err(Miss::passing(failed(
                    source,
                    "the storage has answered before it had all".into(),
                ))),
            };
        }
        let message = format!("the storage answered HTTP {}", status.as_u16());
        Err(match status.as_u16() {
            413 => Miss::never(too_large(source, message)),
            // What common storages answer to a signature that is too old.
            401 | 403 | 404 | 410 => Miss {
                error: failed(source, message),
                again: Again::Renewed,
            },
            _ if is_passing(status) => {
                let body = Bytes::new();
                let mut answer = Answer::new(status.as_u16(), body);
                answer.headers = response.headers().clone();
                Miss {
                    error: failed(source, message),
                    again: after(&answer),
                }
            }
            _ => never(message),
        })
    }

    /// Sends a file through the API itself.
    async fn post(&self, source: &Source) -> Result<String, Miss> {
        let (name, sha256) = (source.name(), &source.content.sha256);
        let form = Form::new(&name, source.content_type(), sha256);
        let (body, traffic) = source.stream();
        let sent = self.0.api.upload_binary(&form, source.bytes, body);
        let answer = self.carry(source, &traffic, sent).await?;
        let file = data(&answer).and_then(|data| serde_json::from_value(data).ok());
        let url = file.map(|file: types::UploadedFile| file.download_url);
        url.ok_or_else(|| refused(source, &answer))
    }

    /// What a request that sends a file comes to; or why it did not, which may be the file.
    async fn carry<T, E: std::error::Error>(
        &self,
        source: &Source,
        traffic: &Traffic,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Miss> {
        let sent = match select(pin!(request), pin!(self.stalled(traffic))).await {
            Either::Left((sent, _)) => sent.map_err(|error| chain(&error)),
            Either::Right(_) => Err(format!("nothing moved for {:?}", self.0.timeouts.idle)),
        };
        match traffic.take_fault() {
            Some(fault) => Err(Miss::never(UploadError::of(&source.path, fault))),
            None => sent.map_err(|message| Miss::passing(failed(source, message))),
        }
    }

    /// Done once nothing was taken for the time-out. An upload takes as long as it takes.
    async fn stalled(&self, traffic: &Traffic) {
        let clock = self.0.poller.clock();
        loop {
            let before = traffic.left();
            clock.timeout_at(clock.now() + self.0.timeouts.idle).await;
            if traffic.left() == before {
                return;
            }
        }
    }
}

impl Way {
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
fn refused(source: &Source, answer: &Answer) -> Miss {
    let (path, message) = (source.path.clone(), answer.to_string());
    let status = answer.status.as_u16();
    if status == 413 {
        return Miss::never(too_large(source, message));
    }
    let error = UploadError::Refused {
        path,
        status,
        message,
    };
    match is_passing(answer.status) {
        true => Miss {
            error,
            again: after(answer),
        },
        false => Miss::never(error),
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429)
}

/// After what the answer asks for.
fn after(answer: &Answer) -> Again {
    Again::After(answer.retry_after(SystemTime::now()).unwrap_or_default())
}
