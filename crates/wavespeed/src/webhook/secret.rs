//! The secret with which the vendor signs webhooks.

use std::fmt;

use crate::call::{FetchError, exact_data, read, refused};
use crate::client::Wavespeed;

/// The secret with which the vendor signs webhooks. Only [`expose`](Self::expose) reveals it.
///
/// ```
/// use wavespeed::WebhookSecret;
///
/// let secret = WebhookSecret::new("whsec_test").ok_or("the secret is empty")?;
/// assert_eq!(secret.expose(), "whsec_test");
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// Creates a secret from its text, with or without the prefix `whsec_`. White space around it is
    /// dropped. Returns `None` if the secret is empty, since every sender could sign with that.
    #[must_use]
    pub fn new(secret: impl AsRef<str>) -> Option<Self> {
        let secret = secret.as_ref().trim();
        // The prefix alone is no secret.
        let has_content = !secret.trim_start_matches("whsec_").is_empty();
        has_content.then(|| Self(secret.to_owned()))
    }

    /// Returns the secret as it was given.
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
    /// Fetches the secret with which the vendor signs the webhooks of this API key.
    ///
    /// # Errors
    /// Returns an error if the call fails or the answer has no secret.
    ///
    /// The module [`webhook`](crate::webhook) has an example.
    pub async fn webhook_secret(&self) -> Result<WebhookSecret, FetchError> {
        let answer = read(self, |api| async move { api.get_webhook_secret().await });
        let answer = answer.await?;
        let secret =
            exact_data(&answer).and_then(|data| WebhookSecret::new(data["secret"].as_str()?));
        secret.ok_or_else(|| refused(&answer))
    }
}
