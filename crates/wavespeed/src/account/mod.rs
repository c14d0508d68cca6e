//! What the account has done and paid: its history and its billing records, page by page, the sums
//! of both, what is deleted, and the secret of its webhooks.

pub(crate) mod models;
pub(crate) mod price;

use std::collections::HashSet;
use std::collections::vec_deque::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use wavespeed_client::{Answer, CallError, Prediction, PredictionId, types};

use crate::wait::job::{answered, data, refused};
use crate::{FetchError, JobNumber, StoreError, Wavespeed, Which};

/// How many ids one call deletes.
const BATCH: usize = 100;
/// How many items are asked for at once.
const PAGE: i64 = 100;
/// After so many pages without anything new there is nothing more.
const STALE: u32 = 3;
/// The longest time that usage is told of.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Why nothing was deleted, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// A job of the store is still open, and its outputs would be lost. Nothing was sent.
    #[error("{job} ({id}) is still open: its outputs would be lost")]
    Open {
        /// The job.
        job: JobNumber,
        /// Its task.
        id: PredictionId,
    },
    /// Nobody knows yet what came of a job of the store, and one of these may be its task. Nothing
    /// was sent.
    #[error("nobody knows yet what came of {job}, and one of these may be its task")]
    Lost {
        /// The job.
        job: JobNumber,
    },
    /// The store could not be read. Nothing was sent.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vendor did not say whether it deleted the rest.
    #[error("{deleted} were deleted, of the rest it is not known: {error}")]
    Call {
        /// How many were deleted before.
        deleted: u64,
        /// Why.
        error: FetchError,
    },
}

/// Why the usage is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The time is not one the vendor tells of. Nothing was sent.
    #[error("usage is told of at most 31 days, from a time to a later one")]
    Range,
    /// The vendor does not say.
    #[error(transparent)]
    Call(#[from] FetchError),
}

/// What was used, in sums.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// All of it.
    pub total: UsageSum,
    /// By the id of the model.
    pub models: Vec<(String, UsageSum)>,
    /// By the day.
    pub days: Vec<(String, UsageSum)>,
    /// The answer as it came.
    pub raw: Value,
}

/// A sum of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UsageSum {
    /// What was paid, in USD.
    pub cost: Option<f64>,
    /// How many tasks there were.
    pub requests: Option<u64>,
    /// How many of them were completed.
    pub completed: Option<u64>,
}

