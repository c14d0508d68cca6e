//! The blocking client.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Method;
use serde_json::Value;
use wavespeed_client::{Answer, InvalidId, Prediction, PredictionId, types};
use wavespeed_poll::Deadline;

use crate::account::delete::DeleteError;
use crate::account::models::LiveModels;
use crate::account::price::Quote;
use crate::account::usage::{Usage, UsageError};
use crate::blocking::error::{BlockingError, StartError};
use crate::blocking::iter::Iter;
use crate::blocking::job::Job;
use crate::blocking::output::Output;
use crate::blocking::runtime::{Runtime, is_inside};
use crate::builder::Builder;
use crate::call::FetchError;
use crate::check::fault::Fault;
use crate::download::error::{DownloadError, SaveError};
use crate::run::builder::JobBuilder;
use crate::run::finish::{Finished, RunError};
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{Downloaded, JobFilter, JobRecord};
use crate::submit::error::SubmitError;
use crate::submit::input::RawInput;
use crate::submit::reconcile::{ReconcileError, Reconciled};
use crate::target::Target;
use crate::upload::builder::UploadBuilder;
use crate::upload::error::UploadError;
use crate::upload::spool::UploadSource;
use crate::upload::uploaded::Uploaded;

/// A client of one account whose calls block the thread until they have their result. Cloning is cheap,
/// and clones share connections, state and the thread of the runtime.
///
/// The last clone or [`Job`] that is dropped waits for submits that are still in flight, at most until
/// their [timeout](crate::Timeouts), so that their ids are recorded. If it is dropped inside an async
/// runtime, the thread of this client waits instead, as long as the program runs. A program that ends
/// without dropping the client, by `std::process::exit` for example, calls [`flush`](Self::flush) before.
///
/// The [module](crate::blocking) has an example.
#[derive(Clone, Debug)]
pub struct Wavespeed {
    ws: crate::Wavespeed,
    runtime: Arc<Runtime>,
}

impl Builder {
    /// Creates a client for programs without an async runtime; with the feature `blocking`.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = wavespeed::MemoryStore::default(); // `wavespeed-journal` keeps jobs on disk
    /// let ws = wavespeed::Wavespeed::builder().env().store(store).build_blocking()?;
    /// println!("{} USD", ws.balance()?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`build`](Self::build), and an error if this is called inside an async runtime
    /// or if no thread can be started.
    pub fn build_blocking(self) -> Result<Wavespeed, StartError> {
        if is_inside() {
            return Err(StartError::InsideRuntime);
        }
        let ws = self.build()?;
        let runtime = Runtime::start(ws.clone()).map_err(StartError::Thread)?;
        let runtime = Arc::new(runtime);
        Ok(Wavespeed { ws, runtime })
    }
}

/// The calls fail with [`BlockingError::InsideRuntime`] inside an async runtime, and otherwise as the
/// calls of the async client do.
impl Wavespeed {
    /// Creates a client with the API key in `WAVESPEED_API_KEY`, and the base URL in
    /// `WAVESPEED_BASE_URL` if that is set. [`Builder::build_blocking`] creates one with other settings.
    ///
    /// # Errors
    /// Returns an error if there is no API key, if one of the two is malformed, if this is called inside an
    /// async runtime, or if no thread can be started.
    pub fn from_env() -> Result<Self, StartError> {
        Builder::default().env().build_blocking()
    }

    /// Makes any calls of the async client, and blocks until their result is there. A future that the
    /// calls leave unfinished is dropped.
    ///
    /// # Errors
    /// Returns the error of the calls.
    pub fn block<T, E>(
        &self,
        calls: impl AsyncFnOnce(&crate::Wavespeed) -> Result<T, E>,
    ) -> Result<T, BlockingError<E>> {
        self.runtime.call(calls(&self.ws))
    }

    /// Returns the settings and helpers of the async client, such as its account and deadline.
    #[must_use]
    pub fn as_async(&self) -> &crate::Wavespeed {
        &self.ws
    }

    /// Submits an input once; see [`Wavespeed::submit`](crate::Wavespeed::submit). **This call costs
    /// money.** `options` sets what the job needs, and returns the builder unchanged if there is nothing
    /// to set.
    ///
    /// # Errors
    /// Returns the error of the submit.
    pub fn submit(
        &self,
        input: impl Into<RawInput>,
        options: impl FnOnce(JobBuilder<crate::Job>) -> JobBuilder<crate::Job>,
    ) -> Result<Job, BlockingError<SubmitError>> {
        let submit = options(self.ws.submit(input));
        let job = self.runtime.call(submit.into_future())?;
        Ok(self.blocking_job(job))
    }

