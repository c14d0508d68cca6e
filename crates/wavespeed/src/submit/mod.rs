//! Submitting an input to a model: the one call that costs money.
//!
//! A submit looks up its idempotency key ([`key`]), checks and uploads ([`prepare`]), records the intent and
//! sends ([`send`], [`post`]). What an answer means is one table ([`outcome`]). An outcome that stayed unknown
//! is looked up in the vendor's history ([`reconcile`]).

pub(crate) mod candidates;
pub(crate) mod error;
pub(crate) mod event;
mod evidence;
pub(crate) mod input;
mod key;
pub(crate) mod options;
pub(crate) mod outcome;
mod pending;
mod post;
pub(crate) mod prepare;
pub(crate) mod reconcile;
mod send;
mod window;

use wavespeed_client::text::hide_logins;

use crate::client::Wavespeed;
use crate::submit::error::SubmitError;
use crate::webhook;

impl Wavespeed {
    /// Checks that the vendor can send a webhook to a URL, without sending a request. Every submit with
    /// a webhook makes this check.
    ///
    /// # Errors
    /// Returns [`SubmitError::Webhook`] if the vendor does not take the URL or cannot reach it.
    ///
    /// ```
    /// # let ws = wavespeed::Wavespeed::builder().key("0123456789abcdef").build()?;
    /// assert!(ws.check_webhook("https://hooks.example.com/wavespeed").is_ok());
    /// assert!(ws.check_webhook("http://localhost:3000/").is_err());
    /// # Ok::<(), wavespeed::BuildError>(())
    /// ```
    pub fn check_webhook(&self, webhook: &str) -> Result<(), SubmitError> {
        webhook::url::check_url(webhook, self.api_is_local()).map_err(|why| SubmitError::Webhook {
            url: hide_logins(webhook).into_owned(),
            why,
        })
    }
}
