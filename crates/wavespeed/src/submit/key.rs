//! What a submit does when its key belongs to a job already: the table of
//! [`JobBuilder::key`](crate::JobBuilder::key).

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::store::Claim;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::identity::field_name;
use crate::store::number::JobNumber;
use crate::store::record::{JobFilter, JobRecord, Stage};
use crate::submit::error::SubmitError;
use crate::submit::event::RunEvent;
use crate::submit::outcome::UnknownOutcome;
use crate::submit::prepare::Submission;
use crate::wait::job::Job;

/// The first back-off between two looks at a job that is being sent elsewhere, and the longest one. Most
/// submits are answered within a second.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The state of a job whose record says that it is about to be sent, or was rejected.
enum Sender {
    /// It is being sent, or its sender waits before it sends the job again.
    Alive,
    /// No one sends it. The claim keeps it so.
    Gone(Claim),
}

impl Submission<'_> {
    /// Returns the job that the key has already, or `None` if the submit is to be sent.
    pub(super) async fn look_up_key(&self) -> Result<Option<Job>, SubmitError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        match self.find(JobFilter::Key(key)).await? {
            Some(record) => self.follow(record).await,
            None => Ok(None),
        }
    }

    /// Returns the job of a record that has the key, or `None` if it is to be sent again or is gone.
    pub(super) async fn follow(&self, record: JobRecord) -> Result<Option<Job>, SubmitError> {
        self.check_same(&record).await?;
        self.notify(RunEvent::Existing(&record));
        let mut backoff = FIRST_BACKOFF;
        let mut record = record;
        loop {
            let (number, stage) = (record.number, record.stage);
            match stage {
                Stage::Intended | Stage::Rejected => match self.sender(number).await? {
                    Sender::Alive => {
                        self.pause(number, &mut backoff).await?;
                    }
                    Sender::Gone(claim) => {
                        // The outcome may have been recorded before the claim was released.
                        let current = self.find(JobFilter::Number(number)).await?;
                        match current {
                            Some(current) if current.stage != stage => drop(current),
                            Some(_) if stage == Stage::Rejected => return Ok(None),
                            None => return Ok(None),
                            // Its sender died. With the claim, no one sends it while it is looked for.
                            Some(current) => {
                                let found = self.reconcile(&current).await;
                                drop(claim);
                                return found.map(Some);
                            }
                        }
                    }
                },
                Stage::Unknown => return self.reconcile(&record).await.map(Some),
                Stage::Submitted => return self.running(&record).map(Some),
                Stage::Ended if record.is_sendable(self.options.retry_failed) => return Ok(None),
                Stage::Ended | Stage::Saved => return Ok(Some(self.handle(&record)?)),
            }
            match self.find(JobFilter::Number(number)).await? {
                Some(current) => record = current,
                // The job was forgotten meanwhile, so the key is free.
                None => return Ok(None),
            }
        }
    }

    /// Fails if the job that has the key is one of another model or input.
    async fn check_same(&self, record: &JobRecord) -> Result<(), SubmitError> {
        let (identity, unreadable) = self.readable_identity().await;
        if identity.digest() == record.identity.digest() {
            return Ok(());
        }
        // A file that is gone cannot be compared, and the job does not need it any more.
        let ignored: BTreeSet<String> = unreadable.into_iter().collect();
        let difference = record.identity.first_difference(&identity, &ignored);
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
    async fn pause(&self, job: JobNumber, backoff: &mut Duration) -> Result<(), SubmitError> {
        if *backoff == FIRST_BACKOFF {
            self.notify(RunEvent::BeingSent(job));
        }
        let clock = self.ws.0.poller.clock();
        if !self.deadline.allows(*backoff, clock) {
            return Err(SubmitError::BeingSent(job));
        }
        clock.sleep(*backoff).await;
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
