//! Webhooks: the one call that the emulator makes itself. A task that has one is reported once it has
//! ended: signed, again if nobody takes it, and twice if a fault says so.
//!
//! Guesses: how long the vendor waits for an answer and between its tries, that a try has the id of
//! the first one and a time of its own, and how ids look.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Uri};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::scenario::{Call, Fault};
use crate::state::{State, Task};
use crate::{account, predictions};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time before each try after the first one: there are 3.
const RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// A try to report the end of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The id of the task.
    pub task: String,
    /// The id of the event: the same for all tries.
    pub event: String,
    /// The status of the answer; absent if there was none, or nothing was sent.
    pub status: Option<u16>,
}

/// Reports tasks as they come in, until the emulator stops.
pub(crate) async fn report(state: Arc<State>, mut tasks: UnboundedReceiver<String>) {
    let mut reports = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = state.stopped.cancelled() => return,
            task = tasks.recv() => match task {
                Some(id) => reports.push(one(&state, id)),
                None => return,
            },
            Some(()) = reports.next(), if !reports.is_empty() => {}
        }
    }
}

/// Reports one task once it has ended.
async fn one(state: &State, id: String) {
    let Some(task) = find(state, &id) else { return };
    let (clock, event) = (&state.settings.clock, format!("wh_{id}"));
    clock.passed(task.created + task.takes).await;
    let Some(url) = task.webhook else { return };
    for wait in [Duration::ZERO].into_iter().chain(RETRIES) {
        clock.passed(state.now() + wait).await;
        // It may have been deleted; what it ended with may have been ordered since.
        let Some(task) = find(state, &id) else { return };
        let plan = state.memory().faults.plan(Call::Webhook, &HeaderMap::new());
        let plan = plan.unwrap_or_default();
        clock.passed(state.now() + plan.delay).await;
        let mut body = predictions::now(&task, state);
        body["input"] = Value::Object(task.input.clone());
        let times = match plan.fault {
            Some(Fault::DropBefore) => 0,
            Some(Fault::Twice) => 2,
            _ => 1,
        };
        let mut taken = false;
        for at in 0..times.max(1) {
            let status = match at < times {
                true => {
                    let is_forged = plan.fault == Some(Fault::Forged);
                    send(state, &url, &event, body.to_string(), is_forged).await
                }
                false => None,
            };
            taken |= status.is_some_and(|status| (200..300).contains(&status));
            tracing::debug!(task = id, url, ?status, "a webhook was sent");
            let event = event.clone();
            let task = id.clone();
            let delivery = Delivery {
                task,
                event,
                status,
            };
            state.memory().deliveries.push(delivery);
        }
        if taken {
            return;
        }
    }
}

fn find(state: &State, id: &str) -> Option<Task> {
    state.memory().tasks.get(id).cloned()
}

/// The status that came of it, if any did.
async fn send(state: &State, url: &str, event: &str, body: String, is_forged: bool) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        tracing::warn!(url, "the emulator sends webhooks to http URLs only");
        return None;
    }
    let now = state.settings.clock.now();
    let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let secret = match is_forged {
        true => "whsec_of_somebody_else".to_owned(),
        false => account::secret(state)["secret"].as_str()?.to_owned(),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header("host", uri.authority()?.as_str())
        .header("content-type", "application/json")
        .header("webhook-id", event)
        .header("webhook-timestamp", timestamp)
        .header(
            "webhook-signature",
            signature(&secret, event, timestamp, &body),
        )
        .body(Full::new(Bytes::from(body)));
    let request = request.ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let address = (host.to_owned(), uri.port_u16().unwrap_or(80));
    let answer = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let asked = async move {
            let answer = sender.send_request(request).await;
            Some(answer.ok()?.status().as_u16())
        };
        // The connection may end with the answer; that has come all the same then.
        let (status, _) = tokio::join!(asked, connection);
        status
    };
    tokio::time::timeout(PATIENCE, answer).await.ok()?
}

fn signature(secret: &str, event: &str, timestamp: u64, body: &str) -> String {
    let key = secret.trim_start_matches("whsec_");
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.expect("a key of HMAC has any length");
    mac.update(format!("{event}.{timestamp}.{body}").as_bytes());
    let sum = mac.finalize().into_bytes();
    sum.iter()
        .fold("v3,".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
