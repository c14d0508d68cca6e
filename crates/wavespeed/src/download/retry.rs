//! Retries of a transfer.
//!
//! Broken transfers and transient errors are retried a number of times. An output that its host does not have
//! is retried for a minute if the job may have just ended, as hosts show new files with a delay. Every pause
//! has at least the length that the host asks for, and none ends after the deadline.

use std::time::{Duration, SystemTime};

use url::Url;
use wavespeed_client::{Prediction, Purpose, RequestContext};
use wavespeed_poll::{Clock, Deadline};

use crate::call::created_at;

use crate::client::Wavespeed;
use crate::download::content::Promise;
use crate::download::output_url;
use crate::download::transfer::{PartialFile, TransferError};
use crate::store::record::JobRecord;

/// The time after the end of a job in which its outputs may not have reached their host.
const MAX_LATENESS: Duration = Duration::from_secs(60);

/// The age of a prediction from which on it did not end just now. Jobs take minutes, and their queues hours.
const MAX_JOB_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// An output that is to be transferred.
pub(super) struct Output<'a> {
    /// The id of the prediction.
    pub(super) id: &'a str,
    /// The number of the output, counted from 1.
    pub(super) number: usize,
    /// The URL, as long as it has not expired.
    pub(super) url: Url,
    pub(super) promise: Promise,
    /// The largest length in bytes.
    pub(super) limit: u64,
    pub(super) deadline: Deadline,
    /// The time until which an output that its host does not have may only be late.
    pub(super) expected_until: Deadline,
}

/// Returns the time until which the outputs of a prediction may be late. The vendor does not state when a job
/// ended, so it may have been just now, unless the prediction or the submit of its job is too old.
pub(super) fn expected_until(done: &Prediction, jobs: &[JobRecord], clock: &dyn Clock) -> Deadline {
    let created = created_at(done).map(SystemTime::from);
    let start = created.or_else(|| jobs.iter().map(|job| job.at).max());
    let age = start.and_then(|start| SystemTime::now().duration_since(start).ok());
    let is_old = age.is_some_and(|age| age > MAX_JOB_TIME);
    let lateness = if is_old { Duration::ZERO } else { MAX_LATENESS };
    Deadline::after(lateness, clock)
}

impl Wavespeed {
    /// Transfers an output to `partial`, with retries, and returns the URL that was used last. An
    /// error carries that URL, too.
    pub(super) async fn fetch(
        &self,
        partial: &mut PartialFile,
        output: &Output<'_>,
    ) -> Result<Url, (Url, TransferError)> {
        let Output { id, number, .. } = *output;
        let mut url = output.url.clone();
        let expected = (output.limit, output.promise);
        let (clock, mut is_renewed) = (self.0.poller.clock(), false);
        let mut late = 0;
        // The errors since the transfer last got further than ever before.
        let (mut failures, mut furthest) = (0, 0);
        let mut context = RequestContext::new(Purpose::Download);
        loop {
            let fetched = partial.fetch(&*self.0.http, context, &url, expected).await;
            let Err(error) = fetched else { return Ok(url) };
            context.attempt += 1;
            // Output URLs can expire, and the prediction then has a new one. It is asked for once, and the
            // new URL is used without a wait.
            if error.is_expired() && !is_renewed {
                is_renewed = true;
                let renewed = self.renew_url(id, number).await;
                if let Some(new) = renewed.filter(|new| *new != url) {
                    url = new;
                    continue;
                }
            }
            // A transfer that gets further will end, however often it breaks. One that starts from the
            // beginning each time does not.
            if partial.bytes > furthest {
                (failures, furthest) = (0, partial.bytes);
            }
            let (retries, backoff) = (
                self.0.retries.downloads,
                self.0.poller.backoff(failures + late),
            );
            let may_retry = if error.may_be_late() {
                // The time bounds these retries and not their number, unless there are to be none.
                late += 1;
                retries > 0 && output.expected_until.allows(backoff, clock)
            } else {
                failures += 1;
                error.is_transient() && failures <= retries
            };
            let requested = partial.retry_after.unwrap_or_default();
            let pause = backoff.max(requested);
            // If the pause ends after the deadline, the error of the transfer is returned now: it says
            // more than "the deadline expired".
            if !may_retry || !output.deadline.allows(pause, clock) {
                return Err((url, error));
            }
            tracing::warn!(%id, number, ?error, ?pause, "a download is retried");
            self.0.on_retry.notify(pause, requested);
            clock.sleep(pause).await;
        }
    }

    /// Returns the current URL of an output, from its prediction.
    pub(super) async fn renew_url(&self, id: &str, number: usize) -> Option<Url> {
        let prediction = self.job(id).ok()?.fetch().await.ok()?;
        output_url(prediction.outputs().get(number - 1)?)
    }
}
