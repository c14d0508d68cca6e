//! The store: a record of every submit, kept outside the process that makes it.
//!
//! The library drives a [`Store`] around every paid step: it records the intent before the POST, the
//! [`Resolution`] after it, then the end of the prediction and the saved files. When a process dies
//! in between, the record says what is left to do. The rules by which a record changes are those of
//! [`JobRecord::apply`]; a store only keeps what they decide. It may also remember uploads and how
//! long jobs took.

pub(crate) mod adoption;
pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod decision;
pub(crate) mod duration;
pub(crate) mod error;
mod forward;
pub(crate) mod identity;
pub(crate) mod intent;
pub(crate) mod key;
pub(crate) mod memory;
pub(crate) mod none;
pub(crate) mod number;
pub(crate) mod record;
mod rfc3339;
mod same_api;
pub(crate) mod upload;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use wavespeed_client::{Prediction, PredictionId};

use crate::store::change::Settlement;
use crate::store::claim::Claim;
use crate::store::decision::Intended;
use crate::store::duration::JobDuration;
use crate::store::error::StoreError;
use crate::store::intent::Intent;
use crate::store::number::JobNumber;
use crate::store::record::{Account, Downloaded, JobFilter, JobRecord};
use crate::store::upload::{Content, FileState, UploadRecord};

/// The future of a call to a [`Store`].
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Returns the future of a call whose result is already known.
fn ready<T: Send + 'static>(result: Result<T, StoreError>) -> StoreFuture<T> {
    Box::pin(std::future::ready(result))
}

