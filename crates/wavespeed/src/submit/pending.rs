//! A submit that is ready to be sent.

use wavespeed_client::{ModelId, PredictionId};
use wavespeed_poll::Deadline;

use crate::store::identity::Identity;
use crate::store::key::IdempotencyKey;
use crate::submit::error::SubmitError;
use crate::submit::outcome::RejectedSubmit;
use crate::target::Target;
use crate::webhook::token::{new_token, with_token};

/// A submit that is ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct PendingSubmit {
    pub(super) model: ModelId,
    /// The body, exactly as it is sent.
    pub(super) body: String,
    pub(super) identity: Identity,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) label: Option<String>,
    pub(super) price: Option<f64>,
    pub(super) target: Option<Target>,
    pub(super) webhook: Option<String>,
    pub(super) has_webhook_token: bool,
    /// The failed attempt that this one replaces.
    pub(super) replaced: Option<PredictionId>,
    pub(super) refuse_running: bool,
    pub(super) ignore_other_accounts: bool,
}

/// The parts of one POST.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) model: ModelId,
    pub(super) body: String,
    pub(super) webhook: Option<String>,
    /// `true` if the URL gets a new token each time.
    pub(super) has_webhook_token: bool,
    pub(super) deadline: Deadline,
}

impl Post {
    /// Returns the token of the next POST, if it is to have one.
    pub(super) fn token(&self) -> Result<Option<String>, SubmitError> {
        let token = self.has_webhook_token.then(new_token).transpose();
        token.map_err(|why| RejectedSubmit::not_sent(&why).into())
    }

    /// Adds a token to the URL of the webhook.
    pub(super) fn with_token(mut self, token: Option<&str>) -> Self {
        let url = self.webhook.as_deref().zip(token);
        self.webhook = url
            .map(|(url, token)| with_token(url, token))
            .or(self.webhook);
        self
    }
}

impl PendingSubmit {
    pub(super) fn into_post(self, deadline: Deadline) -> Post {
        Post {
            model: self.model,
            body: self.body,
            webhook: self.webhook,
            has_webhook_token: self.has_webhook_token,
            deadline,
        }
    }
}
