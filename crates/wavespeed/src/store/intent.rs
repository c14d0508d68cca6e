//! The intent of a submit, and the rules by which a store answers it.
//!
//! [`Intent::decide`] is a pure function of the jobs that a store already has, so that every store
//! follows the same rules: a store selects the jobs, asks for the [`Decision`], and carries it out, all in
//! one transaction.

use std::time::{Duration, SystemTime};

use wavespeed_client::{ModelId, PredictionId};

use crate::store::decision::{Decision, ExistingReason};
use crate::store::identity::Identity;
use crate::store::key::IdempotencyKey;
use crate::store::number::JobNumber;
use crate::store::record::{Account, EarlierAttempt, JobRecord, Stage};
use crate::target::Target;

/// The time for which the vendor keeps a prediction and its outputs (`spec/wavespeed.yaml`, operation
/// `list_predictions`).
pub(crate) const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A submit that is about to be sent.
///
/// [`Store`](crate::Store) has an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Intent<'a> {
    /// The account that the job belongs to.
    pub account: &'a Account,
    /// The fingerprint of the API key that is used: the first 12 hex digits of its SHA-256.
    pub key_fingerprint: &'a str,
    /// The model.
    pub model: &'a ModelId,
    /// The body, exactly as it is sent.
    pub body: &'a str,
    /// The identity of the model and the input.
    pub identity: &'a Identity,
    /// The idempotency key, if the caller chose one.
    pub key: Option<&'a IdempotencyKey>,
    /// The label that the caller gave to the job, if any.
    pub label: Option<&'a str>,
    /// The quoted price in USD, if it was asked for.
    pub price: Option<f64>,
    /// The place where the outputs are to be saved, if they are.
    pub target: Option<&'a Target>,
    /// The URL to which the vendor reports the end of the job, if any.
    pub webhook: Option<&'a str>,
    /// The token in the URL of the webhook by which the job is recognized, if any.
    pub webhook_token: Option<&'a str>,
    /// The time of the intent.
    pub at: SystemTime,
    /// The seconds by which the vendor's clock is ahead of this machine's, if an answer near the intent has
    /// shown that.
    pub clock_offset: Option<i64>,
    /// The attempt of the job of the key that is to be replaced by another one, if it ended without
    /// outputs. An attempt that the caller has not seen is not replaced: the id is that of the record
    /// that the caller read.
    pub retry: Option<&'a PredictionId>,
    /// `true` to record nothing while an equal job is running.
    pub refuse_running: bool,
    /// `true` to record the intent although the outcome of an equal job of another account is unknown.
    pub ignore_other_accounts: bool,
    /// If set, nothing is recorded while another submit of the model may be under way; see
    /// [`Builder::serialise_submits`](crate::Builder::serialise_submits). The value is the time after which
    /// a submit of unknown outcome is certainly over.
    pub serialise: Option<Duration>,
}

impl<'a> Intent<'a> {
    /// Creates an intent with what every submit has.
    #[must_use]
    pub fn new(
        account: &'a Account,
        model: &'a ModelId,
        body: &'a str,
        identity: &'a Identity,
        at: SystemTime,
    ) -> Self {
        Self {
            account,
            key_fingerprint: "",
            model,
            body,
            identity,
            key: None,
            label: None,
            price: None,
            target: None,
            webhook: None,
            webhook_token: None,
            at,
            clock_offset: None,
            retry: None,
            refuse_running: false,
            ignore_other_accounts: false,
            serialise: None,
        }
    }

    /// Returns `true` if the decision about this intent depends on a job of the store. The job has the key or,
    /// for an intent without a key, the digest; or the intent waits for its turn among the submits of the
    /// model. A job of another account counts only if its outcome is not recorded, and its digest is equal in
    /// any case.
    #[must_use]
    pub fn concerns(&self, job: &JobRecord) -> bool {
        self.is_own(job) || self.precedes(job) || self.is_like_elsewhere(job)
    }

    fn is_own(&self, job: &JobRecord) -> bool {
        let is_alike = match self.key {
            Some(key) => job.key.as_ref() == Some(key),
            None => self.has_digest(job),
        };
        is_alike && job.account == *self.account
    }

    fn has_digest(&self, job: &JobRecord) -> bool {
        job.identity.digest() == self.identity.digest()
    }

