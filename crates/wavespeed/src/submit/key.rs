//! A submit whose key belongs to a job already: the table of
//! [`JobBuilder::key`](crate::JobBuilder::key).

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::store::claim::Claim;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::identity::{Identity, field_name};
use crate::store::number::JobNumber;
use crate::store::record::{JobFilter, JobRecord, Stage};
use crate::submit::error::SubmitError;
use crate::submit::event::RunEvent;
use crate::submit::outcome::UnknownOutcome;
use crate::submit::prepare::{FIRST_BACKOFF, Followed, MAX_BACKOFF, Submission};
use crate::wait::job::Job;

/// The state of a job whose record says that it is about to be sent, or was rejected.
enum Sender {
    /// It is being sent, or its sender waits before it sends the job again.
    Alive,
    /// No one sends it. The claim keeps it so.
    Gone(Claim),
}

impl Submission<'_> {
    /// Looks up the key, and follows the job that has it already.
    pub(super) async fn look_up_key(&self) -> Result<Followed, SubmitError> {
        let Some(key) = &self.key else {
            return Ok(Followed::SEND);
        };
        let Some(record) = self.find(JobFilter::Key(key)).await? else {
            return Ok(Followed::SEND);
        };
        let (identity, unreadable) = self.readable_identity().await?;
        // A file that is gone cannot be compared, and the job does not need it any more.
        self.check_same(&record, &identity, &unreadable)?;
        self.follow(record).await
    }

    /// Follows a job that has the key and the identity of this submit.
    pub(super) async fn follow(&self, mut record: JobRecord) -> Result<Followed, SubmitError> {
        self.notify(RunEvent::Existing(&record));
        let mut backoff = FIRST_BACKOFF;
        loop {
            let (number, stage) = (record.number, record.stage);
            match stage {
                Stage::Intended | Stage::Rejected => match self.sender(number).await? {
                    Sender::Alive => self.pause(number, &mut backoff).await?,
                    Sender::Gone(_claim) => {
                        // The outcome may have been recorded before the claim was released.
                        let current = self.find(JobFilter::Number(number)).await?;
                        let is_unchanged = current.is_some_and(|current| current.stage == stage);
                        if is_unchanged && stage == Stage::Rejected {
                            return Ok(Followed::SEND);
                        }
                        if is_unchanged {
                            // Others then see that no one sends it, and the window of the submit ends.
                            let marked = self.ws.mark_lost(&record).await;
                            marked.map_err(SubmitError::Lookup)?;
                        }
                    }
                },
                Stage::Unknown => return self.reconcile(&record).await.map(Followed::job),
                Stage::Submitted => return self.running(&record).map(Followed::job),
                Stage::Ended if record.is_sendable(self.options.retry_failed) => {
                    let replaced = record.id;
                    return Ok(Followed::Send { replaced });
                }
                Stage::Ended | Stage::Saved => return self.handle(&record).map(Followed::job),
            }
            match self.find(JobFilter::Number(number)).await? {
                Some(current) => record = current,
                // The job was forgotten meanwhile, so the key is free.
                None => return Ok(Followed::SEND),
            }
        }
    }

    /// Fails if the job that has the key is one of another model or input.
    pub(super) fn check_same(
        &self,
        record: &JobRecord,
        identity: &Identity,
        ignored: &BTreeSet<String>,
    ) -> Result<(), SubmitError> {
        if identity.digest() == record.identity.digest() {
            return Ok(());
        }
        let difference = record.identity.first_difference(identity, ignored);
        match (difference, &self.key) {
            (Some(difference), Some(key)) => Err(SubmitError::KeyConflict {
                key: key.clone(),
                job: record.number,
                difference: field_name(&difference),
            }),
            _ => Ok(()),
        }
    }

    async fn sender(&self, number: JobNumber) -> Result<Sender, SubmitError> {
        match self.ws.0.store.claim(number).await {
            Ok(claim) => Ok(Sender::Gone(claim)),
            Err(error) if error.kind() == StoreErrorKind::Claimed => Ok(Sender::Alive),
            Err(error) => Err(SubmitError::Lookup(error)),
        }
    }

    /// Waits before the next look at a job that is being sent elsewhere.
    pub(super) async fn pause(
        &self,
        job: JobNumber,
        backoff: &mut Duration,
    ) -> Result<(), SubmitError> {
        if *backoff == FIRST_BACKOFF {
            self.notify(RunEvent::BeingSent(job));
        }
        let clock = self.ws.0.poller.clock();
        let remaining = self.deadline.remaining(clock).unwrap_or(Duration::MAX);
        if remaining.is_zero() {
            return Err(SubmitError::BeingSent(job));
        }
        clock.sleep(remaining.min(*backoff)).await;
        *backoff = MAX_BACKOFF.min(*backoff * 2);
        Ok(())
    }

    /// Returns a job whose end was not seen, unless the vendor no longer has it.
    fn running(&self, record: &JobRecord) -> Result<Job, SubmitError> {
        let job = self.handle(record)?;
        if record.is_older_than_retention(SystemTime::now()) {
            return Err(SubmitError::Expired {
                job: record.number,
                id: job.id().clone(),
                at: record.at,
            });
        }
        Ok(job)
    }

    /// Returns the handle on a job whose id is known.
    fn handle(&self, record: &JobRecord) -> Result<Job, SubmitError> {
        let job = Job::of_record(self.ws, record);
        job.ok_or_else(|| {
            let message = format!("{} has ended without an id", record.number);
            SubmitError::Lookup(StoreError::new(message))
        })
    }

    /// Looks for the job of a record in the vendor's history. It is never sent.
    async fn reconcile(&self, record: &JobRecord) -> Result<Job, SubmitError> {
        let message = "an earlier process ended, or lost the connection, before it had the answer";
        let unknown = UnknownOutcome::new(message).with_job(record.number);
        self.notify(RunEvent::OutcomeUnknown(&unknown));
        self.resolve(record, unknown).await
    }

    pub(super) async fn find(
        &self,
        filter: JobFilter<'_>,
    ) -> Result<Option<JobRecord>, SubmitError> {
        let jobs = self.ws.jobs(filter).await.map_err(SubmitError::Lookup)?;
        Ok(jobs.into_iter().next())
    }
}