/// A record of submits and their outcomes.
///
/// The trait is object-safe, and pointers to a store ([`Arc`](std::sync::Arc), [`Box`]) are stores, too. Several
/// processes may use one store at once. What an implementation must guarantee:
///
/// - **A call begins when its method is called**, and is carried out even if the future is dropped.
///   The future only tells the result. Calls from one task are carried out in their order.
/// - **What was written is safe** (on disk, say) when the future returns `Ok`.
/// - **A future does not block** the thread that polls it: the thread belongs to the program's async
///   runtime, which other tasks use.
///
/// The methods with a default body are optional: a store without them remembers no uploads and no
/// durations, and does not prevent two processes from sending the same job again. A store that wraps
/// another one forwards every method.
///
/// # Implementing a store
///
/// A store selects the jobs that may stand in the way of an intent, and lets the rules decide; it then only
/// writes their results down. Without a database, that is:
///
/// ```
/// use std::collections::BTreeMap;
/// use std::time::SystemTime;
/// use wavespeed::{
///     Account, Change, Decision, Identity, Intent, JobNumber, JobRecord, Resolution, Settlement, Stage,
///     serde_json::json,
/// };
///
/// let account = Account::new("https://api.wavespeed.ai/api/v3", "production");
/// let (model, input) = ("vendor/model".parse()?, json!({ "prompt": "a boat at dawn" }));
/// let identity = Identity::new("vendor/model", &input, &BTreeMap::new());
/// let body = input.to_string();
/// let intent = Intent::new(&account, &model, &body, &identity, SystemTime::now());
///
/// // `intend`: no job stands in the way, so a new one is recorded.
/// let decision = intent.decide(Vec::new(), |_| false);
/// assert_eq!(decision, Decision::Insert { running: None });
/// let mut job = JobRecord::new(JobNumber::new(1), &intent);
/// assert_eq!(job.stage, Stage::Intended);
///
/// // `settle`: the vendor has accepted the job.
/// let settlement = Settlement::from(Resolution::Accepted("pred_1".parse()?));
/// let applied = job.apply(&Change::Resolved { settlement: &settlement, owner: None })?;
/// assert!(applied.into_result().is_ok());
/// // Another answer replaces its id. The caller learns that both predictions may be billed.
/// let settlement = Settlement::from(Resolution::Accepted("pred_2".parse()?));
/// let applied = job.apply(&Change::Resolved { settlement: &settlement, owner: None })?;
/// assert!(applied.into_result().is_err());
/// assert_eq!((job.stage, job.is_open()), (Stage::Submitted, true));
/// assert_eq!(job.ids().count(), 2); // the replaced one is an `EarlierAttempt`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns `true` if the store keeps jobs. An idempotency key needs a store that does.
    fn keeps_jobs(&self) -> bool {
        true
    }

    /// Records a submit that is about to be sent, unless a job stands in its way, as one atomic step by
    /// the rules of [`Intent::decide`]. If this fails, the submit is not sent.
    ///
    /// # Errors
    /// Returns an error if the intent could not be written.
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended>;

    /// Records the outcome of a submit, by the rules of [`JobRecord::apply`]. A job that never gets
    /// here (the process ended, say) may have been billed.
    ///
    /// # Errors
    /// Returns an error if the outcome could not be written, or if the rules refuse it. Two errors say what
    /// was written: the one of the kind [`Gone`](crate::StoreErrorKind::Gone) that the job was forgotten, and
    /// its id, if the outcome has one, is [known](Self::known_ids); the one of the kind
    /// [`AcceptedTwice`](crate::StoreErrorKind::AcceptedTwice) that the job had another id before.
    fn settle(&self, job: JobNumber, settlement: &Settlement) -> StoreFuture<()>;

    /// Claims a job that is about to be sent, for as long as the returned [`Claim`] lives. Without
    /// the claim, another sender could take a submit that is on its way for a lost one and send it
    /// again. A claim ends with its process, however the process ends, and not before the calls that
    /// were made before it was dropped.
    ///
    /// # Errors
    /// Returns an error of the kind [`Claimed`](crate::StoreErrorKind::Claimed) if another owner has
    /// claimed the job.
    fn claim(&self, _: JobNumber) -> StoreFuture<Claim> {
        ready(Ok(Claim::default()))
    }

    /// Records that a prediction was seen in a terminal status, for every job with its id at the base URL
    /// of the account. An id without a job is not an error.
    ///
    /// # Errors
    /// Returns an error if the end could not be written.
    fn record_end(&self, account: &Account, prediction: &Prediction) -> StoreFuture<()>;

    /// Records that every output of a prediction was saved, for every job with its id at the base URL of
    /// the account. Earlier files of the job stay, by the rule of [`Downloaded::merge`]. An id without a
    /// job is not an error.
    ///
    /// # Errors
    /// Returns an error if the files could not be written down.
    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> StoreFuture<()>;

    /// Returns the jobs that pass the filter, oldest first.
    ///
    /// # Errors
    /// Returns an error if the jobs could not be read.
    fn jobs(&self, account: &Account, filter: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>>;

    /// Returns those of the given ids that belong to jobs at the base URL of the account: jobs of every
    /// account, their earlier attempts, and jobs that were forgotten.
    ///
    /// # Errors
    /// Returns an error if the ids could not be read.
    fn known_ids(&self, account: &Account, ids: &[PredictionId]) -> StoreFuture<Vec<PredictionId>>;

    /// Forgets a job, which frees its key, and returns `true` if it was there. Its ids stay
    /// [known](Self::known_ids), and what [`JobRecord::forget`] leaves of it stays among the jobs of the
    /// [base URL](JobFilter::BaseUrl): a prediction of unknown owner may be that of the forgotten job.
    ///
    /// # Errors
    /// Returns an error of the kind [`Claimed`](crate::StoreErrorKind::Claimed) if the job is claimed, since
    /// the id of a job that is being sent is still to come; and an error if the job could not be
    /// forgotten.
    fn forget(&self, job: JobNumber) -> StoreFuture<bool>;

    /// Waits until every call that was made before this one is carried out.
    ///
    /// # Errors
    /// Returns an error if that cannot be known.
    fn flush(&self) -> StoreFuture<()> {
        ready(Ok(()))
    }

    /// Returns the SHA-256 of a file that is in exactly the state in which it was last uploaded.
    ///
    /// # Errors
    /// Returns an error if the hash could not be read.
    fn find_hash(&self, file: &FileState) -> StoreFuture<Option<String>> {
        _ = file;
        ready(Ok(None))
    }

    /// Returns the last upload of a content, however long ago it was.
    ///
    /// # Errors
    /// Returns an error if the upload could not be read.
    fn find_upload(
        &self,
        account: &Account,
        content: &Content,
    ) -> StoreFuture<Option<UploadRecord>> {
        _ = (account, content);
        ready(Ok(None))
    }

    /// Records an upload. `file` is the state of a file with this content, if the hash of the file
    /// can be remembered by its state. Uploads that had expired when this one was made may be
    /// removed.
    ///
    /// # Errors
    /// Returns an error if the upload could not be written.
    fn record_upload(
        &self,
        account: &Account,
        upload: &UploadRecord,
        file: Option<&FileState>,
    ) -> StoreFuture<()> {
        _ = (account, upload, file);
        ready(Ok(()))
    }

    /// Removes an upload that the vendor no longer has, and returns `true` if it was known.
    ///
    /// # Errors
    /// Returns an error if the upload could not be removed.
    fn forget_upload(&self, account: &Account, url: &str) -> StoreFuture<bool> {
        _ = (account, url);
        ready(Ok(false))
    }

    /// Records how long a completed job took. The first duration of an id is kept, however often its
    /// end is seen. Returns `true` if the duration was new and was kept.
    ///
    /// # Errors
    /// Returns an error if the duration could not be written.
    fn record_duration(&self, account: &Account, duration: &JobDuration) -> StoreFuture<bool> {
        _ = (account, duration);
        ready(Ok(false))
    }

    /// Returns how long jobs of a model took, newest last. The last hundred are enough: older ones
    /// hardly count.
    ///
    /// # Errors
    /// Returns an error if the durations could not be read.
    fn durations(&self, account: &Account, model: &str) -> StoreFuture<Vec<JobDuration>> {
        _ = (account, model);
        ready(Ok(Vec::new()))
    }
}
