//! Sending a submit whose intent is recorded, and recording its outcome.
//!
//! A submit is sent again only after an outcome that is certainly a rejection. Before each further
//! POST the store gets a new intent, so that a reconciliation looks at the right time.

use std::future::pending;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use wavespeed_client::text::chain;
use wavespeed_client::{CallError, ModelId, PredictionId};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::prediction;
use crate::client::Wavespeed;
use crate::store::change::Resolution;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;
use crate::submit::error::SubmitError;
use crate::submit::outcome::{Attempt, Outcome, RejectedSubmit, decide};
use crate::wait::job::Job;

/// A submit whose intent the store has recorded.
pub(super) struct PendingSubmit<'a> {
    /// The number of its job in the store.
    pub(super) number: JobNumber,
    pub(super) model: &'a ModelId,
    pub(super) input: &'a Value,
    pub(super) webhook: Option<&'a str>,
    /// The time of the last intent.
    pub(super) at: SystemTime,
    pub(super) deadline: Deadline,
}

/// Records a job as rejected if the pause before it is sent again is cancelled, which drops this value.
/// During the pause, the record says that the job is about to be sent, as others must not take it for a
/// job that is over.
struct CancelledPause<'a> {
    ws: &'a Wavespeed,
    number: JobNumber,
}

impl CancelledPause<'_> {
    /// Ends the pause without a record.
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for CancelledPause<'_> {
    fn drop(&mut self) {
        // A call of a store is carried out even if its future is dropped.
        drop(self.ws.0.store.settle(self.number, Resolution::Rejected));
    }
}

impl Wavespeed {
    /// Submits the input of a job again, unchanged and under the same number, because a person says
    /// that no prediction came of the first submit. **This call costs money.**
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit), except for the faults of the input; and
    /// [`SubmitError::Store`] if the job has an id by now, or another process has sent it again.
    pub async fn resubmit(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        let mut submit = PendingSubmit {
            number: record.number,
            model: &record.model,
            input: &record.input,
            webhook: record.webhook.as_deref(),
            at: record.at,
            deadline,
        };
        // The claim comes before the check of the record: of two processes that resubmit the same
        // job, only one gets past both.
        let _claim = self.0.store.claim(record.number).await?;
        self.renew_intent(&mut submit).await?;
        self.send(submit).await
    }

    /// Sends a submit until it is accepted, its outcome is unknown, or it is rejected for good.
    pub(super) async fn send(&self, mut submit: PendingSubmit<'_>) -> Result<Job, SubmitError> {
        let number = submit.number;
        let mut resends = 0..self.0.resends;
        let mut submitting = self.submitting();
        let rejected = loop {
            let attempt = self.attempt(&submit).await;
            match decide(&attempt, SystemTime::now()) {
                Outcome::Accepted(id) => {
                    // The handle has the id even if the store could not record it.
                    let recorded = self.settle(number, Resolution::Accepted(id.clone())).await;
                    let job = self.accepted(id, number, &attempt);
                    let now = self.0.poller.clock().now();
                    return Ok(job
                        .with_submission(submit.model, now)
                        .with_store_result(recorded));
                }
                Outcome::Unknown(mut unknown) => {
                    // If this fails, the job stays intended, which is treated as unknown as well.
                    _ = self.settle(number, Resolution::Unknown).await;
                    unknown.job = number.known();
                    return Err(unknown.into());
                }
                Outcome::Rejected(rejected) => {
                    let backoff = self.backoff(&rejected, resends.next());
                    let clock = self.0.poller.clock();
                    let Some(backoff) =
                        backoff.filter(|backoff| submit.deadline.allows(*backoff, clock))
                    else {
                        break rejected;
                    };
                    tracing::warn!(%rejected, ?backoff, "the submit is sent again");
                    drop(submitting);
                    let pause = CancelledPause { ws: self, number };
                    clock.sleep(backoff).await;
                    submitting = self.submitting();
                    pause.end();
                    // The sleep may have lasted beyond the deadline (the machine was suspended). The
                    // rejection is then the better error.
                    if !submit.deadline.allows(Duration::ZERO, clock) {
                        break rejected;
                    }
                    self.renew_intent(&mut submit).await?;
                }
            }
        };
        _ = self.settle(number, Resolution::Rejected).await;
        Err(rejected.into())
    }

    /// Records that a submit is about to be sent again. If its outcome is lost this time, the history
    /// is searched from here on.
    async fn renew_intent(&self, submit: &mut PendingSubmit<'_>) -> Result<(), StoreError> {
        let (before, at) = (submit.at, SystemTime::now());
        let resent = Resolution::Resent { before, at };
        self.0.store.settle(submit.number, resent).await?;
        submit.at = at;
        Ok(())
    }

    /// Makes one POST.
    async fn attempt(&self, submit: &PendingSubmit<'_>) -> Attempt {
        let (clock, timeout) = (self.0.poller.clock(), self.0.timeouts.submit);
        let remaining = submit.deadline.remaining(clock).unwrap_or(timeout);
        if remaining.is_zero() {
            return Attempt::NotSent("the deadline expired before it".into());
        }
        let timeout = timeout.min(remaining);
        let deadline = Deadline::after(timeout, clock);
        // The client gets the time limit as a future, so that it can keep the part of the answer that
        // arrived before it: an id may be in there.
        let limit = async { _ = deadline.timeout(clock, pending::<()>()).await };
        let api = &self.0.api;
        let post = api.submit_raw(submit.model, submit.input, submit.webhook, limit);
        match post.await {
            Ok(answer) => Attempt::Answered(answer),
            Err(CallError::Limit) => Attempt::Unanswered(format!("no answer within {timeout:?}")),
            Err(CallError::Transport(error)) => Attempt::Unanswered(chain(&error)),
            Err(error) => Attempt::NotSent(error.to_string()),
        }
    }

    /// Returns the back-off after which a rejected submit is sent again, or `None` if it is not.
    /// `resend` counts the resends so far and is `None` when the budget is used up.
    fn backoff(&self, rejected: &RejectedSubmit, resend: Option<u32>) -> Option<Duration> {
        if !rejected.is_transient() {
            return None;
        }
        let backoff = self.0.poller.backoff(resend?);
        Some(rejected.retry_after.unwrap_or_default().max(backoff))
    }

    /// Records an outcome. The POST is done, so a store that fails now is logged and returned, and
    /// must not hide the outcome.
    pub(super) async fn settle(
        &self,
        job: JobNumber,
        resolution: Resolution,
    ) -> Result<(), StoreError> {
        let settled = self.0.store.settle(job, resolution).await;
        settled.inspect_err(|error| {
            tracing::error!(%job, %error, "the outcome of a submit could not be recorded");
        })
    }

    fn accepted(&self, id: PredictionId, number: JobNumber, attempt: &Attempt) -> Job {
        let prediction = match attempt {
            Attempt::Answered(answer) => prediction(answer),
            _ => None,
        };
        tracing::info!(%id, %number, "submitted");
        Job::new(self.clone(), id, FirstPoll::AfterGap, prediction.as_ref()).with_number(number)
    }
}
