//! Sending a submit until its outcome is known: with a key, after the job that has it; once more after a
//! rejection that may pass; and with a look at the vendor's history after an unknown outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use wavespeed_client::PredictionId;
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::store::claim::Claim;
use crate::store::decision::ExistingReason;
use crate::store::error::StoreErrorKind;
use crate::store::record::{JobFilter, JobRecord, Stage};
use crate::submit::error::SubmitError;
use crate::submit::event::{Observer, RunEvent};
use crate::submit::outcome::{HistorySearch, UnknownOutcome};
use crate::submit::pending::{PendingSubmit, Post};
use crate::submit::post::First;
use crate::submit::prepare::{FIRST_BACKOFF, Followed, Submission};
use crate::submit::reconcile::{Patience, Reconciled, Search};
use crate::wait::job::Job;

impl Submission<'_> {
    /// Records the intent and sends the submit, or finds the job that has taken the key meanwhile.
    pub(super) async fn send(&self, submit: PendingSubmit) -> Result<Job, SubmitError> {
        let (mut submit, mut backoff) = (submit, FIRST_BACKOFF);
        loop {
            self.notify(RunEvent::Submitting);
            let first = self
                .ws
                .send_first(&submit, self.deadline, &self.options.observer);
            let (record, reason) = match first.await? {
                First::Sent(sent) => {
                    let post = submit.into_post(self.deadline);
                    let observer = &self.options.observer;
                    return match self.ws.finish_sending(*sent, post, observer).await {
                        Err(SubmitError::Unknown(unknown)) => self.look_up_unknown(*unknown).await,
                        result => result,
                    };
                }
                First::Existing(record, reason) => (record, reason),
            };
            match reason {
                ExistingReason::Key => {}
                ExistingReason::Turn => {
                    self.await_turn(*record, &mut backoff).await?;
                    continue;
                }
                _ => {
                    return Err(SubmitError::Duplicate {
                        job: record,
                        reason,
                    });
                }
            }
            // Another call has taken the key since it was looked up.
            self.check_same(&record, &submit.identity, &BTreeSet::new())?;
            let number = record.number;
            let ended = Job::of_record(self.ws, &record);
            match (self.follow(*record).await?, ended) {
                (Followed::Job(job), _) => return Ok(*job),
                // An attempt that was made and failed since the key was looked up is not replaced: the
                // caller has not seen it.
                (Followed::Send { replaced: Some(id) }, Some(job))
                    if submit.replaced.as_ref() != Some(&id) =>
                {
                    return Ok(job);
                }
                (Followed::Send { replaced }, _) => submit.replaced = replaced,
            }
            // The job was claimed by a call that only looked at it.
            self.pause(number, &mut backoff).await?;
        }
    }

    /// Waits a while for the outcome of the submit that comes before this one. If its sender is gone, or has
    /// lost the outcome, the history is searched for it.
    async fn await_turn(
        &self,
        before: JobRecord,
        backoff: &mut Duration,
    ) -> Result<(), SubmitError> {
        if before.stage == Stage::Intended {
            match self.ws.0.store.claim(before.number).await {
                Ok(_claim) => {
                    let marked = self.ws.mark_lost(&before).await;
                    return marked.map(drop).map_err(SubmitError::Lookup);
                }
                Err(error) if error.kind() == StoreErrorKind::Claimed => {}
                Err(error) => return Err(SubmitError::Lookup(error)),
            }
        }
        if before.stage == Stage::Unknown && self.options.adopts {
            let search = Search {
                patience: Patience::Absence,
                ..Search::new(&before, self.deadline)
            };
            // Without a conclusion, the limit for a submit passes, and it no longer stands in the way.
            if let Ok(Reconciled::Adopted(_)) = self.ws.search(&search).await {
                return Ok(());
            }
        }
        self.pause(before.number, backoff).await
    }

    /// Looks for the job of a submit whose outcome has just become unknown.
    async fn look_up_unknown(&self, unknown: UnknownOutcome) -> Result<Job, SubmitError> {
        let Some(number) = unknown.job else {
            return Err(unknown.into());
        };
        // The outcome must reach the caller even if the store fails now.
        match self.find(JobFilter::Number(number)).await {
            Ok(Some(record)) => self.resolve(&record, unknown).await,
            _ => Err(unknown.into()),
        }
    }

    /// Looks for the job of a record in the vendor's history, and returns `unknown` with what was found
    /// if it cannot be adopted.
    pub(super) async fn resolve(
        &self,
        record: &JobRecord,
        mut unknown: UnknownOutcome,
    ) -> Result<Job, SubmitError> {
        if !self.options.adopts {
            return Err(unknown.into());
        }
        self.notify(RunEvent::Reconciling(record.number));
        if self.options.resends_absent {
            return self.resend_absent(record, unknown).await;
        }
        unknown.search = match self.ws.reconcile(record, self.deadline).await {
            Ok(Reconciled::Adopted(job)) => {
                self.notify(RunEvent::Submitted(&job));
                return Ok(*job);
            }
            Ok(Reconciled::Unresolved(search)) => search,
            Err(error) => HistorySearch::Failed(error.to_string()),
        };
        Err(unknown.into())
    }

    /// Looks for the job of a record, and sends it once more if its submit is proven absent. The claim is
    /// held from before the look until the POST, so that no one else sends it meanwhile.
    async fn resend_absent(
        &self,
        record: &JobRecord,
        mut unknown: UnknownOutcome,
    ) -> Result<Job, SubmitError> {
        let ws = self.ws;
        let claim = match ws.0.store.claim(record.number).await {
            Ok(claim) => claim,
            Err(error) if error.kind() == StoreErrorKind::Claimed => {
                unknown.search = HistorySearch::BeingSent;
                return Err(unknown.into());
            }
            Err(error) => return Err(SubmitError::Lookup(error)),
        };
        let search = Search {
            patience: Patience::Absence,
            ..Search::new(record, self.deadline)
        };
        unknown.search = match ws.search(&search).await {
            Ok(Reconciled::Adopted(job)) => {
                self.notify(RunEvent::Submitted(&job));
                return Ok(*job);
            }
            Ok(Reconciled::Unresolved(HistorySearch::Absent)) => {
                tracing::warn!(job = %record.number, "the submit never arrived, and is sent again");
                let observer = &self.options.observer;
                return ws.resend(record, claim, self.deadline, observer).await;
            }
            Ok(Reconciled::Unresolved(search)) => search,
            Err(error) => HistorySearch::Failed(error.to_string()),
        };
        Err(unknown.into())
    }
}

