//! The history: the predictions of the account.

use futures_util::stream::Stream;
use serde_json::Value;
use wavespeed_client::{Prediction, types};

use crate::account::pages::{PAGE, pages};
use crate::call::FetchError;
use crate::client::Wavespeed;

impl Wavespeed {
    /// Returns the predictions of the last 7 days, newest first, without their inputs. Each page of
    /// 100 is fetched when the previous one was consumed; the filter's own `page` is ignored.
    ///
    /// After an error, the stream ends.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    /// use wavespeed::types::HistoryRequest;
    ///
    /// let mut history = std::pin::pin!(ws.history(HistoryRequest::default()));
    /// while let Some(prediction) = history.try_next().await? {
    ///     println!("{} {}", prediction.id(), prediction.status());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn history(
        &self,
        filter: types::HistoryRequest,
    ) -> impl Stream<Item = Result<Prediction, FetchError>> + Send + use<> {
        let read = |item: Value| {
            let prediction = Prediction::from_json(item)?;
            Some((prediction.id().to_owned(), prediction))
        };
        pages(self.clone(), read, move |api, page| {
            let mut request = filter.clone();
            request.page = Some(page);
            request.page_size = request.page_size.or(Some(PAGE));
            async move { api.list_predictions(&request).await }
        })
    }
}
