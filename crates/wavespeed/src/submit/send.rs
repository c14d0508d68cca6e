//! Sending a submit that the store has as intended, and recording its outcome.

use std::future::pending;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use wavespeed_client::text::chain;
use wavespeed_client::{CallError, ModelId, PredictionId};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::record;
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{JobRecord, Resolution};
use crate::submit::error::SubmitError;
use crate::submit::outcome::{Attempt, Outcome, RejectedSubmit, decide};
use crate::wait::job::Job;

/// A submit on its way.
pub(super) struct PendingSubmit<'a> {
    /// Its job in the store.
    pub(super) number: JobNumber,
    pub(super) model: &'a ModelId,
    pub(super) input: &'a Value,
    pub(super) webhook: Option<&'a str>,
    /// When it was last about to be sent.
    pub(super) at: SystemTime,
    pub(super) deadline: Deadline,
}

impl Wavespeed {
    /// Submits the input of a job again as it is, under the same number, by the word of a person
    /// that nothing came of it. **This is a call that costs money.**
    ///
    /// # Errors
    /// As of [`submit`](Self::submit), but for the faults of the input; and if the task of the job is known by now, or somebody else
    /// has sent it again.
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
        let _mine = self.0.store.claim(record.number)?;
        self.resent(&mut submit)?;
        self.send(submit).await
    }

    /// Sends what the store has as intended.
    pub(super) async fn send(&self, mut submit: PendingSubmit<'_>) -> Result<Job, SubmitError> {
        let number = submit.number;
        let mut resends = 0..self.0.resends;
        let rejected = loop {
            let attempt = self.attempt(&submit).await;
            match decide(&attempt, SystemTime::now()) {
                Outcome::Accepted(id) => {
                    let with_store_error = self.settle(number, &Resolution::Accepted(&id));
                    let job = self.submitted(id, number, &attempt);
                    let now = self.0.poller.clock().now();
                    return Ok(job
                        .with_submission(submit.model, now)
                        .with_store_error(with_store_error));
                }
                Outcome::Unknown(mut unknown) => {
                    _ = self.settle(number, &Resolution::Unknown);
                    unknown.job = Some(number).filter(|number| number.get() > 0);
                    return Err(unknown.into());
                }
                Outcome::Rejected(rejected) => match self.retry_delay(&rejected, resends.next()) {
                    Some(wait) if submit.deadline.allows(wait, self.0.poller.clock()) => {
                        tracing::warn!(%rejected, ?wait, "the submit is sent again");
                        self.sleep(wait).await;
                        // Woken too late: why it was rejected says more than that.
                        if !submit
                            .deadline
                            .allows(Duration::ZERO, self.0.poller.clock())
                        {
                            break rejected;
                        }
                        self.resent(&mut submit)?;
                    }
                    _ => break rejected,
                },
            }
        };
        _ = self.settle(number, &Resolution::Rejected);
        Err(rejected.into())
    }

    /// It is about to be sent again. Were it lost this time, it would be looked for from here on.
    fn resent(&self, submit: &mut PendingSubmit<'_>) -> Result<(), StoreError> {
        let (before, at) = (submit.at, SystemTime::now());
        let resent = Resolution::Resent { before, at };
        self.0.store.settle(submit.number, &resent)?;
        submit.at = at;
        Ok(())
    }

    /// One POST.
    async fn attempt(&self, submit: &PendingSubmit<'_>) -> Attempt {
        let clock = self.0.poller.clock();
        let left = submit
            .deadline
            .remaining(clock)
            .unwrap_or(self.0.timeouts.submit);
        if left.is_zero() {
            return Attempt::NotSent("the deadline came before it".into());
        }
        let timeout = left.min(self.0.timeouts.submit);
        let deadline = Deadline::after(timeout, clock);
        let limit = async { _ = deadline.timeout(clock, pending::<()>()).await };
        let post = self
            .0
            .api
            .submit_raw(submit.model, submit.input, submit.webhook, limit);
        match post.await {
            Ok(answer) => Attempt::Answered(answer),
            Err(CallError::Limit) => Attempt::Lost(format!("no answer within {timeout:?}")),
            Err(CallError::Transport(error)) => Attempt::Lost(chain(&error)),
            Err(error) => Attempt::NotSent(error.to_string()),
        }
    }

    /// After how long a rejected submit is sent again, the time before it being the `resend`th; not
    /// at all if there are no more, or another time would be rejected just the same.
    fn retry_delay(&self, rejected: &RejectedSubmit, resend: Option<u32>) -> Option<Duration> {
        if !rejected.is_transient() {
            return None;
        }
        let backoff = self.0.poller.backoff(resend?);
        Some(rejected.retry_after.unwrap_or_default().max(backoff))
    }

    async fn sleep(&self, time: Duration) {
        let clock = self.0.poller.clock();
        clock.sleep_until(clock.now() + time).await;
    }

    /// The submit is done: a store that fails now must not lose its outcome.
    pub(super) fn settle(
        &self,
        job: JobNumber,
        outcome: &Resolution<'_>,
    ) -> Result<(), StoreError> {
        let settled = self.0.store.settle(job, outcome);
        settled.inspect_err(|error| {
            tracing::error!(?outcome, %error, "the outcome of a submit could not be written down");
        })
    }

    fn submitted(&self, id: PredictionId, number: JobNumber, attempt: &Attempt) -> Job {
        let record = match attempt {
            Attempt::Answered(answer) => record(answer),
            _ => None,
        };
        tracing::info!(%id, %number, "submitted");
        Job::new(self.clone(), id, FirstPoll::AfterGap, record.as_ref()).with_number(number)
    }
}
