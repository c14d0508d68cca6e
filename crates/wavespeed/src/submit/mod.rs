//! Submitting an input to a model: the one call that costs money.
//!
//! A submit is checked, its price compared with the limit, its intent recorded, and only then sent
//! ([`send`]). What an answer means is one table ([`outcome`]). An outcome that stayed unknown is
//! looked up in the vendor's history ([`reconcile`]), and [`duplicate`] finds open jobs with the same
//! input before another one is paid for.

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
use crate::store::record::Intent;
use crate::submit::error::SubmitError;
use crate::submit::options::SubmitOptions;
use crate::submit::send::PendingSubmit;
use crate::target::Target;
use crate::wait::job::Job;
use crate::webhook;

impl Wavespeed {
    /// Checks an input against every rule of its model, then submits it once. **This call costs
    /// money.**
    ///
    /// Dropping the future before it completes may leave a prediction behind that was created and
    /// billed.
    ///
    /// # Errors
    /// Returns all faults of the input at once, before anything is sent. After that, the error says
    /// whether the submit was rejected (nothing is billed) or whether its outcome is unknown.
    pub async fn submit<I: ModelInput>(&self, input: &I) -> Result<Job, SubmitError> {
        self.submit_raw(I::MODEL, &serde_json::to_value(input)?)
            .await
    }

    /// Submits a JSON input, as [`submit`](Self::submit) does. The input of a model that is not in
    /// the catalogue is not checked.
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit).
    pub async fn submit_raw(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.submit_with(model, input, &SubmitOptions::new(self.deadline()))
            .await
    }

    /// Submits a JSON input with options.
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit).
    pub async fn submit_with(
        &self,
        model: &str,
        input: &Value,
        options: &SubmitOptions<'_>,
    ) -> Result<Job, SubmitError> {
        // A model of another id must not decide which rules apply.
        let given = options.model.filter(|given| given.id == model);
        if let Some(model) = given.or_else(|| wavespeed_client::model(model)) {
            let mut faults = check(model, input, Files::Url);
            override_rules(&mut faults, options.overridden);
            for fault in Faults::refused(faults)? {
                tracing::warn!(%fault, "the input is submitted despite this fault");
            }
        }
        self.begin(model, input, options).await
    }

    /// Submits a JSON input as it is, without a check. **This call costs money**: the vendor ignores
    /// unknown inputs and bills the prediction that the others give.
    ///
    /// # Errors
    /// Returns the errors of [`submit`](Self::submit), except for the faults of the input.
    pub async fn submit_unchecked(&self, model: &str, input: &Value) -> Result<Job, SubmitError> {
        self.begin(model, input, &SubmitOptions::new(self.deadline()))
            .await
    }

    /// Checks that the vendor can send a webhook to a URL, without sending a request. Every submit with
    /// a webhook makes this check.
    ///
    /// # Errors
    /// Returns [`SubmitError::Webhook`] if the vendor does not take the URL or cannot reach it.
    pub fn check_webhook(&self, webhook: &str) -> Result<(), SubmitError> {
        let api = self.0.account.base_url.parse();
        webhook::url::check_url(webhook, api.is_ok_and(|api| is_loopback(&api))).map_err(|why| {
            SubmitError::Webhook {
                url: webhook.to_owned(),
                why,
            }
        })
    }

    /// Records the intent and sends the submit. Everything that can fail without the store comes
    /// first, so that a job in the store is one that was about to be sent.
    async fn begin(
        &self,
        model: &str,
        input: &Value,
        options: &SubmitOptions<'_>,
    ) -> Result<Job, SubmitError> {
        if let Some(webhook) = options.webhook {
            self.check_webhook(webhook)?;
        }
        self.check_price(model, input, options).await?;
        let model: ModelId = model.parse()?;
        // Another process may save the outputs, from another folder.
        let target = options.target.map(Target::absolute).transpose();
        let target = target.map_err(StoreError::new)?;
        let at = SystemTime::now();
        let mut intent = Intent::new(&self.0.account, &model, input, at);
        intent.target = target.as_ref();
        intent.webhook = options.webhook;
        // The claim is held until the outcome is recorded: a job without one looks abandoned.
        let (number, _claim) = {
            let _submitting = self.submitting();
            self.0.store.intend(&intent).await?
        };
        let submit = PendingSubmit {
            number,
            model: &model,
            input,
            webhook: options.webhook,
            at,
            deadline: options.deadline,
        };
        self.send(submit).await
    }

    /// Fails unless the vendor's price is known and within the limit of the options.
    async fn check_price(
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
        // The limit is in USD: a price in another currency cannot be compared with it.
        if quote.currency == "USD" && quote.price <= max {
            Ok(())
        } else {
            Err(SubmitError::Price { quote, max })
        }
    }
}