/// What webhooks are signed with. Nothing shows it but [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// The secret as the vendor writes it, but for spaces and line ends around it. Nothing, if it is
    /// empty: with such a one, anybody could sign.
    #[must_use]
    pub fn new(secret: impl AsRef<str>) -> Option<Self> {
        let secret = secret.as_ref().trim();
        let is_one = !secret.trim_start_matches("whsec_").is_empty();
        is_one.then(|| Self(secret.to_owned()))
    }

    /// The secret as the vendor writes it, with its `whsec_`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

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

    /// What was paid and what came back, as the vendor orders it. Paged as
    /// [`history`](Self::history).
    ///
    /// An error is the last item.
    pub fn billings(
        &self,
        filter: types::BillingsRequest,
    ) -> impl Stream<Item = Result<types::Billing, FetchError>> + Send + use<> {
        let read = |item: Value| {
            // One that cannot be told apart is not one that comes again.
            let key = item["uuid"]
                .as_str()
                .map_or_else(|| item.to_string(), str::to_owned);
            let billing = serde_json::from_value(item);
            let billing = billing.inspect_err(
                |error| tracing::warn!(uuid = key, %error, "a billing record cannot be read"),
            );
            Some((key, billing.ok()?))
        };
        pages(self.clone(), read, move |ws, page| {
            let mut request = filter.clone();
            request.page = Some(page);
            request.page_size = request.page_size.or(Some(PAGE));
            async move { Answer::of(ws.0.api.search_billings(&request).await).await }
        })
    }

    /// Deletes the predictions of tasks that have ended, with their outputs, and says how many. Those
    /// that still run are skipped, not cancelled. `even_open` also deletes what the
    /// [`Store`](crate::Store) has as an open job, the outputs of which nobody has fetched yet.
    ///
    /// # Errors
    /// If a job is open, or the vendor does not say.
    pub async fn delete(&self, ids: &[PredictionId], even_open: bool) -> Result<u64, DeleteError> {
        let open = self.jobs(Which::Open)?;
        for job in open.iter().filter(|_| !even_open) {
            let (job, id) = (job.number, job.id.clone());
            match id {
                None => return Err(DeleteError::Lost { job }),
                Some(id) if ids.contains(&id) => return Err(DeleteError::Open { job, id }),
                Some(_) => {}
            }
        }
        let mut deleted = 0;
        for batch in ids.chunks(BATCH) {
            let ids = batch.iter().map(ToString::to_string).collect();
            let request = types::DeleteRequest::new(ids);
            let call = async { Answer::of(self.0.api.delete_predictions(&request).await).await };
            let counted = answered(self, call).await.and_then(|answer| {
                let count = data(&answer).map(|data| data["deleted_count"].as_u64());
                // Without a count all were deleted, for all that is known.
                let all = batch.len() as u64;
                count
                    .map(|count| count.unwrap_or(all))
                    .ok_or_else(|| refused(&answer))
            });
            match counted {
                Ok(count) => deleted += count,
                Err(error) => return Err(DeleteError::Call { deleted, error }),
            }
        }
        let forced = open.into_iter().filter_map(|job| job.id);
        for id in forced.filter(|id| ids.contains(id)) {
            // The vendor says how many, not which ones.
            let asked = self.0.api.get_prediction_result(id.as_str()).await;
            let gone = Answer::of(asked).await;
            let end = json!({ "id": id.as_str(), "status": "deleted" });
            if let (Ok(answer), Some(end)) = (gone, Prediction::from_json(end))
                && answer.status.as_u16() == 404
            {
                self.0.store.ended(self.account(), &end)?;
            }
        }
        Ok(deleted)
    }

    /// What was used from a time to a later one, at most 31 days; of one model, if it is named.
    ///
    /// # Errors
    /// If that is no such time, or the vendor does not say.
    pub async fn usage(
        &self,
        from: SystemTime,
        to: SystemTime,
        model: Option<&str>,
    ) -> Result<Usage, UsageError> {
        let length = to.duration_since(from).map_err(|_| UsageError::Range)?;
        let text = |time: SystemTime| Some(Timestamp::try_from(time).ok()?.to_string());
        let (Some(start_time), Some(end_time), true) = (text(from), text(to), length <= LONGEST)
        else {
            return Err(UsageError::Range);
        };
        let required = types::UsageRequestRequired {
            start_time,
            end_time,
        };
        let mut request = types::UsageRequest::new(required);
        request.model_uuid = model.map(str::to_owned);
        let call = async { Answer::of(self.0.api.get_usage(&request).await).await };
        let answer = answered(self, call).await?;
        let raw = data(&answer).ok_or_else(|| refused(&answer))?;
        let list = |key: &str, names: &[&str]| {
            let items = raw[key].as_array().into_iter().flatten();
            let named = items.filter_map(|item| {
                let name = names.iter().find_map(|name| item[*name].as_str())?;
                Some((name.to_owned(), sum(item)))
            });
            named.collect()
        };
        Ok(Usage {
            total: sum(&raw["summary"]),
            models: list("per_model_usage", &["model_uuid", "model_id", "model"]),
            days: list("daily_usage", &["date", "day"]),
            raw,
        })
    }

    /// Asks for the secret with which the webhooks of this key are signed.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn webhook_secret(&self) -> Result<WebhookSecret, FetchError> {
        let call = async { Answer::of(self.0.api.get_webhook_secret().await).await };
        let answer = answered(self, call).await?;
        let secret = data(&answer).and_then(|data| WebhookSecret::new(data["secret"].as_str()?));
        secret.ok_or_else(|| refused(&answer))
    }
}

/// A sum in the vendor's words; those of a single model or day are a guess.
fn sum(item: &Value) -> UsageSum {
    UsageSum {
        cost: item["total_cost"].as_f64(),
        requests: item["total_requests"].as_u64(),
        completed: item["success_requests"].as_u64(),
    }
}

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
fn pages<T, Ask, Call>(
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