impl Wavespeed {
    /// Submits the body of a job again, unchanged and under the same number, because a person says that
    /// no prediction came of the first submit. **This call costs money.**
    ///
    /// The history is looked at once more before. A prediction that is found is adopted, by the
    /// [policy](crate::AdoptPolicy), and its job returned. While candidates are left, nothing is sent;
    /// `not` has the ids of those that the person knows to be other jobs.
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit), except for the faults of the input;
    /// [`SubmitError::Unknown`] if there are candidates, or if the history could not be read whole; and
    /// [`SubmitError::Store`] if another process sends the job or has sent it again since the record was
    /// read.
    ///
    /// [`Reconciled`] has an example.
    pub async fn resubmit(
        &self,
        record: &JobRecord,
        not: &[PredictionId],
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        // The claim comes before the check of the record: of two processes that resubmit the same job,
        // only one gets past both.
        self.check_base_url(record)?;
        let claim = self.0.store.claim(record.number).await?;
        if record.stage == Stage::Rejected {
            return self
                .resend(record, claim, deadline, &Observer::default())
                .await;
        }
        let search = Search {
            excluded: not,
            ..Search::new(record, deadline)
        };
        let search = match self.search(&search).await {
            Ok(Reconciled::Adopted(job)) => return Ok(*job),
            Ok(Reconciled::Unresolved(search)) => search,
            Err(error) => HistorySearch::Failed(error.to_string()),
        };
        match search {
            // A history that is over, or does not show what was answered, will never say more.
            HistorySearch::NotFound
            | HistorySearch::Absent
            | HistorySearch::Answered
            | HistorySearch::Expired => {
                self.resend(record, claim, deadline, &Observer::default())
                    .await
            }
            search => {
                let message = "it is not submitted again, as it may exist";
                let unknown = UnknownOutcome {
                    search,
                    ..UnknownOutcome::new(message).with_job(record.number)
                };
                Err(unknown.into())
            }
        }
    }

    /// Sends the body of a claimed job again, unchanged and under the same number.
    async fn resend(
        &self,
        record: &JobRecord,
        claim: Claim,
        deadline: Deadline,
        observer: &Observer,
    ) -> Result<Job, SubmitError> {
        let post = Post {
            model: record.model.clone(),
            body: record.body.clone(),
            webhook: record.webhook.clone(),
            has_webhook_token: record.webhook_token.is_some(),
            deadline,
        };
        let (number, before) = (record.number, record.at);
        let sent = self.send_again(number, before, claim, post.clone(), observer);
        let sent = sent.await?;
        self.finish_sending(sent, post, observer).await
    }
}