    /// Returns `true` if a job of another account may be this submit, which a caller repeats with another API
    /// key or another spelling of the base URL. With a key, only the same key makes a job a repeated one, as
    /// within an account.
    fn is_like_elsewhere(&self, job: &JobRecord) -> bool {
        let has_key = self.key.is_none() || job.key.as_ref() == self.key;
        let is_elsewhere = job.account != *self.account && job.account.shares_api(self.account);
        !self.ignore_other_accounts
            && job.has_no_outcome()
            && has_key
            && self.has_digest(job)
            && is_elsewhere
    }

    /// Returns `true` if a job may be a submit that this one waits for.
    fn precedes(&self, job: &JobRecord) -> bool {
        let Some(limit) = self.serialise else {
            return false;
        };
        // A clock that was set in between makes the difference too long rather than too short.
        let since = self.at.duration_since(job.at);
        let since = since.unwrap_or_else(|error| error.duration());
        let may_be_sent = match job.stage {
            Stage::Intended | Stage::Rejected => true,
            Stage::Unknown => since < limit,
            Stage::Submitted | Stage::Ended | Stage::Saved => false,
        };
        may_be_sent && job.model == *self.model && job.account == *self.account
    }

    /// Decides what a store does with this intent. `jobs` are the jobs of the store, of every account, that it
    /// [concerns](Self::concerns); `is_claimed` returns `true` for a job that is
    /// [claimed](crate::Store::claim).
    #[must_use]
    pub fn decide(
        &self,
        jobs: impl IntoIterator<Item = JobRecord>,
        is_claimed: impl Fn(JobNumber) -> bool,
    ) -> Decision {
        let jobs = jobs.into_iter();
        let (own, others): (Vec<_>, Vec<_>) = jobs.partition(|job| self.is_own(job));
        let decision = self.decide_by_own(own, &is_claimed);
        if matches!(decision, Decision::Existing { .. }) {
            return decision;
        }
        let obstacle = |job: &JobRecord| {
            let is_claimed = is_claimed(job.number);
            if self.is_like_elsewhere(job) {
                // A job that is being sent is not lost: its sender is about to record the outcome.
                let is_lost = job.stage == Stage::Unknown || !is_claimed;
                let counts = is_lost && !job.is_older_than_retention(self.at);
                return counts.then_some(ExistingReason::OtherAccount);
            }
            // A rejected job is about to be sent only if its sender still waits to send it again.
            let is_unfinished = job.stage != Stage::Rejected || is_claimed;
            (self.precedes(job) && is_unfinished).then_some(ExistingReason::Turn)
        };
        let found = others
            .into_iter()
            .find_map(|job| Some((obstacle(&job)?, job)));
        match found {
            Some((reason, job)) => Decision::existing(job, reason),
            None => decision,
        }
    }

    fn decide_by_own(
        &self,
        jobs: Vec<JobRecord>,
        is_claimed: &impl Fn(JobNumber) -> bool,
    ) -> Decision {
        let mut jobs = jobs.into_iter();
        if self.key.is_some() {
            return match jobs.next() {
                None => Decision::Insert { running: None },
                Some(job) => self.decide_by_key(job, is_claimed),
            };
        }
        let mut running = None;
        // A claimed job is being sent, whatever the clock of its sender shows.
        let counts =
            |job: &JobRecord| !job.is_older_than_retention(self.at) || is_claimed(job.number);
        for job in jobs.filter(counts) {
            let reason = match job.stage {
                Stage::Unknown => Some(ExistingReason::OutcomeUnknown),
                // A claim without an owner: the process died before it could record the outcome.
                Stage::Intended if !is_claimed(job.number) => Some(ExistingReason::OutcomeUnknown),
                Stage::Intended => Some(ExistingReason::BeingSent),
                // Its sender waits before it sends the job again.
                Stage::Rejected if is_claimed(job.number) => Some(ExistingReason::BeingSent),
                _ => None,
            };
            if let Some(reason) = reason {
                return Decision::existing(job, reason);
            }
            if job.id.is_some() && job.is_open() {
                running.get_or_insert(Box::new(job));
            }
        }
        match running {
            Some(job) if self.refuse_running => Decision::Existing {
                job,
                reason: ExistingReason::Running,
            },
            running => Decision::Insert { running },
        }
    }

