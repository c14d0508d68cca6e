//! The secret that webhooks are signed with.

use std::fmt;

use wavespeed_client::Answer;

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;

/// What webhooks are signed with. Nothing shows it but [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// The secret as the vendor writes it, but for spaces and line ends around it. Nothing, if it is
    /// empty: with such a one, anybody could sign.
    #[must_use]
    pub fn new(secret: impl AsRef<str>) -> Option<Self> {
        let secret = secret.as_ref().trim();
        let is_one = !secret.trim_start_matches("whsec_").is_empty();
        is_one.then(|| Self(secret.to_owned()))
    }

    /// The secret as the vendor writes it, with its `whsec_`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl Wavespeed {
    /// Asks for the secret with which the webhooks of this key are signed.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn webhook_secret(&self) -> Result<WebhookSecret, FetchError> {
        let call = async { Answer::of(self.0.api.get_webhook_secret().await).await };
        let answer = answered(self, call).await?;
        let secret = data(&answer).and_then(|data| WebhookSecret::new(data["secret"].as_str()?));
        secret.ok_or_else(|| refused(&answer))
    }
}
