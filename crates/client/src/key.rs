//! The API key, which nothing shows: neither `Debug` nor an error, and no header in a log.

use std::fmt;

use progenitor_client::{ClientHooks, ClientInfo as _, Error, OperationInfo};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use sha2::{Digest as _, Sha256};

use crate::Client;

/// A key of the API, from the dashboard's page API Keys.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

/// Why a text cannot be a key. The text itself is not repeated: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// It has no characters but white space.
    #[error("the API key is empty")]
    Empty,
    /// It has a character that cannot stand in a header.
    #[error(
        "the API key has a character that no key has, such as a space, a quote or a line break within it; give the key alone, without `Bearer`"
    )]
    Characters,
}

impl ApiKey {
    /// A key from its text. White space around it, as from a file, is dropped.
    ///
    /// # Errors
    /// If nothing is left, or it has a quote or anything but visible ASCII characters.
    pub fn new(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidKey::Empty);
        }
        let is_fine = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'');
        if !text.bytes().all(is_fine) {
            return Err(InvalidKey::Characters);
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| InvalidKey::Characters)?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The first 12 hex digits of its SHA-256: tells keys apart and shows nothing of them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = self
            .0
            .as_bytes()
            .strip_prefix(b"Bearer ")
            .unwrap_or_default();
        base16ct::lower::encode_string(&Sha256::digest(text)[..6])
    }

    /// The value of the header `Authorization`.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Each generated call gets the key, and loses a header that the generator adds and the vendor
/// does not know.
impl ClientHooks<ApiKey> for Client {
    async fn pre<E>(
        &self,
        request: &mut reqwest::Request,
        _info: &OperationInfo,
    ) -> Result<(), Error<E>> {
        let headers = request.headers_mut();
        headers.remove("api-version");
        headers.insert(AUTHORIZATION, self.inner().authorization());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        let key = ApiKey::new("  wsk_secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert!(!format!("{:?}", key.authorization()).contains("secret"));
        assert_eq!(key.authorization().as_bytes(), b"Bearer wsk_secret");
        // printf wsk_secret | sha256sum
        assert_eq!(key.fingerprint(), "6315075b509f");
    }

    #[test]
    fn refuses_what_cannot_be_a_key() {
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
