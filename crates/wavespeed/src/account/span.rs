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

/// The most pages without a new item that are read in a row: a server may ignore which page is asked for.
const MAX_BARREN_PAGES: u32 = 3;

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
/// `total` says. A short page is no proof, since a server may have smaller pages than it was asked for. An
/// item that cannot be read makes the span incomplete, and so do fewer items than `total`. Items may be
/// repeated, but in a list that moves while it is read, one that is repeated hides another.
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
    let (mut seen, mut listed, mut last_total) = (HashSet::new(), 0, None);
    let (mut has_shrunk, mut has_moved) = (false, false);
    let (mut is_readable, mut barren_pages) = (true, 0);
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
        let before = seen.len();
        listed += items.len();
        for item in items {
            match Prediction::from_json(item.clone()) {
                Some(item) if seen.insert(item.id().to_owned()) => span.items.push(item),
                Some(_) => {}
                None => is_readable = false,
            }
        }
        barren_pages = match seen.len() > before {
            true => 0,
            false => barren_pages + 1,
        };
        let total = data["total"].as_u64().map(to_usize);
        // In a list that became shorter, an item moved to a page that was read already.
        has_shrunk |= last_total.is_some_and(|last| total < last);
        has_moved |= last_total.is_some_and(|last| total != last);
        last_total = Some(total);
        let has_all = total.map(|total| seen.len() >= total);
        if items.is_empty() || data["has_more"] == false || has_all == Some(true) {
            let has_listed_all = !has_moved && total.is_some_and(|total| listed >= total);
            let has_all = has_all != Some(false) || has_listed_all;
            span.is_whole = is_readable && !has_shrunk && has_all;
            break;
        }
        if barren_pages == MAX_BARREN_PAGES {
            break;
        }
    }
    Ok(span)
}

fn to_usize(total: u64) -> usize {
    usize::try_from(total).unwrap_or(usize::MAX)
}
