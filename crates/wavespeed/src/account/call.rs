//! Calls that this crate has no method for.

use reqwest::Method;
use serde_json::Value;
use wavespeed_client::Answer;

use crate::call::{FetchError, answered};
use crate::client::Wavespeed;

impl Wavespeed {
    /// Makes a call that this crate has no method for: `path` is appended to the base URL, and the API key is
    /// sent. The call is made once, within [`Timeouts::call`](crate::Timeouts::call). Returns the answer,
    /// whatever its status is.
    ///
    /// **A POST to the path of a model is a submit, which is billed.** Sent this way it is neither checked nor
    /// recorded; use [`submit`](Self::submit).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), wavespeed::FetchError> {
    /// use wavespeed::reqwest::Method;
    ///
    /// let answer = ws.call(Method::GET, "/balance", None).await?;
    /// println!("{} {:?}", answer.status, answer.json());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if no answer was received.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, FetchError> {
        answered(self, self.0.api.call(method, path, body)).await
    }
}
