//! The receiver of `wave webhook listen`: verifies each request, forwards it, and prints a line.

use std::error::Error;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use wavespeed::reqwest::{Client, Url};
use wavespeed::webhook::{self, Event, SeenEvents, VerifyError};
use wavespeed::{StoreErrorKind, Wavespeed, WebhookSecret};

use crate::output::report::escape;
use crate::output::terminal;
use crate::wait_and_save::output_text;

/// The environment variable with the secret.
pub(super) const SECRET: &str = "WAVESPEED_WEBHOOK_SECRET";
/// The longest body that is read, in bytes.
const MAX_BODY: usize = 10 << 20;
/// The number of requests that are forwarded at the same time. It also limits a loop, where a forwarded
/// request comes back to this command through another server.
pub(super) const MAX_FORWARDS: usize = 64;
/// The headers of a connection, which are not forwarded (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// The secret of the webhooks.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) value: WebhookSecret,
    /// `true` if the secret is from the environment: it may belong to another API key.
    pub(super) is_given: bool,
}

/// The state that all requests share.
pub(super) struct Receiver {
    /// The client with the jobs of the journal.
    pub(super) client: Wavespeed,
    pub(super) secret: Secret,
    pub(super) seen: Mutex<SeenEvents>,
    pub(super) forwards: Semaphore,
    pub(super) forward: Option<(Client, Url)>,
    pub(super) json: bool,
    pub(super) quiet: bool,
    /// The errors of stdout. The first one ends the command.
    pub(super) unwritten: UnboundedSender<io::Error>,
}

/// Answers one request. The request is handled in a task of its own, because its sender may close the
/// connection before the end.
pub(super) async fn receive(
    State(receiver): State<Arc<Receiver>>,
    request: Request,
) -> (StatusCode, String) {
    let answered = tokio::spawn(async move { receiver.receive(request).await });
    answered.await.unwrap_or_else(|error| {
        let text = format!("{error}\n");
        (StatusCode::INTERNAL_SERVER_ERROR, text)
    })
}

/// The result of forwarding a request.
enum Forwarded {
    /// There is no address to forward to.
    Nowhere,
    Answered(StatusCode),
    Failed(String),
}

impl Forwarded {
    fn is_accepted(&self) -> bool {
        match self {
            Self::Nowhere => true,
            Self::Answered(status) => status.is_success(),
            Self::Failed(_) => false,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status.as_u16()),
            Self::Nowhere | Self::Failed(_) => None,
        }
    }

    /// Returns the end of the line of an event.
    fn suffix(&self) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::Answered(status) => format!("  -> {}", status.as_u16()),
            Self::Failed(_) => "  -> not reached".to_owned(),
        }
    }
}

impl Receiver {
    /// Verifies a request, forwards it, and prints a line for it.
    async fn receive(&self, request: Request) -> (StatusCode, String) {
        let (parts, body) = request.into_parts();
        // The checks are in the order of their cost, the signature last: it needs the whole body.
        if parts.method != Method::POST {
            let why = format!("its method is {}, and webhooks use POST", parts.method);
            return self.refuse(StatusCode::METHOD_NOT_ALLOWED, &why);
        }
        let body = match to_bytes(body, MAX_BODY).await {
            Ok(body) => body,
            // axum has no type for this error.
            Err(error) if error.to_string().contains("length limit") => {
                let why = "its body is longer than 10 MiB";
                return self.refuse(StatusCode::PAYLOAD_TOO_LARGE, why);
            }
            Err(_) => return self.refuse(StatusCode::BAD_REQUEST, "its body is incomplete"),
        };
        let event = match self.verify(&parts.headers, &body) {
            Ok(event) => event,
            Err(why) => return self.refuse(StatusCode::UNAUTHORIZED, &why),
        };
        let Ok(_permit) = self.forwards.try_acquire() else {
            let why =
                format!("{MAX_FORWARDS} others are being forwarded; the vendor will send it again");
            return self.refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
        };
        if let Err(why) = self.settle(&event, &parts).await {
            return self.refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
        }
        let is_new = self.seen().is_new(&event);
        let forwarded = self.forward(&parts, body).await;
        // An event that was not accepted is sent again, and must count as new then.
        if !forwarded.is_accepted() {
            self.seen().forget(&event);
        }
        if let Err(error) = self.print(&event, is_new, &forwarded) {
            // The receiver of the channel is gone only when the command ends.
            _ = self.unwritten.send(error);
        }
        match forwarded {
            Forwarded::Nowhere => (StatusCode::OK, String::new()),
            Forwarded::Answered(status) => (status, String::new()),
            Forwarded::Failed(_) => {
                let text = "the application could not be reached\n".into();
                (StatusCode::BAD_GATEWAY, text)
            }
        }
    }

