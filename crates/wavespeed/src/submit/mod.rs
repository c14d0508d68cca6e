//! Submitting: the one call that costs money.

pub(crate) mod outcome;
pub(crate) mod reconcile;

use std::future::pending;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use url::Url;
use wavespeed_client::{Answer, CallError, InvalidId, Model, ModelId, ModelInput, PredictionId};
use wavespeed_poll::{Deadline, Start};

use crate::http::{chain, is_loopback, is_private};
use crate::{
    Faults, FetchError, Files, Intent, Job, JobNumber, JobRecord, Quote, Rejected, Rule, Settled,
    StoreError, Target, Unknown, Wavespeed, check, override_rules,
};
use outcome::{Attempt, Outcome, decide};

/// Why a submit did not yield a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The input breaks rules of the model. Nothing was sent.
    #[error("the input was refused before anything was sent: {0}")]
    Invalid(#[from] Faults),
    /// It is not the id of a model. Nothing was sent.
    #[error(transparent)]
    Model(#[from] InvalidId),
    /// The input cannot be written as JSON. Nothing was sent.
    #[error("the input cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It costs more than it may. Nothing was sent.
    #[error(
        "it costs {} {}, which is more than {max} USD; nothing was submitted", .quote.price, .quote.currency
    )]
    Price {
        /// What the vendor asks for it.
        quote: Quote,
        /// What it may cost.
        max: f64,
    },
    /// What it costs is not known, and there is a limit. Nothing was sent.
    #[error("what it costs is not known, so nothing was submitted: {0}")]
    NoPrice(FetchError),
    /// The vendor could not report the end of the task there. Nothing was sent.
    #[error("the webhook {url:?} {why}, so nothing was submitted")]
    Webhook {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The submit could not be written down, so it was not sent.
    #[error("the submit could not be written down, so it was not sent: {0}")]
    Store(#[from] StoreError),
    /// It was refused or never sent. Nothing is billed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It was sent, and nobody knows what came of it.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

/// What a submit can be told beside its input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SubmitOptions<'a> {
    /// Nothing is sent once it has come; if it comes while the submit is on its way, the outcome is
    /// unknown.
    pub deadline: Deadline,
    /// Where the outputs are going to be saved, for the [`Store`](crate::Store) to remember.
    pub target: Option<&'a Target>,
    /// Rules that the input may break.
    pub overridden: &'a [Rule],
    /// The model to check by, in place of the catalogue's: one of
    /// [`LiveModels`](crate::LiveModels), for instance.
    pub model: Option<&'a Model>,
    /// What the task may cost in USD: more, or a price that is not known, and it is not sent.
    pub max_price: Option<f64>,
    /// Where the vendor is to report the end of the task: an https URL, or any of this machine if
    /// the API is on it, too. See [`webhook`](crate::webhook).
    pub webhook: Option<&'a str>,
}

impl SubmitOptions<'_> {
    /// With this deadline, no target, and every rule in force.
    #[must_use]
    pub fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            target: None,
            overridden: &[],
            model: None,
            max_price: None,
            webhook: None,
        }
    }
}

/// A submit on its way.
struct Sending<'a> {
    /// Its job in the store.
    number: JobNumber,
    model: &'a ModelId,
    input: &'a Value,
    webhook: Option<&'a str>,
    /// When it was last about to be sent.
    at: SystemTime,
    deadline: Deadline,
}

impl Wavespeed {
    /// Checks an input by every rule of its model, then submits it, once. **This is the call that
    /// costs money.**
    ///
    /// Dropping the future before its end may leave a task behind that was created and billed.
    ///
    /// # Errors
    /// All faults of the input at once; otherwise whether the submit was rejected (nothing is
    /// billed) or its outcome is unknown.
    pub async fn submit<I: ModelInput>(&self, input: &I) -> Result<Job, SubmitError> {
        self.submit_raw(I::MODEL, &serde_json::to_value(input)?)
            .await
    }

    /// As [`submit`](Self::submit), for JSON. A model that the catalogue does not have is submitted
    /// to without a check.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit).
    pub async fn submit_raw(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.submit_with(model, input, &SubmitOptions::new(self.deadline()))
            .await
    }

    /// As [`submit`](Self::submit), with options.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit).
    pub async fn submit_input<I: ModelInput>(
        &self,
        input: &I,
        options: &SubmitOptions<'_>,
    ) -> Result<Job, SubmitError> {
        self.submit_with(I::MODEL, &serde_json::to_value(input)?, options)
            .await
    }

