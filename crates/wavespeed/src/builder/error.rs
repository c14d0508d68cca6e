//! The error of the settings of a client.

use wavespeed_client::InvalidKey;

use crate::builder::base_url::{DEFAULT_BASE_URL, InvalidBaseUrl};
use crate::http::HttpSetupError;

/// Error of [`Builder::build`](crate::Builder::build). Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No API key is set.
    #[error("no API key is set: put one from the dashboard's page API Keys into WAVESPEED_API_KEY")]
    NoKey,
    /// The API key is malformed.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The base URL is malformed.
    #[error("the base URL {url:?} {why}; it should look like {DEFAULT_BASE_URL}")]
    BaseUrl {
        /// The base URL, unless it may contain a secret.
        url: String,
        /// The reason, as the rest of a sentence about the base URL.
        why: String,
    },
    /// The API key would cross the network unencrypted.
    #[error("the base URL {url} is plain http, which would show the API key to the network")]
    PlainHttp {
        /// The base URL.
        url: String,
    },
    /// The name of the account contains the API key. The name is written down, and the key must not be.
    #[error("the name of the account contains the API key; choose another name")]
    Account,
    /// A proxy in the environment is not supported. Its URL is not repeated, since it may contain a
    /// password.
    #[error("the proxy in {variable} is not a URL such as http://host:port")]
    Proxy {
        /// The environment variable.
        variable: &'static str,
    },
    /// The HTTP library could not be set up.
    #[error("HTTP could not be set up: {0}")]
    Http(String),
}

impl From<HttpSetupError> for BuildError {
    fn from(error: HttpSetupError) -> Self {
        match error {
            HttpSetupError::Proxy(variable) => Self::Proxy { variable },
            HttpSetupError::Library(message) => Self::Http(message),
        }
    }
}

impl From<InvalidBaseUrl> for BuildError {
    fn from(InvalidBaseUrl { url, why }: InvalidBaseUrl) -> Self {
        Self::BaseUrl { url, why }
    }
}