    fn decide_by_key(
        &self,
        mut job: JobRecord,
        is_claimed: &impl Fn(JobNumber) -> bool,
    ) -> Decision {
        let is_same = job.identity.digest() == self.identity.digest();
        // A rejected job has no id. Of two callers that ask for another attempt of the same failed one,
        // the second finds the attempt of the first, however that ended.
        let is_seen = job.id.is_none() || job.id.as_ref() == self.retry;
        let is_sendable = is_same && is_seen && job.is_sendable(self.retry.is_some());
        // The claim of a rejected job is that of a sender that waits before it sends the job again.
        if !is_sendable || is_claimed(job.number) {
            return Decision::existing(job, ExistingReason::Key);
        }
        job.renew(self);
        Decision::Resend { job: Box::new(job) }
    }
}

impl JobRecord {
    /// Creates the record of a job that is about to be sent.
    #[must_use]
    pub fn new(number: JobNumber, intent: &Intent<'_>) -> Self {
        Self {
            number,
            account: intent.account.clone(),
            key_fingerprint: intent.key_fingerprint.to_owned(),
            model: intent.model.clone(),
            body: intent.body.to_owned(),
            identity: intent.identity.clone(),
            key: intent.key.cloned(),
            label: intent.label.map(str::to_owned),
            price: intent.price,
            target: intent.target.cloned(),
            webhook: intent.webhook.map(str::to_owned),
            webhook_token: intent.webhook_token.map(str::to_owned),
            at: intent.at,
            stage: Stage::Intended,
            id: None,
            adopted: None,
            status: None,
            answer: None,
            clock_offset: intent.clock_offset,
            serialised: intent.serialise.is_some(),
            lost_at: None,
            prediction: None,
            files: Vec::new(),
            attempts: Vec::new(),
            forgotten: false,
        }
    }

    /// Returns the intent from which [`new`](Self::new) makes this record, with the default options. A store that
    /// works on another thread keeps an intent as a record.
    ///
    /// [`Store`](crate::Store) has an example.
    #[must_use]
    pub fn as_intent(&self) -> Intent<'_> {
        // Every field is named, so that a new one is not forgotten here.
        Intent {
            account: &self.account,
            key_fingerprint: &self.key_fingerprint,
            model: &self.model,
            body: &self.body,
            identity: &self.identity,
            key: self.key.as_ref(),
            label: self.label.as_deref(),
            price: self.price,
            target: self.target.as_ref(),
            webhook: self.webhook.as_deref(),
            webhook_token: self.webhook_token.as_deref(),
            at: self.at,
            clock_offset: self.clock_offset,
            retry: None,
            refuse_running: false,
            ignore_other_accounts: false,
            serialise: None,
        }
    }

    /// Reduces the record to what stays of it when the job is forgotten: the number, the account, the
    /// model, the times and the clock offset of the submit, the stage, and the ids with their earlier attempts.
    pub fn forget(&mut self) {
        let identity = Identity::default();
        let (account, model) = (self.account.clone(), self.model.clone());
        let intent = Intent::new(&account, &model, "", &identity, self.at);
        *self = Self {
            stage: self.stage,
            id: self.id.take(),
            attempts: std::mem::take(&mut self.attempts),
            // They say which predictions could be the one, so that no other job takes it.
            clock_offset: self.clock_offset,
            lost_at: self.lost_at,
            forgotten: true,
            ..Self::new(self.number, &intent)
        };
    }

    /// Returns `true` if a second submit with the key of this job may send it again: nothing is billed
    /// for it, or it ended without outputs and the caller asks for another attempt.
    #[must_use]
    pub fn is_sendable(&self, retry_failed: bool) -> bool {
        match self.stage {
            Stage::Rejected => true,
            Stage::Ended => retry_failed && !self.is_completed(),
            _ => false,
        }
    }

    /// Returns `true` if the vendor no longer keeps what it made of this job. A clock that was set back
    /// makes a job look as if it were yet to come; that job is not old.
    pub(crate) fn is_older_than_retention(&self, now: SystemTime) -> bool {
        now.duration_since(self.at).is_ok_and(|age| age > RETENTION)
    }

    /// Prepares the record for another attempt. What the earlier attempt cost stays in the record.
    fn renew(&mut self, intent: &Intent<'_>) {
        let mut attempts = std::mem::take(&mut self.attempts);
        // An attempt without an id was rejected, so it left nothing to remember.
        attempts.extend(self.id.take().map(|id| EarlierAttempt {
            at: self.at,
            id,
            status: self.status.take(),
            price: self.price,
        }));
        let label = self.label.take();
        *self = Self {
            attempts,
            ..Self::new(self.number, intent)
        };
        if self.label.is_none() {
            self.label = label;
        }
    }
}