    /// As [`submit_raw`](Self::submit_raw), with options.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit).
    pub async fn submit_with(
        &self,
        model: &str,
        input: &Value,
        options: &SubmitOptions<'_>,
    ) -> Result<Job, SubmitError> {
        let given = options.model.filter(|given| given.id == model);
        if let Some(model) = given.or_else(|| crate::model(model)) {
            let mut faults = check(model, input, Files::Url);
            override_rules(&mut faults, options.overridden);
            for fault in Faults::refused(faults)? {
                tracing::warn!(%fault, "submitted all the same");
            }
        }
        self.begin(model, input, options).await
    }

    /// Submits JSON as it is, once. **This is the call that costs money**: a key that the model
    /// does not know is dropped silently, and the task is billed with defaults.
    ///
    /// # Errors
    /// As of [`submit`](Self::submit), but for the faults of the input.
    pub async fn submit_unchecked(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.begin(model, input, &SubmitOptions::new(self.deadline()))
            .await
    }

    /// Submits the input of a job again as it is, under the same number, by the word of a person
    /// that nothing came of it. **This is a call that costs money.**
    ///
    /// # Errors
    /// As of [`submit`](Self::submit), but for the faults of the input; and if the task of the job is known by now, or somebody else
    /// has sent it again.
    pub async fn resubmit(
        &self,
        record: &JobRecord,
        deadline: Deadline,
    ) -> Result<Job, SubmitError> {
        let mut sending = Sending {
            number: record.number,
            model: &record.model,
            input: &record.input,
            webhook: record.webhook.as_deref(),
            at: record.at,
            deadline,
        };
        let _mine = self.0.store.claim(record.number)?;
        self.resent(&mut sending)?;
        self.send(sending).await
    }

    async fn begin(
        &self,
        model: &str,
        input: &Value,
        options: &SubmitOptions<'_>,
    ) -> Result<Job, SubmitError> {
        let webhook = options.webhook;
        webhook.map_or(Ok(()), |url| self.check_webhook(url))?;
        self.affordable(model, input, options).await?;
        let model: ModelId = model.parse()?;
        let target = options.target.map(Target::absolute).transpose();
        let at = SystemTime::now();
        let mut intent = Intent::new(&self.0.account, &model, input, at);
        let target = target.map_err(StoreError::new)?;
        intent.target = target.as_ref();
        intent.webhook = webhook;
        let sending = Sending {
            number: self.0.store.intend(&intent)?,
            model: &model,
            input,
            webhook,
            at,
            deadline: options.deadline,
        };
        let _mine = self.0.store.claim(sending.number).inspect_err(|_| {
            // It is not sent, so nothing is to be found of it.
            _ = self.settle(sending.number, &Settled::Rejected);
        })?;
        self.send(sending).await
    }

