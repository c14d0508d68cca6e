//! The charges and refunds of the account.

use futures_util::stream::Stream;
use serde_json::Value;
use wavespeed_client::types;

use crate::account::pages::{PAGE, pages};
use crate::call::FetchError;
use crate::client::Wavespeed;

impl Wavespeed {
    /// Returns the charges and refunds of the account, in the vendor's order and paged as
    /// [`history`](Self::history).
    ///
    /// After an error, the stream ends.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    /// use wavespeed::types::BillingsRequest;
    ///
    /// let mut billings = std::pin::pin!(ws.billings(BillingsRequest::default()));
    /// while let Some(billing) = billings.try_next().await? {
    ///     println!("{billing:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn billings(
        &self,
        filter: types::BillingsRequest,
    ) -> impl Stream<Item = Result<types::Billing, FetchError>> + Send + use<> {
        let read = |item: Value| {
            // Without an id, the whole record is its key, so that it is not taken for another one.
            let key = item["uuid"]
                .as_str()
                .map_or_else(|| item.to_string(), str::to_owned);
            let billing = serde_json::from_value(item);
            let billing = billing.inspect_err(
                |error| tracing::warn!(uuid = key, %error, "a billing record cannot be read"),
            );
            // One unreadable record must not end a list of charges; it is logged and left out.
            Some((key, billing.ok()?))
        };
        pages(self.clone(), read, move |api, page| {
            let mut request = filter.clone();
            request.page = Some(page);
            request.page_size = request.page_size.or(Some(PAGE));
            async move { api.search_billings(&request).await }
        })
    }
}
