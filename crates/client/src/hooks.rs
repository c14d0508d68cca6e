//! The hook that adds the API key to the generated calls.

use progenitor_client::{ClientHooks, ClientInfo as _, Error, OperationInfo};
use reqwest::header::AUTHORIZATION;

use crate::generated::Client;
use crate::key::ApiKey;

impl Client {
    /// Returns the API key that the calls carry.
    #[must_use]
    pub fn api_key(&self) -> &ApiKey {
        self.inner()
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
