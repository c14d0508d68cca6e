//! Paged lists as streams.
//!
//! The lists are ordered newest first and move while they are read: an item that is created between
//! two pages pushes the last item of one page onto the next. Items are therefore recognized by a key,
//! and each is yielded once.

use std::collections::HashSet;
use std::collections::vec_deque::VecDeque;
use std::future::Future;

use futures_util::stream;
use futures_util::stream::Stream;
use serde_json::Value;
use wavespeed_client::{Answer, CallError, Client};

use crate::call::{FetchError, data, read, refused};
use crate::client::Wavespeed;

/// The number of items per page: the maximum of `page_size` in `spec/wavespeed.yaml`.
pub(super) const PAGE: i64 = 100;

/// The number of pages in a row without a new item after which the list is taken to be over.
const MAX_STALE_PAGES: u32 = 3;

/// The state of reading a list.
struct Pages<T, Fetch> {
    ws: Wavespeed,
    fetch: Fetch,
    /// The number of the next page, or `None` after the last one.
    next: Option<i64>,
    /// The keys of all items so far.
    seen: HashSet<String>,
    /// The items of the previous page.
    previous: Vec<Value>,
    /// The number of pages in a row that had no new item.
    stale: u32,
    /// The items that were read and not yielded yet.
    queue: VecDeque<T>,
}

/// Returns the items of all pages, each once. `fetch` makes the call for a page; `parse` turns an item
/// into its key and its value, or `None` if the item is not readable.
pub(super) fn pages<T, Fetch, Call>(
    ws: Wavespeed,
    parse: fn(Value) -> Option<(String, T)>,
    fetch: Fetch,
) -> impl Stream<Item = Result<T, FetchError>> + Send
where
    T: Send,
    Fetch: Fn(Client, i64) -> Call + Send + Sync,
    Call: Future<Output = Result<Answer, CallError>> + Send,
{
    let start = Pages {
        ws,
        fetch,
        next: Some(1),
        seen: HashSet::new(),
        previous: Vec::new(),
        stale: 0,
        queue: VecDeque::new(),
    };
    stream::try_unfold(start, move |mut pages| async move {
        loop {
            if let Some(item) = pages.queue.pop_front() {
                return Ok(Some((item, pages)));
            }
            let Some(page) = pages.next else {
                return Ok(None);
            };
            let answer = read(&pages.ws, |api| (pages.fetch)(api, page)).await?;
            let data = data(&answer).ok_or_else(|| refused(&answer))?;
            let items = data["items"].as_array().ok_or_else(|| refused(&answer))?;
            for item in items {
                if let Some((key, item)) = parse(item.clone())
                    && pages.seen.insert(key)
                {
                    pages.queue.push_back(item);
                }
            }
            let total = data["total"].as_u64();
            let is_complete = total.is_some_and(|total| pages.seen.len() as u64 >= total);
            // A page without a new item is not the end yet: many new items may have pushed known ones
            // onto it. But a server that ignores the page number would repeat itself forever.
            pages.stale = if pages.queue.is_empty() {
                pages.stale + 1
            } else {
                0
            };
            let repeats = *items == pages.previous || pages.stale == MAX_STALE_PAGES;
            let last = items.is_empty() || repeats || is_complete || data["has_more"] == false;
            pages.previous.clone_from(items);
            pages.next = (!last).then_some(page + 1);
        }
    })
}
