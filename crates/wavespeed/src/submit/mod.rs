//! Submitting: the one call that costs money.

pub(crate) mod duplicate;
pub(crate) mod error;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod reconcile;
mod send;

use std::time::SystemTime;

use serde_json::Value;
use wavespeed_client::{ModelId, ModelInput};

use crate::check::fault::{Faults, override_rules};
use crate::check::file::Files;
use crate::check::input::check;
use crate::client::Wavespeed;
use crate::http::is_loopback;
use crate::store::error::StoreError;
use crate::store::record::{Intent, Resolution};
use crate::submit::error::SubmitError;
use crate::submit::options::SubmitOptions;
use crate::submit::send::PendingSubmit;
use crate::target::Target;
use crate::wait::job::Job;
use crate::webhook;

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
        let submit = PendingSubmit {
            number: self.0.store.intend(&intent)?,
            model: &model,
            input,
            webhook,
            at,
            deadline: options.deadline,
        };
        let _mine = self.0.store.claim(submit.number).inspect_err(|_| {
            // It is not sent, so nothing is to be found of it.
            _ = self.settle(submit.number, &Resolution::Rejected);
        })?;
        self.send(submit).await
    }

    /// Whether the vendor may be able to report the end of a task to a URL, as far as that can be
    /// said without trying: as a submit checks it.
    ///
    /// # Errors
    /// [`SubmitError::Webhook`], if it is none that the vendor takes or can reach.
    pub fn check_webhook(&self, webhook: &str) -> Result<(), SubmitError> {
        let api = self.0.account.base_url.parse();
        webhook::url::check(webhook, api.is_ok_and(|api| is_loopback(&api))).map_err(|why| {
            SubmitError::Webhook {
                url: webhook.to_owned(),
                why,
            }
        })
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
}
