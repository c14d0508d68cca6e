//! Verifying and making the signatures of webhooks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use wavespeed_client::Prediction;

use crate::webhook::secret::WebhookSecret;

/// The header with the id of the event.
pub const ID: &str = "webhook-id";

/// The header with the time of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The header with the signature.
pub const SIGNATURE: &str = "webhook-signature";

/// The version prefix of the signatures that are supported.
pub(super) const SCHEME: &str = "v3,";

/// The largest accepted difference between the timestamp and now, in seconds. The vendor's guide
/// (<https://wavespeed.ai/docs>) recommends it.
const TOLERANCE: u64 = 300;

/// A verified webhook: a job has ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The id of the event, the same each time the event is sent.
    pub id: String,
    /// The time of sending.
    pub at: SystemTime,
    /// The prediction, with its inputs.
    pub prediction: Prediction,
}

/// Error of [`verify`]. Nothing in the request is to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is missing.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header occurs more than once, or is not ASCII.
    #[error("the header {0} occurs twice, or is not text")]
    Header(&'static str),
    /// The timestamp is not a number of seconds.
    #[error("the {TIMESTAMP} {0:?} is not a number of seconds")]
    Timestamp(String),
    /// The event was sent too long ago; it may be a replay.
    #[error("the event was sent {0} s ago; at most {TOLERANCE} s are accepted")]
    TooOld(u64),
    /// The event was sent in the future: one of the clocks is wrong.
    #[error("the event was sent {0} s in the future; at most {TOLERANCE} s are accepted")]
    TooNew(u64),
    /// The signature has an unsupported version.
    #[error("the {SIGNATURE} does not begin with {SCHEME:?}")]
    Scheme,
    /// The signature is not 64 hexadecimal digits.
    #[error("the {SIGNATURE} is not {SCHEME:?} and 64 hexadecimal digits")]
    Digits,
    /// The signature does not match: it was made with another secret or of another body.
    #[error("the signature does not match: the secret is another one, or the body was changed")]
    Signature,
    /// The signature matches, but the body is not a prediction.
    #[error("the signature matches, but the body is not a prediction with an id")]
    Body,
}

/// Verifies that a request was sent by the vendor, and returns its event. `body` must be exactly the
/// bytes that arrived. The comparison of signatures takes constant time.
///
/// # Errors
/// Returns an error if the request was not signed with the secret, or is too old.
///
/// The [module](crate::webhook) has an example.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &WebhookSecret,
    now: SystemTime,
) -> Result<Event, VerifyError> {
    let (id, timestamp) = (header(headers, ID)?, header(headers, TIMESTAMP)?);
    let signature = header(headers, SIGNATURE)?;
    let digits = signature.strip_prefix(SCHEME).ok_or(VerifyError::Scheme)?;
    let sent = parse_seconds(timestamp).ok_or_else(|| VerifyError::Timestamp(timestamp.into()))?;
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // A replayed request has a valid signature, so its age is checked as well.
    if seconds.saturating_sub(sent) > TOLERANCE {
        return Err(VerifyError::TooOld(seconds - sent));
    }
    if sent.saturating_sub(seconds) > TOLERANCE {
        return Err(VerifyError::TooNew(sent - seconds));
    }
    let signature = decode(digits).ok_or(VerifyError::Digits)?;
    let mac = mac(secret, id, timestamp, body);
    mac.verify_slice(&signature)
        .map_err(|_| VerifyError::Signature)?;
    // The body is parsed only now: nothing in an unsigned request is worth the work.
    let prediction = serde_json::from_slice(body)
        .ok()
        .and_then(Prediction::from_json);
    Ok(Event {
        id: id.to_owned(),
        at: UNIX_EPOCH + Duration::from_secs(sent),
        prediction: prediction.ok_or(VerifyError::Body)?,
    })
}

/// Signs a body, and returns the headers that [`verify`] accepts: for tests, and for machines that the
/// vendor cannot reach.
///
/// # Panics
/// Panics if the id is not valid in a header.
///
/// ```
/// use std::time::SystemTime;
/// use wavespeed::{WebhookSecret, webhook};
///
/// let secret = WebhookSecret::new("whsec_test").ok_or("empty")?;
/// let body = br#"{ "id": "6488c2754f6f4dfea924382fa14d11bd", "status": "completed" }"#;
/// let headers = webhook::sign(&secret, "wh_1", SystemTime::now(), body);
/// let event = webhook::verify(&headers, body, &secret, SystemTime::now())?;
/// assert_eq!(event.id, "wh_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn sign(secret: &WebhookSecret, id: &str, at: SystemTime, body: &[u8]) -> HeaderMap {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let timestamp = seconds.to_string();
    let sum = mac(secret, id, &timestamp, body).finalize().into_bytes();
    let digits = base16ct::lower::encode_string(&sum);
    let values = [
        (ID, id.to_owned()),
        (TIMESTAMP, timestamp),
        (SIGNATURE, SCHEME.to_owned() + &digits),
    ];
    let header = |(name, value): (&'static str, String)| {
        let value = HeaderValue::try_from(value).expect("the id is valid in a header");
        (HeaderName::from_static(name), value)
    };
    values.map(header).into_iter().collect()
}

fn mac(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let text = secret.expose();
    // The vendor uses the rest as text, although other senders encode it as base64.
    let key = text.strip_prefix("whsec_").unwrap_or(text);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key has any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, VerifyError> {
    // Two values could be read differently by two programs, so neither is taken.
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(VerifyError::Missing(name))?;
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.ok_or(VerifyError::Header(name))
}

/// Parses digits and nothing else: no sign, no space.
fn parse_seconds(timestamp: &str) -> Option<u64> {
    let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    timestamp.parse().ok().filter(|_| is_number)
}

fn decode(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = base16ct::mixed::decode(digits, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}