    /// Records the id of a job whose submit was lost, if the request has its token. An error is one of the
    /// journal, and the vendor will send the webhook again.
    async fn settle(&self, event: &Event, parts: &Parts) -> Result<(), String> {
        match self
            .client
            .settle_webhook(event, &parts.uri.to_string())
            .await
        {
            Ok(None) => {}
            Ok(Some(job)) => {
                if let (Some(number), false) = (job.number(), self.quiet) {
                    terminal::note(&format!("{number} is the job {}", job.id()));
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    StoreErrorKind::Refused | StoreErrorKind::AcceptedTwice
                ) =>
            {
                terminal::warning(&error.to_string());
            }
            Err(error) => return Err(format!("the id of its job could not be recorded: {error}")),
        }
        Ok(())
    }

    fn verify(&self, headers: &HeaderMap, body: &Bytes) -> Result<Event, String> {
        let verified = webhook::verify(headers, body, &self.secret.value, SystemTime::now());
        verified.map_err(|error| match error {
            VerifyError::Signature if self.secret.is_given => {
                format!("{error}; check that {SECRET} is the secret of the API key")
            }
            error => error.to_string(),
        })
    }

    fn refuse(&self, status: StatusCode, why: &str) -> (StatusCode, String) {
        if !self.quiet {
            terminal::warning(&format!("a request was refused: {why}"));
        }
        (status, format!("{why}\n"))
    }

    fn seen(&self) -> MutexGuard<'_, SeenEvents> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards a request with its headers, its body and its query.
    async fn forward(&self, parts: &Parts, body: Bytes) -> Forwarded {
        let Some((http, url)) = &self.forward else {
            return Forwarded::Nowhere;
        };
        let mut url = url.clone();
        let queries = [url.query(), parts.uri.query()].into_iter().flatten();
        let query = queries.collect::<Vec<_>>().join("&");
        // An empty query would leave a question mark behind.
        url.set_query(Some(&*query).filter(|query| !query.is_empty()));
        let headers = end_to_end(&parts.headers);
        match http.post(url).headers(headers).body(body).send().await {
            Ok(answer) => Forwarded::Answered(answer.status()),
            Err(error) => {
                // The URL may contain a password.
                let error = error.without_url();
                Forwarded::Failed(root_cause(&error))
            }
        }
    }

    /// Prints one line for an event. A repeated event is a note, except with `--json`.
    fn print(&self, event: &Event, is_new: bool, forwarded: &Forwarded) -> io::Result<()> {
        let record = &event.prediction;
        if let Forwarded::Failed(why) = forwarded {
            let id = record.id();
            terminal::warning(&format!(
                "{id}: forwarding failed ({why}); the webhook will be sent again"
            ));
        }
        // A program gets every webhook, with `new` to tell them apart. A person needs each event
        // once.
        if !is_new && !self.json {
            if !self.quiet {
                let (id, event, suffix) = (record.id(), &event.id, forwarded.suffix());
                terminal::note(&format!("{id}: received before, as {event}{suffix}"));
            }
            return Ok(());
        }
        let at = Timestamp::try_from(event.at).map(|at| at.to_string());
        let at = at.unwrap_or_default();
        let line = if self.json {
            let document = json!({
                "event": event.id,
                "at": at,
                "new": is_new,
                "passed_on": forwarded.status(),
                "prediction": record.raw(),
            });
            escape(&document.to_string())
        } else {
            let model = record.model().unwrap_or("-");
            let outputs = record.outputs().iter().map(output_text);
            let error = record.error().into_iter().map(str::to_owned);
            let rest: Vec<String> = outputs.chain(error).collect();
            terminal::clean(&format!(
                "{at}  {}  {}  {model}  {}{}",
                record.id(),
                record.status(),
                rest.join(" "),
                forwarded.suffix()
            ))
        };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        // A pipe is buffered, and the reader waits for this line.
        stdout.flush()
    }
}

/// Returns the last source of an error, which says why, such as "connection refused".
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Returns the headers of a request without those of its connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    // All other headers are kept, because the application may verify the signature again.
    let mut kept = headers.clone();
    // The header `Connection` names further headers of the connection.
    let named = headers.get_all(CONNECTION).iter();
    let named = named.filter_map(|names| names.to_str().ok());
    for name in named.flat_map(|names| names.split(',')) {
        kept.remove(name.trim());
    }
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}