    /// Whether the vendor may be able to report the end of a task to a URL, as far as that can be
    /// said without trying: as a submit checks it.
    ///
    /// # Errors
    /// [`SubmitError::Webhook`], if it is none that the vendor takes or can reach.
    pub fn check_webhook(&self, webhook: &str) -> Result<(), SubmitError> {
        let wrong = |why| {
            Err(SubmitError::Webhook {
                url: webhook.to_owned(),
                why,
            })
        };
        let Ok(url) = webhook.parse::<Url>() else {
            return wrong("is not a URL such as https://host/path");
        };
        // A parser of URLs overlooks them, and the vendor gets them.
        if webhook.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return wrong("has spaces or line ends");
        }
        let is_ours = self
            .0
            .account
            .base_url
            .parse()
            .is_ok_and(|api| is_loopback(&api));
        match url.scheme() {
            "http" | "https" if is_ours => Ok(()),
            "https" if is_loopback(&url) => {
                wrong("is of this machine, which the vendor cannot reach")
            }
            "https" if is_private(&url) => {
                wrong("is of a private network, which the vendor cannot reach")
            }
            "https" => Ok(()),
            _ => wrong("is not https"),
        }
    }

    /// Whether a task costs no more than it may.
    async fn affordable(
        &self,
        model: &str,
        input: &Value,
        options: &SubmitOptions<'_>,
    ) -> Result<(), SubmitError> {
        let Some(max) = options.max_price else {
            return Ok(());
        };
        let given = options.model.filter(|given| given.id == model);
        let quote = match given {
            Some(model) => self.price_by(model, input).await,
            None => self.price(model, input).await,
        };
        let quote = quote.map_err(SubmitError::NoPrice)?;
        if quote.currency == "USD" && quote.price <= max {
            return Ok(());
        }
        Err(SubmitError::Price { quote, max })
    }

    /// Sends what the store has as intended.
    async fn send(&self, mut sending: Sending<'_>) -> Result<Job, SubmitError> {
        let number = sending.number;
        let mut resends = 0..self.0.resends;
        let rejected = loop {
            let attempt = self.attempt(&sending).await;
            match decide(&attempt, SystemTime::now()) {
                Outcome::Accepted(id) => {
                    let noted = self.settle(number, &Settled::Accepted(&id));
                    let job = self.submitted(id, number, &attempt);
                    let now = self.0.poller.clock().now();
                    return Ok(job.sent(sending.model, now).noted(noted));
                }
                Outcome::Unknown(mut unknown) => {
                    _ = self.settle(number, &Settled::Unknown);
                    unknown.job = Some(number).filter(|number| number.get() > 0);
                    return Err(unknown.into());
                }
                Outcome::Rejected(rejected) => match self.again_in(&rejected, resends.next()) {
                    Some(wait) if sending.deadline.allows(wait, self.0.poller.clock()) => {
                        tracing::warn!(%rejected, ?wait, "the submit is sent again");
                        self.pause(wait).await;
                        // Woken too late: why it was rejected says more than that.
                        if !sending
                            .deadline
                            .allows(Duration::ZERO, self.0.poller.clock())
                        {
                            break rejected;
                        }
                        self.resent(&mut sending)?;
                    }
                    _ => break rejected,
                },
            }
        };
        _ = self.settle(number, &Settled::Rejected);
        Err(rejected.into())
    }

    /// It is about to be sent again. Were it lost this time, it would be looked for from here on.
    fn resent(&self, sending: &mut Sending<'_>) -> Result<(), StoreError> {
        let (before, at) = (sending.at, SystemTime::now());
        let resent = Settled::Resent { before, at };
        self.0.store.settle(sending.number, &resent)?;
        sending.at = at;
        Ok(())
    }

    /// One POST.
    async fn attempt(&self, sending: &Sending<'_>) -> Attempt {
        let clock = self.0.poller.clock();
        let left = sending
            .deadline
            .remaining(clock)
            .unwrap_or(self.0.timeouts.submit);
        if left.is_zero() {
            return Attempt::NotSent("the deadline came before it".into());
        }
        let timeout = left.min(self.0.timeouts.submit);
        let deadline = Deadline::after(timeout, clock);
        let limit = async { _ = deadline.cut(clock, pending::<()>()).await };
        let post = self
            .0
            .api
            .submit_raw(sending.model, sending.input, sending.webhook, limit);
        match post.await {
            Ok(answer) => Attempt::Answered(answer),
            Err(CallError::Limit) => Attempt::Lost(format!("no answer within {timeout:?}")),
            Err(CallError::Transport(error)) => Attempt::Lost(chain(&error)),
            Err(error) => Attempt::NotSent(error.to_string()),
        }
    }

    /// After how long a rejected submit is sent again, the time before it being the `resend`th; not
    /// at all if there are no more, or another time would be rejected just the same.
    fn again_in(&self, rejected: &Rejected, resend: Option<u32>) -> Option<Duration> {
        if !rejected.is_passing() {
            return None;
        }
        let backoff = self.0.poller.backoff(resend?);
        Some(rejected.retry_after.unwrap_or_default().max(backoff))
    }

    async fn pause(&self, time: Duration) {
        let clock = self.0.poller.clock();
        clock.pause(clock.now() + time).await;
    }

    /// The submit is done: a store that fails now must not lose its outcome.
    fn settle(&self, job: JobNumber, outcome: &Settled<'_>) -> Result<(), StoreError> {
        let settled = self.0.store.settle(job, outcome);
        settled.inspect_err(|error| {
            tracing::error!(?outcome, %error, "the outcome of a submit could not be written down");
        })
    }

    fn submitted(&self, id: PredictionId, number: JobNumber, attempt: &Attempt) -> Job {
        let record = match attempt {
            Attempt::Answered(answer) => record(answer),
            _ => None,
        };
        tracing::info!(%id, %number, "submitted");
        Job::new(self.clone(), id, Start::AfterGap, record.as_ref()).numbered(number)
    }
}

/// The prediction in an answer.
pub(crate) fn record(answer: &Answer) -> Option<wavespeed_client::Prediction> {
    wavespeed_client::Prediction::from_json(answer.envelope().data?)
}
