//! The hook that adds the API key to the generated calls.

use progenitor_client::{ClientHooks, ClientInfo as _, Error, OperationInfo};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::answer::{Answer, CallError};
use crate::generated::Client;
use crate::key::ApiKey;

impl Client {
    /// Returns the API key that the calls carry.
    #[must_use]
    pub fn api_key(&self) -> &ApiKey {
        self.inner()
    }

    /// Makes a call that this crate has no method for, once: `path` is appended to the base URL. Returns
    /// the answer, whatever its status is.
    ///
    /// # Errors
    /// Returns an error if no answer was received.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let base = self.baseurl().trim_end_matches('/');
        let url = format!("{base}/{}", path.trim_start_matches('/'));
        let request = self.client().request(method, url);
        let request = request.header(AUTHORIZATION, self.inner().authorization());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let answer = Answer::from_response(response, std::future::pending()).await;
        Ok(answer.without_key(self.inner()))
    }
}

/// Adds the API key to each generated call, and removes the header `api-version`, which the generator
/// adds and the vendor does not know.
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
