//! `wave webhook listen --poll`: polls the account's jobs, and sends the webhooks that the vendor would
//! send when they end.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use wavespeed::poll::RateLimits;
use wavespeed::reqwest::Client;
use wavespeed::{
    AccountWatchError, FetchError, JobFilter, Prediction, PredictionId, Wavespeed, WebhookSecret,
    webhook,
};

use crate::output::failure::Failure;
use crate::output::notices::SHORT_WAIT;
use crate::output::{terminal, time};

/// The time before each retry of a webhook that was not accepted. An application that restarts is back
/// within half a minute.
const RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// The settings of the polling.
pub(super) struct Poller<'a> {
    pub(super) client: &'a Wavespeed,
    pub(super) secret: &'a WebhookSecret,
    pub(super) http: &'a Client,
    /// The URL of this command.
    pub(super) url: String,
    /// The time between two looks at the vendor's history.
    pub(super) interval: Duration,
    pub(super) limits: RateLimits,
}

/// Sends the webhooks of the account's jobs. Ends only after an error that waiting cannot fix.
pub(super) async fn poll(poller: Poller<'_>) -> Failure {
    let ends = poller.client.watch_account(poller.interval, poller.limits);
    let mut ends = pin!(ends);
    let mut sending = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(end) = ends.next() => match end {
                Ok(record) => {
                    // The vendor sends the input with a webhook, but not in its history.
                    let body = body(poller.client, &record).await;
                    sending.push(poller.send(format!("wh_{}", record.id()), body));
                }
                Err(AccountWatchError::History(error)) if is_refused(&error) => {
                    return Failure::asked("the history", &error);
                }
                Err(error) => match requested_wait(&error) {
                    Some(wait) => {
                        let wait = time::wait(wait);
                        let text = format!("{error}; the vendor asks to wait {wait}");
                        terminal::warning(&text);
                    }
                    None => terminal::warning(&error.to_string()),
                },
            },
            Some(()) = sending.next(), if !sending.is_empty() => {}
        }
    }
}

/// Returns the time that the vendor asks to wait before the next look at its history, if it is a long one.
fn requested_wait(error: &AccountWatchError) -> Option<Duration> {
    match error {
        AccountWatchError::History(FetchError::Answer { retry_after, .. }) => {
            retry_after.filter(|wait| *wait > SHORT_WAIT)
        }
        _ => None,
    }
}

/// Returns `true` if the API key or its role was refused, which waiting cannot fix.
fn is_refused(error: &FetchError) -> bool {
    matches!(error, FetchError::Key(_) | FetchError::Role(_))
}

/// Returns the body of a webhook: the record, with the input if the journal has it.
async fn body(client: &Wavespeed, record: &Prediction) -> String {
    let mut body = record.raw().clone();
    if let Ok(id) = record.id().parse::<PredictionId>() {
        let known = client.jobs(JobFilter::Id(&id)).await.unwrap_or_default();
        if let Some(job) = known.into_iter().next() {
            body["input"] = job.input();
        }
    }
    body.to_string()
}

impl Poller<'_> {
    /// Sends a webhook as the vendor would, and again if it is not accepted.
    async fn send(&self, id: String, body: String) {
        for wait in [Duration::ZERO].into_iter().chain(RETRIES) {
            // The first try does not wait.
            tokio::time::sleep(wait).await;
            // Each try is signed anew, because the signature contains the time.
            let mut headers = webhook::sign(self.secret, &id, SystemTime::now(), body.as_bytes());
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let request = self.http.post(&self.url).headers(headers);
            let sent = request.body(body.clone()).send().await;
            if sent.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
        }
        terminal::warning(&format!("{id} was not accepted and is dropped"));
    }
}
