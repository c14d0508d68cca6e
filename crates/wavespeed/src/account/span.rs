//! Reading a time span of the history whole.

use std::collections::HashSet;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use wavespeed_client::{Prediction, types};

use crate::account::pages::PAGE;
use crate::call::{FetchError, answered, clock_offset, data, refused};
use crate::client::Wavespeed;

/// The most pages that are read of a span: a million predictions. A server that makes up new items forever
/// must not keep a program busy.
const MAX_PAGES: i64 = 10_000;

/// The predictions of a time span.
pub(crate) struct Span {
    pub(crate) items: Vec<Prediction>,
    /// `true` if the answers prove that no prediction of the span is missing.
    pub(crate) is_whole: bool,
    /// The vendor's time, from the header `Date` of the first answer.
    pub(crate) now: Option<Timestamp>,
}

/// Reads every page of the predictions that were created between two times.
///
/// The span counts as whole only if its end was seen: an empty page, `has_more: false`, or as many items as
/// `total` says. A short page is no proof, since a server may have smaller pages than it was asked for. Nor
/// is a page that repeats the one before, or one with an item that cannot be read.
///
/// No model is asked for: the record of a prediction may have no model or another one, and then a filter
/// could leave out the very prediction that is looked for.
pub(crate) async fn read_span(
    ws: &Wavespeed,
    from: Timestamp,
    to: Timestamp,
) -> Result<Span, FetchError> {
    let mut span = Span {
        items: Vec::new(),
        is_whole: false,
        now: None,
    };
    let (mut seen, mut is_readable) = (HashSet::new(), true);
    for page in 1..=MAX_PAGES {
        let mut query = types::HistoryRequest::new();
        query.created_after = Some(from.to_string());
        query.created_before = Some(to.to_string());
        (query.page, query.page_size) = (Some(page), Some(PAGE));
        let answer = answered(ws, ws.0.api.list_predictions(&query)).await?;
        let data = data(&answer).ok_or_else(|| refused(&answer))?;
        let items = data["items"].as_array().ok_or_else(|| refused(&answer))?;
        let now = SystemTime::now();
        span.now = span.now.or_else(|| {
            let offset = SignedDuration::from_secs(clock_offset(&answer, now)?);
            Timestamp::try_from(now).ok()?.checked_add(offset).ok()
        });
        let mut has_new = false;
        for item in items {
            match Prediction::from_json(item.clone()) {
                Some(item) if seen.insert(item.id().to_owned()) => {
                    span.items.push(item);
                    has_new = true;
                }
                Some(_) => {}
                None => is_readable = false,
            }
        }
        let total = data["total"].as_u64();
        let has_all = total.is_none_or(|total| seen.len() as u64 >= total);
        let is_end = items.is_empty() || data["has_more"] == false || total.is_some() && has_all;
        if is_end || !has_new {
            span.is_whole = is_end && has_all && is_readable;
            break;
        }
    }
    Ok(span)
}
