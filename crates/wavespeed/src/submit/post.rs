//! One POST, from the intent to the recorded outcome.
//!
//! Intent, POST and outcome run as one task of their own, so that a caller whose future is dropped loses
//! the waiting and not the id. A submit is sent again only after an outcome that is certainly a rejection,
//! and the pause before it belongs to the caller's future: dropped there, nothing more is sent. Before
//! each further POST the store gets a new intent, so that a reconciliation looks at the right time.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot::{self, error::TryRecvError};
use tracing::Instrument as _;
use wavespeed_client::text::shorten;
use wavespeed_client::{CallError, HttpErrorKind, PredictionId};
use wavespeed_poll::{Deadline, FirstPoll};

use crate::call::clock_offset;
use crate::client::Wavespeed;
use crate::store::change::{Resolution, Settlement};
use crate::store::claim::Claim;
use crate::store::decision::{ExistingReason, Intended};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::intent::Intent;
use crate::store::number::JobNumber;
use crate::store::record::JobRecord;
use crate::submit::error::SubmitError;
use crate::submit::event::{Observer, RunEvent};
use crate::submit::outcome::{Attempt, Outcome, RejectedSubmit, UnknownOutcome, decide};
use crate::submit::pending::{PendingSubmit, Post};
use crate::vendor_clock::Moment;
use crate::wait::job::Job;

/// The number of characters of an answer that the store keeps. The answers of the vendor are a hundredth of
/// it, and a gateway's error page should not fill the store.
const MAX_ANSWER: usize = 64 << 10;

/// The number of retries of recording an outcome. A journal waits 5 s each time for another program that
/// holds its file.
const SETTLE_RETRIES: u32 = 3;

/// A POST whose outcome is recorded.
pub(super) struct Sent {
    number: JobNumber,
    /// The time of the intent.
    at: SystemTime,
    /// The claim on a rejected job, for a sender that waits before it sends the job again.
    claim: Option<Claim>,
    result: Result<Box<Job>, NotAccepted>,
}

/// The outcome of a POST without an id.
enum NotAccepted {
    Rejected(RejectedSubmit),
    Unknown(UnknownOutcome),
}

/// The result of the task that makes the first POST.
pub(super) enum First {
    Sent(Box<Sent>),
    /// A job stood in the way, and nothing was sent.
    Existing(Box<JobRecord>, ExistingReason),
}

impl Sent {
    /// Notifies an observer of the outcome, unless the submit may be sent again.
    fn notify(&self, observer: &Observer) {
        match &self.result {
            Ok(job) => observer.notify(RunEvent::Submitted(job)),
            Err(NotAccepted::Unknown(unknown)) => {
                observer.notify(RunEvent::OutcomeUnknown(unknown));
            }
            Err(NotAccepted::Rejected(_)) => {}
        }
    }
}

