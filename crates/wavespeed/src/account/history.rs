//! The predictions of the account.

use futures_util::stream::Stream;
use serde_json::Value;
use wavespeed_client::{Answer, Prediction, types};

use crate::account::pages::{PAGE, pages};
use crate::call::FetchError;
use crate::client::Wavespeed;

impl Wavespeed {
    /// The tasks of the last 7 days, newest first, without their inputs. A page of 100 is asked for
    /// when the one before it was taken; the filter's own `page` is not looked at.
    ///
    /// An error is the last item.
    pub fn history(
        &self,
        filter: types::HistoryRequest,
    ) -> impl Stream<Item = Result<Prediction, FetchError>> + Send + use<> {
        let read = |item: Value| {
            let prediction = Prediction::from_json(item)?;
            Some((prediction.id.clone(), prediction))
        };
        pages(self.clone(), read, move |ws, page| {
            let mut request = filter.clone();
            request.page = Some(page);
            request.page_size = request.page_size.or(Some(PAGE));
            async move { Answer::of(ws.0.api.list_predictions(&request).await).await }
        })
    }
}
