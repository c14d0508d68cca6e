//! The steps of a submit up to the intent: look up the key, check, upload, compare the price.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tracing::Instrument as _;
use wavespeed_client::text::hide_logins;
use wavespeed_client::{Model, ModelId, PredictionId};
use wavespeed_poll::Deadline;

use crate::check::fault::{Fault, Faults, override_rules};
use crate::check::file::Files;
use crate::check::input::check;
use crate::check::named::local_files;
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::identity::Identity;
use crate::store::key::{IdempotencyKey, InvalidIdempotencyKey};
use crate::submit::error::SubmitError;
use crate::submit::event::RunEvent;
use crate::submit::input::RawInput;
use crate::submit::options::JobOptions;
use crate::submit::pending::PendingSubmit;
use crate::target::Target;
use crate::upload::error::UploadError;
use crate::upload::named_paths;
use crate::upload::options::UploadOptions;
use crate::wait::job::Job;
use crate::webhook::token::has_token_parameter;

/// The first back-off between two looks at a job that is being sent elsewhere, and the longest one. Most
/// submits are answered within a second.
pub(super) const FIRST_BACKOFF: Duration = Duration::from_millis(50);
pub(super) const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The consequence of the job that has the key.
pub(super) enum Followed {
    /// The job is the result.
    Job(Box<Job>),
    /// The submit is to be sent.
    Send {
        /// The attempt that the new one replaces, if the job has failed.
        replaced: Option<PredictionId>,
    },
}

impl Followed {
    pub(super) const SEND: Self = Self::Send { replaced: None };

    pub(super) fn job(job: Job) -> Self {
        Self::Job(Box::new(job))
    }
}

/// A submit whose arguments are well-formed.
pub(crate) struct Submission<'a> {
    pub(crate) ws: &'a Wavespeed,
    pub(super) model: ModelId,
    pub(super) input: &'a Value,
    pub(crate) options: &'a JobOptions,
    pub(super) key: Option<IdempotencyKey>,
    pub(crate) deadline: Deadline,
    /// The model by which the input is checked, unless its inputs are not known.
    schema: Option<Model>,
}

impl<'a> Submission<'a> {
    pub(crate) fn new(
        ws: &'a Wavespeed,
        input: &'a RawInput,
        options: &'a JobOptions,
    ) -> Result<Self, SubmitError> {
        let model: ModelId = input.model.parse()?;
        let schema = match options.schema {
            Some(schema) if schema.id != model.as_str() => {
                return Err(SubmitError::Schema {
                    schema: schema.id,
                    model: input.model.clone(),
                });
            }
            Some(schema) => Some(schema),
            None => wavespeed_client::model(model.as_str()).copied(),
        };
        // The error of serde cannot be cloned, and the builder may be checked before it is awaited.
        let value = input.value.as_ref();
        let value = value.map_err(|error| SubmitError::Json(serde::de::Error::custom(error)))?;
        Ok(Self {
            ws,
            model,
            input: value,
            options,
            key: key(ws, options)?,
            deadline: options.deadline.unwrap_or_else(|| ws.deadline()),
            schema,
        })
    }

    /// Submits, or finds the job that the key has already, in a span of the job.
    pub(crate) async fn submit(&self) -> Result<Job, SubmitError> {
        let key = self.key.as_ref().map(IdempotencyKey::as_str);
        let label = self.options.label.as_deref();
        let label = label.map(|label| self.ws.redact(label));
        let span = tracing::info_span!(
            "job",
            model = %self.model,
            key,
            label,
            number = tracing::field::Empty,
            id = tracing::field::Empty,
        );
        self.prepare_and_send().instrument(span).await
    }

    async fn prepare_and_send(&self) -> Result<Job, SubmitError> {
        // The key comes first: the files of a job that exists need not exist any more.
        let replaced = match self.look_up_key().await? {
            Followed::Job(job) => return Ok(*job),
            Followed::Send { replaced } => replaced,
        };
        for fault in self.check().await? {
            tracing::warn!(%fault, "the input is submitted despite this fault");
            self.notify(RunEvent::Warning(&fault));
        }
        let mut input = self.input.clone();
        let files = self.upload(&mut input).await?;
        let identity = Identity::new(self.model.as_str(), self.input, &files);
        let price = self.check_price(&input).await?;
        let target = self.options.target.as_ref().map(Target::absolute);
        let submit = PendingSubmit {
            model: self.model.clone(),
            body: input.to_string(),
            identity,
            key: self.key.clone(),
            label: self
                .options
                .label
                .as_deref()
                .map(|label| self.ws.redact(label)),
            price,
            // Another process may save the outputs, from another folder.
            target: target.transpose().map_err(StoreError::new)?,
            webhook: self.options.webhook.clone(),
            has_webhook_token: self.options.has_webhook_token,
            replaced,
            refuse_running: self.options.refuse_running,
            ignore_other_accounts: self.options.ignore_other_accounts,
        };
        self.send(submit).await
    }