    /// Submits an input, waits for the end of the job and saves its outputs; see
    /// [`Wavespeed::run`](crate::Wavespeed::run). **This call costs money.**
    ///
    /// # Errors
    /// Returns the error of the step that failed.
    pub fn run(
        &self,
        input: impl Into<RawInput>,
        options: impl FnOnce(JobBuilder<Finished>) -> JobBuilder<Finished>,
    ) -> Result<Finished, BlockingError<RunError>> {
        let run = options(self.ws.run(input));
        self.runtime.call(run.into_future())
    }

    /// Makes the checks that precede a submit, and nothing else; see [`JobBuilder::check`].
    ///
    /// # Errors
    /// Returns all faults at once if any of them would prevent the submit.
    pub fn check(
        &self,
        input: impl Into<RawInput>,
        options: impl FnOnce(JobBuilder<crate::Job>) -> JobBuilder<crate::Job>,
    ) -> Result<Vec<Fault>, BlockingError<SubmitError>> {
        let submit = options(self.ws.submit(input));
        self.runtime.call(submit.check())
    }

    /// Uploads a file, bytes or a stream; see [`Wavespeed::upload`](crate::Wavespeed::upload).
    ///
    /// # Errors
    /// Returns the error of the upload.
    pub fn upload(
        &self,
        source: impl Into<UploadSource>,
        options: impl FnOnce(UploadBuilder) -> UploadBuilder,
    ) -> Result<Uploaded, BlockingError<UploadError>> {
        let upload = options(self.ws.upload(source));
        self.runtime.call(upload.into_future())
    }

    /// Returns the handle on the job with this id. Nothing is sent.
    ///
    /// # Errors
    /// Returns an error if the text cannot be an id: if it is empty, `.` or `..`, or not printable.
    pub fn job(&self, id: impl AsRef<str>) -> Result<Job, InvalidId> {
        Ok(self.blocking_job(self.ws.job(id)?))
    }

    /// Returns the blocking handle on a job of the async client, such as that of a [`Finished`].
    #[must_use]
    pub fn blocking_job(&self, job: crate::Job) -> Job {
        Job::new(job, Arc::clone(&self.runtime))
    }