impl Wavespeed {
    /// Runs a part of a submit as a task of its own, which dropping the returned future does not stop.
    ///
    /// # Errors
    /// Returns an unknown outcome if the runtime ends before the task.
    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SubmitError>> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let in_flight = self.in_flight();
        let task = async move {
            let result = work.await;
            drop(in_flight);
            result
        };
        match tokio::spawn(task.in_current_span()).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => {
                    let message = "the runtime ended before the submit was answered";
                    Err(UnknownOutcome::new(message).into())
                }
            },
        }
    }

    /// Records the intent and makes the first POST, in one piece.
    pub(super) async fn send_first(
        &self,
        submit: &PendingSubmit,
        deadline: Deadline,
        observer: &Observer,
    ) -> Result<First, SubmitError> {
        let (ws, submit, observer) = (self.clone(), submit.clone(), observer.clone());
        // Held by the caller's future alone, so that the task learns when that is dropped.
        let (_caller, mut dropped) = oneshot::channel::<Infallible>();
        self.spawn(async move {
            if dropped.try_recv() == Err(TryRecvError::Closed) {
                // Nothing has begun, and no one waits for the result.
                return Err(RejectedSubmit::not_sent("the caller is gone").into());
            }
            let post = submit.clone().into_post(deadline);
            let token = post.token()?;
            let moment = Moment::now();
            let at = moment.wall();
            let intent = Intent {
                clock_offset: ws.0.vendor_clock.offset_at(&moment),
                key_fingerprint: &ws.0.key_fingerprint,
                key: submit.key.as_ref(),
                label: submit.label.as_deref(),
                price: submit.price,
                target: submit.target.as_ref(),
                webhook: submit.webhook.as_deref(),
                webhook_token: token.as_deref(),
                retry: submit.replaced.as_ref(),
                refuse_running: submit.refuse_running,
                ignore_other_accounts: submit.ignore_other_accounts,
                serialise: ws.0.serialises_submits.then(|| ws.submit_limit()),
                ..Intent::new(
                    &ws.0.account,
                    &submit.model,
                    &submit.body,
                    &submit.identity,
                    at,
                )
            };
            let (number, claim) = match ws.0.store.intend(&intent).await? {
                Intended::Existing { job, reason } => return Ok(First::Existing(job, reason)),
                Intended::Recorded {
                    job,
                    claim,
                    running,
                } => {
                    if let Some(running) = running {
                        tracing::warn!(job = %running.number, "an equal job is running");
                        observer.notify(RunEvent::Duplicate(&running));
                    }
                    (job, claim)
                }
            };
            let post = post.with_token(token.as_deref());
            let sent = ws.post_and_settle(number, moment, claim, &post).await;
            sent.notify(&observer);
            Ok(First::Sent(Box::new(sent)))
        })
        .await
    }

    /// Records that a job is about to be sent again and makes the POST, in one piece. If the outcome is
    /// lost this time, the history is searched from now on.
    pub(super) async fn send_again(
        &self,
        number: JobNumber,
        before: SystemTime,
        claim: Claim,
        post: Post,
        observer: &Observer,
    ) -> Result<Sent, SubmitError> {
        let (ws, observer) = (self.clone(), observer.clone());
        self.spawn(async move {
            let token = post.token()?;
            let moment = Moment::now();
            let at = moment.wall();
            let offset = ws.0.vendor_clock.offset_at(&moment);
            let resent = Settlement::new(Resolution::Resent { before, at }, None, offset);
            let resent = resent.webhook_token(token.clone());
            ws.0.store.settle(number, &resent).await?;
            let post = post.with_token(token.as_deref());
            let sent = ws.post_and_settle(number, moment, claim, &post).await;
            sent.notify(&observer);
            Ok(sent)
        })
        .await
    }

    /// Sends a submit until it is accepted, its outcome is unknown, or it is rejected for good.
    pub(super) async fn finish_sending(
        &self,
        mut sent: Sent,
        post: Post,
        observer: &Observer,
    ) -> Result<Job, SubmitError> {
        let mut resends = 0..self.0.resends;
        loop {
            let rejected = match sent.result {
                Ok(job) => return Ok(*job),
                Err(NotAccepted::Unknown(unknown)) => return Err(unknown.into()),
                Err(NotAccepted::Rejected(rejected)) => rejected,
            };
            let clock = self.0.poller.clock();
            let backoff = self.backoff(&rejected, resends.next());
            let Some(backoff) = backoff.filter(|backoff| post.deadline.allows(*backoff, clock))
            else {
                return Err(rejected.into());
            };
            tracing::warn!(%rejected, ?backoff, "the submit is sent again");
            observer.notify(RunEvent::Rejected {
                rejected: &rejected,
                backoff,
            });
            // The record says that the job is rejected, so nothing is lost if this future is dropped. The
            // claim tells others that the job is about to be sent.
            clock.sleep(backoff).await;
            // The sleep may have lasted beyond the deadline (the machine was suspended). The rejection is
            // then the better error.
            if !post.deadline.allows(Duration::ZERO, clock) {
                return Err(rejected.into());
            }
            let Some(claim) = sent.claim else {
                return Err(rejected.into());
            };
            sent = self
                .send_again(sent.number, sent.at, claim, post.clone(), observer)
                .await?;
        }
    }

    /// Makes one POST and records its outcome. The handle has the id even if the store could not record
    /// it.
    async fn post_and_settle(
        &self,
        number: JobNumber,
        intended: Moment,
        claim: Claim,
        post: &Post,
    ) -> Sent {
        let span = tracing::Span::current();
        span.record("number", tracing::field::display(number));
        let attempt = self.attempt(post).await;
        let now = SystemTime::now();
        let answer = match &attempt {
            Attempt::Answered(answer) => Some(answer),
            _ => None,
        };
        if let Some(answer) = answer {
            self.observe_date(answer);
        }
        let offset = answer.and_then(|answer| clock_offset(answer, now));
        let (resolution, result) = match decide(&attempt, now) {
            Outcome::Accepted(id) => {
                span.record("id", id.as_str());
                let job = self.accepted(id.clone(), number, &attempt);
                let job = job.with_submission(&post.model, self.0.poller.clock().now());
                (Resolution::Accepted(id), Ok(job))
            }
            Outcome::Rejected(rejected) => {
                (Resolution::Rejected, Err(NotAccepted::Rejected(rejected)))
            }
            Outcome::Unknown(mut unknown) => {
                unknown.job = number.known();
                (Resolution::Unknown, Err(NotAccepted::Unknown(unknown)))
            }
        };
        let is_unknown = resolution == Resolution::Unknown;
        // Beside an unknown outcome, only a success is kept: a record that has it did arrive, and is not
        // taken for one that never did.
        let kept = answer.filter(|answer| !is_unknown || answer.status.is_success());
        let kept = kept.map(|answer| shorten(&answer.text(), MAX_ANSWER));
        let mut settlement = Settlement::new(resolution, kept, offset);
        let at = intended.wall();
        if is_unknown {
            self.0.vendor_clock.remember_lost(number, intended);
            // The window of the submit is as long as the POST took, also if the clock was set meanwhile.
            settlement = settlement.lost_at(at.checked_add(intended.elapsed()).unwrap_or(at));
        }
        let settled = self.settle(number, &settlement).await;
        let (result, claim) = match result {
            Ok(job) => (Ok(Box::new(job.with_store_result(settled))), None),
            Err(NotAccepted::Rejected(mut rejected)) => {
                rejected.store_error = settled.err().map(|error| error.to_string());
                (Err(NotAccepted::Rejected(rejected)), Some(claim))
            }
            // Without the claim, others can look for the job.
            Err(unknown) => (Err(unknown), None),
        };
        Sent {
            number,
            at,
            claim,
            result,
        }
    }

    /// Records the outcome of a POST, with retries: another program may hold the file of the store for a
    /// while. A store that fails for good must not hide the outcome. A job that stays intended is treated
    /// as unknown.
    async fn settle(&self, job: JobNumber, settlement: &Settlement) -> Result<(), StoreError> {
        let mut retry = 0;
        loop {
            let settled = self.0.store.settle(job, settlement).await;
            let Err(error) = settled else { return Ok(()) };
            if error.kind() == StoreErrorKind::Failed && retry < SETTLE_RETRIES {
                self.0
                    .poller
                    .clock()
                    .sleep(self.0.poller.backoff(retry))
                    .await;
                retry += 1;
                continue;
            }
            // A job that was forgotten meanwhile still keeps its id in the store.
            let is_lost = error.kind() == StoreErrorKind::Failed;
            self.0.has_unrecorded.fetch_or(is_lost, Ordering::Relaxed);
            let resolution = &settlement.resolution;
            tracing::error!(%job, ?resolution, %error, "the outcome of a submit could not be recorded");
            return Err(error);
        }
    }

    /// Makes one POST.
    async fn attempt(&self, post: &Post) -> Attempt {
        let (clock, timeout) = (self.0.poller.clock(), self.0.timeouts.submit);
        let remaining = post.deadline.remaining(clock).unwrap_or(timeout);
        if remaining.is_zero() {
            return Attempt::NotSent("the deadline expired before it".into());
        }
        let timeout = timeout.min(remaining);
        let deadline = Deadline::after(timeout, clock);
        // The client gets the time limit as a future, so that it can keep the part of the answer that
        // arrived before it: an id may be in there.
        let limit = async { _ = deadline.timeout(clock, pending::<()>()).await };
        let (body, webhook) = (post.body.clone(), post.webhook.as_deref());
        let answer = self.0.api.submit_raw(&post.model, body, webhook, limit);
        match answer.await {
            Ok(answer) => Attempt::Answered(answer),
            Err(CallError::Limit) => {
                let seconds = timeout.as_secs_f64().round();
                Attempt::Unanswered(format!("no answer within {seconds} s"))
            }
            Err(CallError::Unprocessed(error)) => match error.kind() {
                HttpErrorKind::Unprocessed => Attempt::Unprocessed(error.to_string()),
                _ => Attempt::NotSent(error.to_string()),
            },
            Err(error) => Attempt::Unanswered(error.to_string()),
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

    fn accepted(&self, id: PredictionId, number: JobNumber, attempt: &Attempt) -> Job {
        let prediction = match attempt {
            Attempt::Answered(answer) => answer.prediction(),
            _ => None,
        };
        tracing::info!(%id, %number, "submitted");
        Job::new(self.clone(), id, FirstPoll::AfterGap, prediction.as_ref()).with_number(number)
    }
}
