//! The builder of a job: what [`Wavespeed::submit`] and [`Wavespeed::run`] return.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use wavespeed_client::Model;
use wavespeed_poll::Deadline;

use crate::check::fault::Fault;
use crate::check::rule::Rule;
use crate::check::text::normalize_texts;
use crate::client::Wavespeed;
use crate::run::finish::{Finished, RunError};
use crate::submit::error::SubmitError;
use crate::submit::event::{Observer, RunEvent};
use crate::submit::input::RawInput;
use crate::submit::options::JobOptions;
use crate::submit::prepare::Submission;
use crate::target::Target;
use crate::wait::job::Job;

/// A job that is about to be submitted. Set what it needs, then await it:
///
/// - [`Wavespeed::submit`] yields the [`Job`] as soon as the vendor has accepted it;
/// - [`Wavespeed::run`] yields the job, its final prediction and the saved files.
///
/// Nothing happens before the builder is awaited.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use wavespeed::{RawInput, Wavespeed, serde_json::json};
///
/// let ws = Wavespeed::from_env()?;
/// let input = RawInput::new("vendor/model", json!({ "prompt": "a boat at dawn" }));
/// let job = ws.submit(input).label("the opening").max_price(0.5).await?;
/// # Ok(()) }
/// ```
#[must_use = "nothing is submitted before the builder is awaited"]
pub struct JobBuilder<T> {
    pub(crate) ws: Wavespeed,
    pub(crate) input: RawInput,
    pub(crate) options: JobOptions,
    result: PhantomData<fn() -> T>,
}

impl<T> JobBuilder<T> {
    pub(super) fn new(ws: Wavespeed, input: RawInput) -> Self {
        let options = JobOptions::default();
        let result = PhantomData;
        Self {
            ws,
            input,
            options,
            result,
        }
    }

