//! The recording of an intent: one step inside a transaction that no other process can come between.

use std::cell::RefCell;
use std::time::Duration;

use rusqlite::Transaction;
use wavespeed::{
    Claim, Decision, Intended, Intent, JobNumber, JobRecord, PredictionId, StoreErrorKind,
};

use crate::claim::Claims;
use crate::error::JournalError;
use crate::tables::selection::Selection;
use crate::tables::values::check_fingerprint;
use crate::tables::{jobs, records};

/// An [`Intent`] that owns its values, which the thread of the journal needs.
pub(crate) struct OwnedIntent {
    /// The record of a new job. The table gives its number.
    record: JobRecord,
    retry: Option<PredictionId>,
    refuse_running: bool,
    ignore_other_accounts: bool,
    serialise: Option<Duration>,
}

impl OwnedIntent {
    /// Copies an intent.
    ///
    /// # Errors
    /// Returns an error if the fingerprint of the API key is not one.
    pub(crate) fn new(intent: &Intent<'_>) -> Result<Self, JournalError> {
        check_fingerprint(intent.key_fingerprint)?;
        Ok(Self {
            record: JobRecord::new(JobNumber::new(0), intent),
            retry: intent.retry.cloned(),
            refuse_running: intent.refuse_running,
            ignore_other_accounts: intent.ignore_other_accounts,
            serialise: intent.serialise,
        })
    }

    fn as_intent(&self) -> Intent<'_> {
        let mut intent = self.record.as_intent();
        intent.retry = self.retry.as_ref();
        intent.refuse_running = self.refuse_running;
        intent.ignore_other_accounts = self.ignore_other_accounts;
        intent.serialise = self.serialise;
        intent
    }

    /// Decides by the jobs of the journal what becomes of the intent, and writes it. The claim of a job
    /// that is to be sent is taken before the transaction is committed, which makes the job visible to
    /// others.
    pub(crate) fn record(
        &self,
        transaction: &Transaction<'_>,
        claims: &Claims,
    ) -> Result<Intended, JournalError> {
        let intent = self.as_intent();
        let mut lost = None;
        loop {
            let (job, claim, running) = match decide(&intent, transaction, claims, lost)? {
                Decision::Existing { job, reason } => {
                    return Ok(Intended::Existing { job, reason });
                }
                Decision::Insert { running } => {
                    let job = jobs::insert(transaction, &self.record)?;
                    let Some(claim) = try_claim(claims, job)? else {
                        // A number may be claimed before a job has it. The next round gets the next
                        // number, since the table does not reuse this one.
                        jobs::remove(transaction, job)?;
                        continue;
                    };
                    (job, claim, running)
                }
                Decision::Resend { job } => {
                    let Some(claim) = try_claim(claims, job.number)? else {
                        // Another process has claimed the job since the decision, which is made again
                        // with that. Claims are not part of the transaction.
                        lost = Some(job.number);
                        continue;
                    };
                    jobs::replace(transaction, &job)?;
                    (job.number, claim, None)
                }
                _ => return Err(JournalError::Unsupported("decision about an intent")),
            };
            return Ok(Intended::Recorded {
                job,
                claim,
                running,
            });
        }
    }
}

/// Claims a job, or returns `None` if another process, or another part of this one, has the claim.
fn try_claim(claims: &Claims, job: JobNumber) -> Result<Option<Claim>, JournalError> {
    match claims.claim(job) {
        Err(JournalError::Store(error)) if error.kind() == StoreErrorKind::Claimed => Ok(None),
        claim => claim.map(Some),
    }
}

/// Decides about an intent by the jobs of the journal. `lost` is a job that is known to be claimed.
fn decide(
    intent: &Intent<'_>,
    transaction: &Transaction<'_>,
    claims: &Claims,
    lost: Option<JobNumber>,
) -> Result<Decision, JournalError> {
    let jobs = records::select(transaction, &Selection::from_intent(intent))?;
    let failure = RefCell::new(None);
    let decision = intent.decide(jobs, |job| {
        if lost == Some(job) {
            return true;
        }
        // The answer for a claim that cannot be read does not matter, because the decision is dropped.
        let is_claimed = claims.is_claimed(job);
        is_claimed.unwrap_or_else(|error| {
            failure.replace(Some(error));
            true
        })
    });
    match failure.into_inner() {
        Some(error) => Err(error),
        None => Ok(decision),
    }
}