    pub(crate) fn notify(&self, event: RunEvent<'_>) {
        self.options.observer.notify(event);
    }

    /// Checks the input, its files and URLs, the target and the webhook. Returns the warnings.
    pub(crate) async fn check(&self) -> Result<Vec<Fault>, SubmitError> {
        let JobOptions {
            target, webhook, ..
        } = self.options;
        let mut faults = Vec::new();
        if self.options.is_checked {
            let files = if self.options.checks_media {
                Files::UrlOrPath
            } else {
                Files::UrlOrPathUnchecked
            };
            match &self.schema {
                Some(model) => faults.extend(check(model, self.input, files)),
                None => faults.extend(local_files(self.input)),
            }
        }
        faults.extend(target.as_ref().and_then(Target::check));
        if let Some(model) = &self.schema {
            let same = target
                .as_ref()
                .map(|target| target.check_inputs(model, self.input));
            faults.extend(same.flatten());
            if self.options.is_checked && self.options.checks_media && self.ws.0.checks_urls {
                faults.extend(self.ws.check_urls(model, self.input).await);
            }
        }
        override_rules(&mut faults, &self.options.overridden);
        let warnings = Faults::refused(faults)?;
        if let Some(webhook) = webhook {
            self.ws.check_webhook(webhook)?;
        }
        if self.options.has_webhook_token {
            check_token(webhook.as_deref())?;
        }
        Ok(warnings)
    }

    /// Uploads each local file that the input names, and replaces its path in `input` by the URL. Returns
    /// the SHA-256 of each file by the JSON pointer of its value.
    async fn upload(&self, input: &mut Value) -> Result<BTreeMap<String, String>, SubmitError> {
        let Some(model) = &self.schema else {
            return Ok(BTreeMap::new());
        };
        let mut options = UploadOptions::new(self.deadline);
        let observer = self.options.observer.clone();
        options.set_watcher(move |progress| observer.notify(RunEvent::Uploading(progress)));
        let uploads = self.ws.upload_inputs(model, input, &options);
        let (uploaded, files) = uploads.await?;
        for file in &uploaded {
            self.notify(RunEvent::Uploaded(file));
        }
        Ok(files)
    }

    /// Returns the identity of the input as far as its local files can still be read, and the pointers of
    /// those that cannot.
    pub(super) async fn readable_identity(
        &self,
    ) -> Result<(Identity, BTreeSet<String>), UploadError> {
        let (mut files, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        let named = self.schema.iter();
        let named = named.flat_map(|model| named_paths(model, self.input));
        for (pointer, path) in named {
            let path = PathBuf::from(path);
            let hash = self.ws.hash_file(&path);
            let hash = self.deadline.timeout(self.ws.0.poller.clock(), hash).await;
            match hash.ok_or(UploadError::Deadline { path })? {
                Some(sha256) => _ = files.insert(pointer, sha256),
                None => _ = unreadable.insert(pointer),
            }
        }
        let identity = Identity::new(self.model.as_str(), self.input, &files);
        Ok((identity, unreadable))
    }

    /// Returns the price if there is a limit, and fails unless it is known and within the limit.
    async fn check_price(&self, input: &Value) -> Result<Option<f64>, SubmitError> {
        let Some(max) = self.options.max_price else {
            return Ok(None);
        };
        let quote = match &self.schema {
            Some(model) => self.ws.price_by(model, input).await,
            None => self.ws.price(self.model.as_str(), input).await,
        };
        let quote = quote.map_err(SubmitError::NoPrice)?;
        // The limit is in USD: a price in another currency cannot be compared with it.
        if quote.currency == "USD" && quote.price <= max {
            Ok(Some(quote.price))
        } else {
            Err(SubmitError::Price { quote, max })
        }
    }
}

/// Fails if a token cannot be added to the URL of a webhook.
fn check_token(webhook: Option<&str>) -> Result<(), SubmitError> {
    let why = match webhook {
        None => "is missing, and a token was asked for",
        Some(url) if has_token_parameter(url) => "has a parameter wavespeed_job of its own",
        Some(_) => return Ok(()),
    };
    let url = hide_logins(webhook.unwrap_or_default()).into_owned();
    Err(SubmitError::Webhook { url, why })
}

/// Returns the key of a job, if the caller chose one that can be kept.
fn key(ws: &Wavespeed, options: &JobOptions) -> Result<Option<IdempotencyKey>, SubmitError> {
    let Some(text) = &options.key else {
        return Ok(None);
    };
    if ws.0.api.api_key().is_in(text) {
        return Err(InvalidIdempotencyKey::ApiKey.into());
    }
    let key = text.parse()?;
    if ws.0.store.keeps_jobs() {
        Ok(Some(key))
    } else {
        Err(SubmitError::KeyWithoutStore)
    }
}
