//! Signatures of webhooks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use wavespeed_client::Prediction;

use crate::webhook::secret::WebhookSecret;

/// The header with what an event is told from others by.
pub const ID: &str = "webhook-id";

/// The header with the seconds since 1970 at which it was sent.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The header with the signature.
pub const SIGNATURE: &str = "webhook-signature";

/// The kind of signature that is known.
pub(super) const SCHEME: &str = "v3,";

/// How far an event may be from now, in seconds, both ways.
const TOLERANCE: u64 = 300;

/// That a task has ended, by the vendor's word.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// What it is told from others by: the same for each time the same event is sent.
    pub id: String,
    /// When it was sent.
    pub at: SystemTime,
    /// The record of the task, with its inputs.
    pub prediction: Prediction,
}

/// Why a request is not taken for one of the vendor's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is not there.
    #[error("it has no header {0}")]
    Missing(&'static str),
    /// A header is there more than once, or is not ASCII.
    #[error("its header {0} is there twice, or is not text")]
    Header(&'static str),
    /// The timestamp is not a number of seconds.
    #[error("its {TIMESTAMP} {0:?} is not a number of seconds")]
    Timestamp(String),
    /// It was sent too long ago, or is a replay.
    #[error("it was sent {0} s ago, and more than {TOLERANCE} s are not taken")]
    TooOld(u64),
    /// It was sent in the future: one of the clocks is wrong.
    #[error("it was sent {0} s in the future, and more than {TOLERANCE} s are not taken")]
    TooNew(u64),
    /// The signature is of a kind that is not known.
    #[error("its {SIGNATURE} does not begin with {SCHEME:?}")]
    Scheme,
    /// The signature is not 64 digits.
    #[error("its {SIGNATURE} is not {SCHEME:?} and 64 hexadecimal digits")]
    Digits,
    /// The signature is wrong: it was made with another secret, or of another body.
    #[error("its signature is wrong: another secret, or the body is not as it was sent")]
    Signature,
    /// It is signed, but is not a prediction.
    #[error("it is signed, but its body is not a prediction with an id")]
    Body,
}

/// Whether a request is the vendor's, and what it says. `body` must be as it came: parsed and
/// written again, it would not match. Takes the same time whatever is wrong with the signature.
///
/// # Errors
/// If it is not, or is too old; nothing of it is to be believed then.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &WebhookSecret,
    now: SystemTime,
) -> Result<Event, VerifyError> {
    let (id, timestamp) = (header(headers, ID)?, header(headers, TIMESTAMP)?);
    let signature = header(headers, SIGNATURE)?;
    let digits = signature.strip_prefix(SCHEME).ok_or(VerifyError::Scheme)?;
    let sent = parse(timestamp).ok_or_else(|| VerifyError::Timestamp(timestamp.into()))?;
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if seconds.saturating_sub(sent) > TOLERANCE {
        return Err(VerifyError::TooOld(seconds - sent));
    }
    if sent.saturating_sub(seconds) > TOLERANCE {
        return Err(VerifyError::TooNew(sent - seconds));
    }
    let claimed = decode(digits).ok_or(VerifyError::Digits)?;
    let mac = mac(secret, id, timestamp, body);
    mac.verify_slice(&claimed)
        .map_err(|_| VerifyError::Signature)?;
    let prediction = serde_json::from_slice(body)
        .ok()
        .and_then(Prediction::from_json);
    Ok(Event {
        id: id.to_owned(),
        at: UNIX_EPOCH + Duration::from_secs(sent),
        prediction: prediction.ok_or(VerifyError::Body)?,
    })
}

/// The headers by which [`verify`] takes a body for the vendor's, as sent at this time: for tests,
/// and for machines that the vendor cannot reach.
///
/// # Panics
/// If the id cannot stand in a header.
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
        let value = HeaderValue::try_from(value).expect("the id can stand in a header");
        (HeaderName::from_static(name), value)
    };
    values.map(header).into_iter().collect()
}

fn mac(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let text = secret.expose();
    let key = text.strip_prefix("whsec_").unwrap_or(text);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key has any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, VerifyError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(VerifyError::Missing(name))?;
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.ok_or(VerifyError::Header(name))
}

/// Digits and nothing else: no sign, no space.
fn parse(timestamp: &str) -> Option<u64> {
    let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    timestamp.parse().ok().filter(|_| is_number)
}

fn decode(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = base16ct::mixed::decode(digits, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}