    /// Returns the jobs that pass the filter, oldest first.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    pub fn jobs(&self, filter: JobFilter<'_>) -> Result<Vec<JobRecord>, BlockingError<StoreError>> {
        self.runtime.call(self.ws.jobs(filter))
    }

    /// Removes a job from the store; see [`Wavespeed::forget`](crate::Wavespeed::forget).
    ///
    /// # Errors
    /// Returns an error if the job is being sent, or if the store cannot be changed.
    pub fn forget(&self, job: JobNumber) -> Result<bool, BlockingError<StoreError>> {
        self.runtime.call(self.ws.forget(job))
    }

    /// Finishes the job of a record, and never submits; see
    /// [`Wavespeed::resume`](crate::Wavespeed::resume).
    ///
    /// # Errors
    /// Returns the error of the step that failed.
    pub fn resume(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Finished, BlockingError<RunError>> {
        self.runtime.call(self.ws.resume(record, deadline))
    }

    /// Searches the vendor's history for the prediction of a job; see
    /// [`Wavespeed::reconcile`](crate::Wavespeed::reconcile).
    ///
    /// # Errors
    /// Returns an error if the history or the store cannot be read.
    pub fn reconcile(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Reconciled, BlockingError<ReconcileError>> {
        self.runtime.call(self.ws.reconcile(record, deadline))
    }

    /// Adopts a prediction for a job because a person says that it is the one; see
    /// [`Wavespeed::adopt`](crate::Wavespeed::adopt).
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the job or the id belongs to another one by now.
    pub fn adopt(
        &self,
        record: &JobRecord,
        id: PredictionId,
    ) -> Result<Job, BlockingError<StoreError>> {
        let job = self.runtime.call(self.ws.adopt(record, id))?;
        Ok(self.blocking_job(job))
    }

    /// Submits the body of a job again because a person says that no prediction came of the first submit;
    /// see [`Wavespeed::resubmit`](crate::Wavespeed::resubmit). **This call costs money.**
    ///
    /// # Errors
    /// Returns the error of the submit.
    pub fn resubmit(
        &self,
        record: &JobRecord,
        not: &[PredictionId],
        deadline: Deadline,
    ) -> Result<Job, BlockingError<SubmitError>> {
        let job = self.runtime.call(self.ws.resubmit(record, not, deadline))?;
        Ok(self.blocking_job(job))
    }

    /// Saves every output of a prediction as a file; see
    /// [`Wavespeed::download`](crate::Wavespeed::download).
    ///
    /// # Errors
    /// Returns an error if any output could not be saved. The error lists the outputs that were saved.
    pub fn download(
        &self,
        done: &Prediction,
        target: &Target,
    ) -> Result<Vec<Downloaded>, BlockingError<DownloadError>> {
        self.runtime.call(self.ws.download(done, target))
    }

    /// Opens an output of a prediction for reading; see [`Wavespeed::open`](crate::Wavespeed::open).
    /// `index` counts from 0.
    ///
    /// # Errors
    /// Returns an error if there is no such output, or if its host does not answer with a success.
    pub fn open(
        &self,
        done: &Prediction,
        index: usize,
    ) -> Result<Output, BlockingError<SaveError>> {
        let output = self.runtime.call(self.ws.open(done, index))?;
        Ok(Output::new(output, Arc::clone(&self.runtime)))
    }

    /// Returns the predictions of the last 7 days, newest first. Each page is fetched when the previous
    /// one was consumed. After an error, the iterator ends.
    pub fn history(
        &self,
        filter: types::HistoryRequest,
    ) -> impl Iterator<Item = Result<Prediction, BlockingError<FetchError>>> + use<> {
        Iter::new(self.ws.history(filter), Arc::clone(&self.runtime))
    }

    /// Returns the charges and refunds of the account, in pages as [`history`](Self::history).
    pub fn billings(
        &self,
        filter: types::BillingsRequest,
    ) -> impl Iterator<Item = Result<types::Billing, BlockingError<FetchError>>> + use<> {
        Iter::new(self.ws.billings(filter), Arc::clone(&self.runtime))
    }

    /// Returns what the account used in a period; see [`Wavespeed::usage`](crate::Wavespeed::usage).
    ///
    /// # Errors
    /// Returns an error if the period is too long or the call fails.
    pub fn usage(
        &self,
        from: SystemTime,
        to: SystemTime,
        model: Option<&str>,
    ) -> Result<Usage, BlockingError<UsageError>> {
        self.runtime.call(self.ws.usage(from, to, model))
    }

    /// Deletes predictions from the vendor's history; see
    /// [`Wavespeed::delete`](crate::Wavespeed::delete).
    ///
    /// # Errors
    /// Returns an error if one of them belongs to an open job, or if the call fails.
    pub fn delete(
        &self,
        ids: &[PredictionId],
        even_open: bool,
    ) -> Result<u64, BlockingError<DeleteError>> {
        self.runtime.call(self.ws.delete(ids, even_open))
    }

    /// Returns the price of an input; see [`Wavespeed::price`](crate::Wavespeed::price).
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub fn price(&self, model: &str, input: &Value) -> Result<Quote, BlockingError<FetchError>> {
        self.runtime.call(self.ws.price(model, input))
    }

    /// Returns the balance of the account in USD.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub fn balance(&self) -> Result<f64, BlockingError<FetchError>> {
        self.runtime.call(self.ws.balance())
    }

    /// Fetches the vendor's own list of models.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub fn live_models(&self) -> Result<LiveModels, BlockingError<FetchError>> {
        self.runtime.call(self.ws.live_models())
    }

    /// Makes a call that has no method; see [`Wavespeed::call`](crate::Wavespeed::call).
    ///
    /// # Errors
    /// Returns an error if no answer was received.
    pub fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, BlockingError<FetchError>> {
        self.runtime.call(self.ws.call(method, path, body))
    }

    /// Waits until no submit is in flight and every call of the store is carried out; see
    /// [`Wavespeed::flush`](crate::Wavespeed::flush). Returns `false` if an id may not be recorded.
    ///
    /// # Errors
    /// Fails only inside an async runtime.
    pub fn flush(&self, deadline: Deadline) -> Result<bool, BlockingError<Infallible>> {
        self.runtime
            .call(async { Ok(self.ws.flush(deadline).await) })
    }
}
