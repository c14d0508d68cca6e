//! Lists that the vendor gives page by page.

use std::collections::HashSet;
use std::collections::vec_deque::VecDeque;
use std::future::Future;

use futures_util::stream;
use futures_util::stream::Stream;
use serde_json::Value;
use wavespeed_client::{Answer, CallError};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;

/// How many items are asked for at once.
pub(super) const PAGE: i64 = 100;

/// After so many pages without anything new there is nothing more.
const STALE: u32 = 3;

/// How far a list was read.
struct Pages<T, Ask> {
    ws: Wavespeed,
    ask: Ask,
    next: Option<i64>,
    seen: HashSet<String>,
    /// The page before, and how many in a row had nothing new.
    before: Vec<Value>,
    stale: u32,
    waiting: VecDeque<T>,
}

/// The items of all pages, each once: while one reads, new ones push the others to later pages.
pub(super) fn pages<T, Ask, Call>(
    ws: Wavespeed,
    read: fn(Value) -> Option<(String, T)>,
    ask: Ask,
) -> impl Stream<Item = Result<T, FetchError>> + Send
where
    T: Send,
    Ask: Fn(Wavespeed, i64) -> Call + Send,
    Call: Future<Output = Result<Answer, CallError>> + Send,
{
    let start = Pages {
        ws,
        ask,
        next: Some(1),
        seen: HashSet::new(),
        before: Vec::new(),
        stale: 0,
        waiting: VecDeque::new(),
    };
    stream::try_unfold(start, move |mut pages| async move {
        loop {
            if let Some(item) = pages.waiting.pop_front() {
                return Ok(Some((item, pages)));
            }
            let Some(page) = pages.next else {
                return Ok(None);
            };
            let call = (pages.ask)(pages.ws.clone(), page);
            let answer = answered(&pages.ws, call).await?;
            let data = data(&answer).ok_or_else(|| refused(&answer))?;
            let items = data["items"].as_array().ok_or_else(|| refused(&answer))?;
            for item in items {
                if let Some((key, item)) = read(item.clone())
                    && pages.seen.insert(key)
                {
                    pages.waiting.push_back(item);
                }
            }
            let total = data["total"].as_u64();
            let all = total.is_some_and(|total| pages.seen.len() as u64 >= total);
            // While one reads, so much may be new that a page has nothing that was not seen; but a
            // host that knows no pages says the same for ever.
            pages.stale = if pages.waiting.is_empty() {
                pages.stale + 1
            } else {
                0
            };
            let again = *items == pages.before || pages.stale == STALE;
            let last = items.is_empty() || again || all || data["has_more"] == false;
            pages.before.clone_from(items);
            pages.next = (!last).then_some(page + 1);
        }
    })
}
