//! Retries of a transfer.

use url::Url;
use wavespeed_client::{Purpose, RequestContext};
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::download::content::Promise;
use crate::download::output_url;
use crate::download::transfer::{PartialFile, TransferError};

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
        let (poller, mut is_renewed) = (&self.0.poller, false);
        // The errors since the transfer last got further than ever before.
        let (mut failures, mut furthest) = (0, 0);
        let mut context = RequestContext::new(Purpose::Download);
        loop {
            let fetched = partial.fetch(&*self.0.http, context, &url, expected).await;
            let Err(error) = fetched else { return Ok(url) };
            context.attempt += 1;
            // Output URLs can expire, and the prediction then has a new one. Renewed once and without
            // a wait; if the prediction has the same URL, the file itself is gone.
            if error.is_expired() && !is_renewed {
                is_renewed = true;
                match self.renew_url(id, number).await.filter(|new| *new != url) {
                    Some(new) => url = new,
                    None => return Err((url, error)),
                }
                continue;
            }
            // A transfer that gets further will end, however often it breaks. One that starts from the
            // beginning each time does not.
            if partial.bytes > furthest {
                (failures, furthest) = (0, partial.bytes);
            }
            let backoff = poller.backoff(failures);
            failures += 1;
            let may_retry = error.is_transient() && failures <= self.0.retries.downloads;
            // If the back-off ends after the deadline, the error of the transfer is returned now: it
            // says more than "the deadline expired".
            if !may_retry || !output.deadline.allows(backoff, poller.clock()) {
                return Err((url, error));
            }
            tracing::warn!(%id, number, ?error, "a download is retried");
            poller.clock().sleep(backoff).await;
        }
    }

    /// Returns the current URL of an output, from its prediction.
    pub(super) async fn renew_url(&self, id: &str, number: usize) -> Option<Url> {
        let prediction = self.job(id).ok()?.fetch().await.ok()?;
        output_url(prediction.outputs().get(number - 1)?)
    }
}
