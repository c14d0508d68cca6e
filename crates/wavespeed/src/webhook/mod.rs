//! Webhooks: being told that a task has ended, in place of asking.
//!
//! The URL of a submit ([`SubmitOptions::webhook`](crate::SubmitOptions::webhook)) gets a POST with
//! the bare prediction once the task has ended. Whoever receives one does three things:
//!
//! ```no_run
//! # async fn received(
//! #     ws: &wavespeed::Wavespeed, headers: &wavespeed::reqwest::header::HeaderMap, body: &[u8],
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::SystemTime;
//! use wavespeed::webhook;
//!
//! let secret = ws.webhook_secret().await?; // once, not for each
//! // Is it from the vendor? `body` is as it came, to the byte.
//! let event = webhook::verify(headers, body, &secret, SystemTime::now())?;
//! // Did it come before? Duplicates are normal.
//! let mut seen = webhook::SeenEvents::default(); // one for all
//! if seen.is_new(&event) {
//!     // Whoever waits for the task asks now: the result call stays the authority.
//!     ws.wake(&event.prediction.id.parse()?);
//! }
//! # Ok(()) }
//! ```
//!
//! Answer with 200 once it is safe with you: the vendor tries 3 more times if you do not, and
//! [`SeenEvents::forget`] makes such an event new again. What the
//! vendor documents of webhooks, and so what is checked here: `webhook-signature` is `v3,` and the
//! HMAC-SHA256, in hex, of `{webhook-id}.{webhook-timestamp}.{body}`; its key is the secret without
//! `whsec_`, as it is written (it is not base64); more than 300 s off is too old, or too new.

pub(crate) mod secret;
mod seen;
mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod url;

pub use seen::SeenEvents;
pub use signature::{Event, ID, SIGNATURE, TIMESTAMP, VerifyError, sign, verify};
