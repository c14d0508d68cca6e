//! Resuming the job of a record: what is left of a run, whatever its stage.

use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::run::finish::{Finished, RunError, finish};
use crate::store::record::{JobRecord, Stage};
use crate::submit::error::SubmitError;
use crate::submit::event::Observer;
use crate::submit::outcome::{HistorySearch, UnknownOutcome};
use crate::submit::reconcile::Reconciled;
use crate::wait::job::Job;

impl Wavespeed {
    /// Finishes the job of a record: looks for it in the vendor's history if its id is not known, waits for
    /// its end, and saves its outputs if the record has a target. **Nothing is ever submitted.** A job that
    /// is finished already is returned as it is.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), wavespeed::StoreError> {
    /// use wavespeed::JobFilter;
    ///
    /// for job in ws.jobs(JobFilter::Open).await? {
    ///     match ws.resume(&job, ws.deadline()).await {
    ///         Ok(done) => println!("{}: {} files", job.number, done.files.len()),
    ///         Err(error) => eprintln!("{}: {error}", job.number),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`RunError::Rejected`] if the vendor did not accept the job, [`SubmitError::Unknown`] if its
    /// outcome stays unknown, and the errors of [`run`](Self::run) after the submit.
    pub async fn resume(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Finished, RunError> {
        let job = match Job::of_record(self, record) {
            Some(job) => job,
            None if record.stage == Stage::Rejected => {
                return Err(RunError::Rejected { job: record.number });
            }
            None => self.find_lost(record, deadline).await?,
        };
        let target = record.target.as_ref();
        finish(self, job, target, deadline, &Observer::default()).await
    }

    /// Returns the job of a record whose outcome is unknown, if the history has it.
    async fn find_lost(&self, record: &JobRecord, deadline: Deadline) -> Result<Job, SubmitError> {
        let message = "its sender ended, or lost the connection, before it had the answer";
        let mut unknown = UnknownOutcome::new(message).with_job(record.number);
        unknown.search = match self.reconcile(record, deadline).await {
            Ok(Reconciled::Adopted(job)) => return Ok(*job),
            Ok(Reconciled::Unresolved(search)) => search,
            Err(error) => HistorySearch::Failed(error.to_string()),
        };
        Err(unknown.into())
    }
}
