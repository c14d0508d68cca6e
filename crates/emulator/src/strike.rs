//! Carries faults out, around the code that answers a call: before it, instead of it, and on what
//! it has answered. These replies are wrong on purpose and not held against the bundle; all others
//! are. Which faults strike is the business of `faults`.

mod json;

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};

use crate::predictions;
use crate::routes::{self, Reply};
use crate::scenario::{Call, Fault, Refused, RetryAfter};
use crate::state::State;
use crate::wire::Wire;

/// What a gateway says.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Error</title></head>\
                    <body><h1>Something went wrong</h1></body></html>\n";
/// A piece of a body without an end.
const PIECE: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);

/// What a layer of a call knows.
pub(crate) type Striker = (Arc<State>, Call);

/// Answers a call, with the faults that strike it.
pub(crate) async fn strike(
    Shared((state, call)): Shared<Striker>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    mut request: Request,
    next: Next,
) -> Response {
    let plan = state.memory().faults.plan(call, request.headers());
    let plan = match plan {
        Ok(plan) => plan,
        Err(message) => {
            refuse(&state, call, request).await;
            return plain(call, StatusCode::BAD_REQUEST, message);
        }
    };
    if let Some(fault) = &plan.fault {
        tracing::debug!(%call, ?fault, "a fault strikes");
    }
    if let Some(ending) = plan.ending {
        request.extensions_mut().insert(ending);
    }
    let response = if plan.fault.as_ref().is_none_or(Fault::is_done) {
        prepare(&state, plan.fault.as_ref(), &mut request);
        next.run(request).await
    } else {
        refuse(&state, call, request).await;
        Response::default()
    };
    if !plan.delay.is_zero() {
        let end = state.now() + plan.delay;
        tokio::select! {
            () = state.settings.clock.passed(end) => {}
            () = state.stopped.cancelled() => {}
        }
    }
    match plan.fault {
        Some(fault) => spoil(&state, call, fault, &wire, response).await,
        None => response,
    }
}

/// Puts a call that is not going to be done on record. The body is read to its end, so that a
/// connection can be closed with nothing left in it, which would make a reset of its end.
async fn refuse(state: &State, call: Call, request: Request) {
    let (parts, body) = request.into_parts();
    let body = routes::read(body, routes::BODY_BYTES)
        .await
        .filter(|_| call.is_api());
    state.record(&parts, &body.unwrap_or_default());
}

/// What has to happen before a call is done.
fn prepare(state: &State, fault: Option<&Fault>, request: &mut Request) {
    match fault {
        Some(Fault::Expired) => predictions::expire(state, request.uri()),
        Some(Fault::NoRanges) => {
            request.headers_mut().remove(RANGE);
        }
        _ => {}
    }
}

/// Makes of the right answer the wrong one.
async fn spoil(
    state: &State,
    call: Call,
    fault: Fault,
    wire: &Wire,
    mut response: Response,
) -> Response {
    match fault {
        Fault::DropBefore | Fault::LoseAnswer => {
            wire.cut();
            response
        }
        Fault::StallBefore => {
            state.stopped.cancelled().await;
            wire.cut();
            response
        }
        Fault::Stall => break_off(state, wire, response, Break::Stall),
        Fault::Cut(at) => break_off(state, wire, response, Break::After(at)),
        Fault::WrongLength => break_off(state, wire, response, Break::OneShort),
        Fault::Status(refused) => status(state, call, &refused),
        Fault::Redirect(url) => redirect(&url),
        Fault::Html => page(StatusCode::OK),
        Fault::Empty => {
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = Body::empty();
            response
        }
        Fault::Huge => endless(state, response),
        Fault::Truncated => json::truncate(response).await,
        Fault::NullData { .. } => json::null_data(),
        Fault::NoId => json::without_id(response).await,
        Fault::UnknownStatus(word) => json::with_status(response, &word).await,
        Fault::NoRanges => {
            response.headers_mut().remove(ACCEPT_RANGES);
            response
        }
        // These have done their work already, or are of no call that is answered here.
        Fault::Delay(_) | Fault::Ending(_) | Fault::Expired | Fault::Twice | Fault::Forged => {
            response
        }
    }
}

/// Where an answer ends before its end.
enum Break {
    /// After so many bytes.
    After(u64),
    /// After all of them, of which there should have been one more.
    OneShort,
    /// After its head, and the connection stays.
    Stall,
}

/// An answer of which only a part is sent, although its length announces the whole.
fn break_off(state: &State, wire: &Wire, response: Response, at: Break) -> Response {
    let (mut parts, body) = response.into_parts();
    let header = parts.headers.get(CONTENT_LENGTH);
    let header = header.and_then(|value| value.to_str().ok()?.parse().ok());
    let size: u64 = header.or(body.size_hint().exact()).unwrap_or_default();
    let (announced, sent) = match at {
        Break::After(bytes) => (size, bytes),
        Break::OneShort => (size + 1, size),
        Break::Stall => (size, 0),
    };
    parts.headers.insert(CONTENT_LENGTH, announced.into());
    let sent = body.into_data_stream().scan(sent, |left, bytes| {
        let piece = bytes.map(|bytes| {
            let length = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
            *left -= length as u64;
            bytes.slice(..length)
        });
        // Nothing is left of the part, or of the whole.
        let is_over = piece.as_ref().is_ok_and(Bytes::is_empty);
        ready((!is_over).then_some(piece))
    });
    let wire = (!matches!(at, Break::Stall)).then(|| wire.clone());
    let stopped = state.stopped.clone();
    let end = async move {
        if let Some(wire) = wire {
            wire.end();
            // The library looks at the wire once more, also if it had nothing left to send.
            tokio::task::yield_now().await;
            pending::<()>().await;
        }
        stopped.cancelled().await;
        Err(axum::Error::new("the emulator has stopped"))
    };
    let body = Body::from_stream(sent.chain(stream::once(end)));
    Response::from_parts(parts, body)
}

/// An answer that goes on until the client has had enough.
fn endless(state: &State, response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let stopped = state.stopped.clone();
    let pieces = stream::repeat(PIECE).map(move |piece| {
        if stopped.is_cancelled() {
            Err(axum::Error::new("the emulator has stopped"))
        } else {
            Ok(piece)
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

fn status(state: &State, call: Call, refused: &Refused) -> Response {
    let status = refused.status;
    let mut response = if refused.html {
        page(status)
    } else {
        // A guess: the words.
        let message = status.canonical_reason().unwrap_or("refused");
        plain(call, status, message.to_owned())
    };
    let retry_after = refused.retry_after.map(|retry_after| match retry_after {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date(seconds) => {
            let now = state.settings.clock.now();
            httpdate::fmt_http_date(now + Duration::from_secs(seconds.into()))
        }
    });
    if let Some(value) = retry_after.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn redirect(url: &str) -> Response {
    let location = [(LOCATION, url)];
    (StatusCode::TEMPORARY_REDIRECT, location).into_response()
}

fn page(status: StatusCode) -> Response {
    (status, [(CONTENT_TYPE, "text/html")], PAGE).into_response()
}

/// A refusal as such calls are refused.
fn plain(call: Call, status: StatusCode, message: String) -> Response {
    if call.is_api() {
        Reply::new(Err((status, message))).into_response()
    } else {
        (status, message).into_response()
    }
}
