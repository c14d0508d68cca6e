//! The API key. It is a secret: `Debug`, errors and logged headers do not contain it.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The length under which a key is redacted only after `Bearer `. The vendor's keys are longer
/// (`spec/wavespeed.yaml`, the security scheme); short ones belong to tests and emulators.
const SHORT_KEY: usize = 16;

/// The characters that a URL does not encode, beside letters and digits (RFC 3986, section 2.3).
pub(crate) const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The text that replaces a key.
const REDACTED: &str = "[API key]";

/// An API key, from the page API Keys of the vendor's dashboard. Held as the value of the header that
/// carries it.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

/// The error of a string that cannot be an API key. The string itself is not part of the error
/// because it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The string is empty or has only white space.
    #[error("the API key is empty")]
    Empty,
    /// The string contains a quote or a character that is not visible ASCII.
    #[error(
        "the API key contains a space, a quote, a line break or another character that is not visible \
         ASCII; set the key alone, without `Bearer`"
    )]
    Characters,
}

impl ApiKey {
    /// Creates an API key. White space around it, such as the line end of a file, is removed.
    ///
    /// # Errors
    /// Returns an error if nothing is left, or if the rest has a quote or any character that is not
    /// visible ASCII.
    pub fn new(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidKey::Empty);
        }
        // Quotes are allowed in a header, but here they are left over from a shell or a file.
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'');
        if !text.bytes().all(is_allowed) {
            return Err(InvalidKey::Characters);
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| InvalidKey::Characters)?;
        // HTTP libraries then leave the value out of logs and of the compression of headers.
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// Returns `true` if a text is this key.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.text() == text.trim().as_bytes()
    }

    /// Returns `true` if a text contains this key. Of a key of fewer than 16 characters, which may be an
    /// ordinary word, only the key itself counts.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.is(text) || self.redact(text) != text
    }

    /// Returns a text in which the key, wherever it occurs, is replaced, also as JSON or a URL would write
    /// it. A key of fewer than 16 characters is replaced only after `Bearer `, since it may be an ordinary
    /// word.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let key = &*String::from_utf8_lossy(self.text());
        if key.len() < SHORT_KEY {
            return redact_after_bearer(text, key);
        }
        let redacted = text.replace(key, REDACTED);
        if key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return redacted;
        }
        let json = key.replace('\\', r"\\");
        let escaped = [
            json.replace('/', r"\/"),
            json,
            utf8_percent_encode(key, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(key, URL_ENCODED).to_string(),
        ];
        let replace = |text: String, escaped: &String| text.replace(&**escaped, REDACTED);
        escaped.iter().fold(redacted, replace)
    }

    /// Returns the first 12 hex digits of the SHA-256 of the key. They distinguish keys and reveal
    /// nothing of them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // Of the key alone, so that the fingerprint matches `sha256sum` of the key.
        base16ct::lower::encode_string(&Sha256::digest(self.text())[..6])
    }

    /// Returns the key without the scheme of the header.
    fn text(&self) -> &[u8] {
        let header = self.0.as_bytes();
        header.strip_prefix(b"Bearer ").unwrap_or_default()
    }

    /// Returns the value of the header `Authorization`.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Replaces a short key after `Bearer `, in any letter case, where nothing follows that could belong to a
/// longer word.
fn redact_after_bearer(text: &str, key: &str) -> String {
    const SCHEME: &str = "bearer ";
    let (lower, mut redacted, mut end) = (text.to_ascii_lowercase(), String::new(), 0);
    for (at, _) in lower.match_indices(SCHEME) {
        let start = at + SCHEME.len();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let rest = text[start..].strip_prefix(key);
        if rest.is_some_and(|rest| !rest.starts_with(is_word)) {
            redacted.push_str(&text[end..start]);
            redacted.push_str(REDACTED);
            end = start + key.len();
        }
    }
    redacted.push_str(&text[end..]);
    redacted
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_key_does_not_reveal_itself() {
        let key = ApiKey::new("  wsk_secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert!(!format!("{:?}", key.authorization()).contains("secret"));
        assert_eq!(key.authorization().as_bytes(), b"Bearer wsk_secret");
        // The output of `printf wsk_secret | sha256sum`.
        assert_eq!(key.fingerprint(), "6315075b509f");
    }

    #[test]
    fn redacted_text_does_not_contain_the_key() {
        let key = ApiKey::new("wsk_0123456789abcdef").unwrap();
        let echo = r#"{"authorization":"Bearer wsk_0123456789abcdef","x":"wsk_0123456789abcdef"}"#;
        let redacted = r#"{"authorization":"Bearer [API key]","x":"[API key]"}"#;
        assert_eq!(key.redact(echo), redacted);
        let short = ApiKey::new("a").unwrap();
        for (text, redacted) in [
            ("a Bearer a: a", "a Bearer [API key]: a"),
            ("bearer a.BEARER a", "bearer [API key].BEARER [API key]"),
            (
                "Bearer authentication failed",
                "Bearer authentication failed",
            ),
            ("Bearer a-b, Bearer é", "Bearer a-b, Bearer é"),
            ("Bearer ", "Bearer "),
        ] {
            assert_eq!(short.redact(text), redacted);
        }
        let odd = ApiKey::new(r"wsk/0123456789+\-x").unwrap();
        for echo in [
            r"wsk/0123456789+\-x",
            r"wsk/0123456789+\\-x",
            r"wsk\/0123456789+\\-x",
            "wsk%2F0123456789%2B%5C-x",
            "wsk%2F0123456789%2B%5C%2Dx",
        ] {
            assert_eq!(odd.redact(echo), "[API key]", "{echo}");
        }
        assert!(key.is(" wsk_0123456789abcdef\n") && !key.is("wsk_") && !key.is(""));
    }

    #[test]
    fn api_key_rejects_invalid_strings() {
        assert_eq!(ApiKey::new(" \n").unwrap_err(), InvalidKey::Empty);
        for bad in ["a b", "a\nb", "a\u{7f}", "schlüssel", "a\0"] {
            assert_eq!(
                ApiKey::new(bad).unwrap_err(),
                InvalidKey::Characters,
                "{bad:?}"
            );
        }
    }
}
