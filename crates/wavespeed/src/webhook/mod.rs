//! Webhooks: the vendor reports the end of a job, instead of being polled for it.
//!
//! Once a job has ended, the vendor POSTs the prediction to the URL of its submit
//! ([`JobBuilder::webhook`](crate::JobBuilder::webhook)). A receiver verifies the signature,
//! drops duplicates, and wakes the wait for the job:
//!
//! ```no_run
//! # async fn received(
//! #     ws: &wavespeed::Wavespeed, headers: &wavespeed::reqwest::header::HeaderMap, body: &[u8],
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::SystemTime;
//! use wavespeed::webhook;
//!
//! let secret = ws.webhook_secret().await?; // once, and not per request
//! // `body` must be exactly the bytes that arrived: parsed and serialized again, it would not match.
//! let event = webhook::verify(headers, body, &secret, SystemTime::now())?;
//! // The vendor sends an event again until it gets a 200, so duplicates are normal.
//! let mut seen = webhook::SeenEvents::default(); // one per receiver
//! if seen.is_new(&event) {
//!     // The wait polls now. Only the answer to the poll decides what the job became.
//!     ws.wake(&event.prediction.id().parse()?);
//! }
//! # Ok(()) }
//! ```
//!
//! Answer with 200 when the event is processed or stored. Otherwise the vendor sends it up to 3 more
//! times; [`SeenEvents::forget`] makes it new again for that case.
//!
//! # Lost submits
//!
//! If the answer to a submit is lost, its webhook can bring the id after all: with
//! [`JobBuilder::webhook_token`](crate::JobBuilder::webhook_token), the URL that the vendor gets has a random
//! token in its query, by which [`settle_webhook`](crate::Wavespeed::settle_webhook) finds the job.
//!
//! # Signatures
//!
//! By the vendor's guide (<https://wavespeed.ai/docs>), `webhook-signature` is `v3,` followed by the
//! HMAC-SHA256, in hex, of `{webhook-id}.{webhook-timestamp}.{body}`. The key of the HMAC is the secret without its prefix
//! `whsec_`, taken as text (it is not base64). A timestamp that is more than 300 s off is refused.

pub(crate) mod secret;
mod seen;
mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod token;
pub(crate) mod url;

pub use seen::SeenEvents;
pub use signature::{Event, ID, SIGNATURE, TIMESTAMP, VerifyError, sign, verify};
pub use token::{TOKEN_PARAMETER, token};
