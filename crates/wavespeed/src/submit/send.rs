//! Sending a submit until its outcome is known: with a key, after the job that has it; once more after a
//! rejection that may pass; and with a look at the vendor's history after an unknown outcome.

use std::collections::BTreeSet;

use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::store::intent::ExistingReason;
use crate::store::record::{JobFilter, JobRecord};
use crate::submit::error::SubmitError;
use crate::submit::event::{Observer, RunEvent};
use crate::submit::outcome::{HistorySearch, UnknownOutcome};
use crate::submit::post::{First, PendingSubmit, Post};
use crate::submit::prepare::{FIRST_BACKOFF, Followed, Submission};
use crate::submit::reconcile::Reconciled;
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
            if reason != ExistingReason::Key {
                let job = record;
                return Err(SubmitError::Duplicate { job, reason });
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
        unknown.search = match self.ws.reconcile(record, self.deadline).await {
            Ok(Reconciled::Adopted(job)) => {
                self.notify(RunEvent::Submitted(&job));
                return Ok(*job);
            }
            Ok(Reconciled::Nothing) => HistorySearch::Nothing,
            Ok(Reconciled::Candidates(found)) => HistorySearch::Candidates(found),
            Err(error) => HistorySearch::Failed(error.to_string()),
        };
        Err(unknown.into())
    }
}

impl Wavespeed {
    /// Submits the body of a job again, unchanged and under the same number, because a person says that
    /// no prediction came of the first submit. **This call costs money.**
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit), except for the faults of the input; and
    /// [`SubmitError::Store`] if the job has an id by now, or if another process sends it or has sent it
    /// again since the record was read.
    pub async fn resubmit(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        // The claim comes before the check of the record: of two processes that resubmit the same job,
        // only one gets past both.
        self.check_base_url(record)?;
        let claim = self.0.store.claim(record.number).await?;
        let post = Post {
            model: record.model.clone(),
            body: record.body.clone(),
            webhook: record.webhook.clone(),
            deadline,
        };
        let (number, before) = (record.number, record.at);
        let observer = Observer::default();
        let sent = self.send_again(number, before, claim, post.clone(), &observer);
        let sent = sent.await?;
        self.finish_sending(sent, post, &observer).await
    }
}
