//! Deleting predictions.

use serde_json::json;
use wavespeed_client::{Answer, Prediction, PredictionId, types};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::JobFilter;

/// How many ids one call deletes.
const BATCH: usize = 100;

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

impl Wavespeed {
    /// Deletes the predictions of tasks that have ended, with their outputs, and says how many. Those
    /// that still run are skipped, not cancelled. `even_open` also deletes what the
    /// [`Store`](crate::Store) has as an open job, the outputs of which nobody has fetched yet.
    ///
    /// # Errors
    /// If a job is open, or the vendor does not say.
    pub async fn delete(&self, ids: &[PredictionId], even_open: bool) -> Result<u64, DeleteError> {
        let open = self.jobs(JobFilter::Open)?;
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
                self.0.store.record_end(self.account(), &end)?;
            }
        }
        Ok(deleted)
    }
}