    /// Sets the idempotency key: 1 to 256 printable characters that name this job in the store, such
    /// as the number of an order. The account has at most one job per key, in every process that shares
    /// the store, so the call can be repeated without being paid for twice. What a repeated call does
    /// depends on the job that has the key:
    ///
    /// | the job of the key | the repeated call |
    /// |---|---|
    /// | is being sent | waits for the outcome, within the deadline |
    /// | runs or has completed | returns that job |
    /// | failed, was cancelled, timed out or was deleted | returns that job; see [`retry_failed`](Self::retry_failed) |
    /// | was rejected | sends it again under the same number |
    /// | has an unknown outcome | looks for it in the vendor's history, and never sends it |
    /// | is older than 7 days, without an end that was seen | fails with [`SubmitError::Expired`] |
    /// | has another model or input | fails with [`SubmitError::KeyConflict`] |
    ///
    /// Keys do not expire. [`Wavespeed::forget`] frees the key of a job.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.options.key = Some(key.into());
        self
    }

    /// Sets a label, a note by which people recognize the job.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.label = Some(label.into());
        self
    }

    /// Sets the deadline of the whole call. After it nothing is sent; if it expires while the submit is
    /// in flight, the outcome is unknown. The default is the deadline of the settings.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Sets the deadline of the whole call to a time from now.
    pub fn timeout(self, after: Duration) -> Self {
        let deadline = Deadline::after(after, self.ws.0.poller.clock());
        self.deadline(deadline)
    }

    /// Sets the highest price in USD. A submit whose price is higher or not known is not sent.
    pub fn max_price(mut self, usd: f64) -> Self {
        self.options.max_price = Some(usd);
        self
    }

    /// Sets the URL to which the vendor reports the end of the job: an https URL, or any URL on this
    /// machine if the API is on it, too. See [`webhook`](crate::webhook).
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.options.webhook = Some(url.into());
        self
    }

    /// Adds the parameter `wavespeed_job` with a random token to the query of the webhook's URL, by which
    /// [`settle_webhook`](Wavespeed::settle_webhook) finds the job if the answer to its submit is lost. The
    /// store has the token; it is new each time the job is sent.
    pub fn webhook_token(mut self) -> Self {
        self.options.has_webhook_token = true;
        self
    }

    /// Sets the place where the outputs are to be saved. [`Wavespeed::run`] saves them;
    /// [`Wavespeed::submit`] checks the place and notes it in the store, where a later process finds it to resume the job.
    pub fn target(mut self, target: impl Into<Target>) -> Self {
        self.options.target = Some(target.into());
        self
    }

    /// Allows the input to break a rule. A fault that breaks it is reported as a warning.
    pub fn override_rule(mut self, rule: Rule) -> Self {
        self.options.overridden.push(rule);
        self
    }

    /// Refuses the submit while an equal job is running, or has outputs that are still to be saved. By
    /// default such a job is reported to the [`observer`](Self::observer), and the submit is sent. With
    /// a [`key`](Self::key) this has no effect.
    pub fn refuse_running(mut self) -> Self {
        self.options.refuse_running = true;
        self
    }

    /// Submits although the store has an equal job of another account at the same API whose outcome is unknown.
    /// By default the submit is refused, because that job may be this one, sent with another API key or by
    /// another spelling of the base URL. **If it was accepted, the job is paid for twice.**
    pub fn ignore_other_accounts(mut self) -> Self {
        self.options.ignore_other_accounts = true;
        self
    }

    /// Sends the job of the [`key`](Self::key) once more if the store knows that it ended without outputs:
    /// it failed, was cancelled, timed out or was deleted. **The new attempt costs money.** It keeps the
    /// number of the job, whose record keeps the earlier ids and prices. A failure that was not recorded
    /// yet is only returned.
    pub fn retry_failed(mut self) -> Self {
        self.options.retry_failed = true;
        self
    }

    /// Sets the model by which the input is checked, in place of the one in the catalogue: one of
    /// [`LiveModels`](crate::LiveModels), for example. Its id must be that of the input.
    pub fn model_schema(mut self, model: &Model) -> Self {
        self.options.schema = Some(*model);
        self
    }

    /// Sends the input without a check. The vendor ignores unknown inputs and bills the job that the
    /// others give.
    pub fn unchecked(mut self) -> Self {
        self.options.is_checked = false;
        self
    }

    /// Sets whether the content of files is checked: the header of local files, and of files behind URLs
    /// by a few small requests. The default is `true`. Local files must exist in any case.
    pub fn check_media(mut self, check: bool) -> Self {
        self.options.checks_media = check;
        self
    }

    /// Sets whether a job whose outcome is unknown may be found in the vendor's history and adopted. The
    /// default is `true`; see [`Wavespeed::reconcile`].
    pub fn adopt(mut self, adopt: bool) -> Self {
        self.options.adopts = adopt;
        self
    }

    /// Sends the job once more under its number if its submit is proven
    /// [absent](crate::HistorySearch::Absent): it got lost before it reached the vendor. The proof takes the
    /// submit timeout and the history lag, about 3 minutes. The default is to return the error with this
    /// finding, for a person to decide.
    ///
    /// The proof fails while another lost submit of the model is from the same time;
    /// [`serialise_submits`](crate::Builder::serialise_submits) prevents that.
    pub fn resend_absent(mut self) -> Self {
        self.options.resends_absent = true;
        self
    }

    /// Sets a function that receives every step of the job. It is called on any thread and should return
    /// quickly.
    pub fn observer(mut self, observer: impl Fn(RunEvent<'_>) + Send + Sync + 'static) -> Self {
        self.options.observer = Observer::new(observer);
        self
    }

    /// Makes the checks that precede a submit, and nothing else. Returns the warnings.
    ///
    /// # Errors
    /// Returns all faults at once if any of them would prevent the submit.
    pub async fn check(&self) -> Result<Vec<Fault>, SubmitError> {
        let submission = Submission::new(&self.ws, &self.input, &self.options)?;
        submission.check().await
    }

    /// Brings the texts of the input into the form in which they are sent. This comes before everything
    /// else, as the identity of the submit and its price are those of the text that is sent.
    fn normalize_texts(&mut self) {
        let known = || wavespeed_client::model(&self.input.model).copied();
        let model = self.options.schema.or_else(known);
        if let (Some(model), Ok(input)) = (model, &mut self.input.value) {
            normalize_texts(&model, input);
        }
    }
}

impl<T> fmt::Debug for JobBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobBuilder")
            .field("model", &self.input.model)
            // A key is not validated yet, and could be the API key; a webhook may contain a secret.
            .field("label", &self.options.label)
            .field("target", &self.options.target)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for JobBuilder<Job> {
    type Output = Result<Job, SubmitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            self.normalize_texts();
            let submission = Submission::new(&self.ws, &self.input, &self.options)?;
            submission.submit().await
        })
    }
}

impl IntoFuture for JobBuilder<Finished> {
    type Output = Result<Finished, RunError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            self.normalize_texts();
            let submission = Submission::new(&self.ws, &self.input, &self.options)?;
            submission.run().await
        })
    }
}
