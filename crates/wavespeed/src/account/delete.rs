//! Deleting predictions.

use serde_json::json;
use wavespeed_client::{Prediction, PredictionId, types};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::number::JobNumber;
use crate::store::record::{JobFilter, JobRecord};

/// The number of ids per call. The vendor documents no limit; this one keeps a failed call small.
const BATCH: usize = 100;

/// Error of [`Wavespeed::delete`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// A job in the store is still open, and its outputs would be lost. Nothing was deleted.
    #[error("{job} ({id}) is still open: its outputs would be lost")]
    Open {
        /// The number of the job.
        job: JobNumber,
        /// The id of the job.
        id: PredictionId,
    },
    /// The outcome of a job in the store is unknown, and one of the predictions may belong to it.
    /// Nothing was deleted.
    #[error("the outcome of {job} is unknown, and one of these predictions may belong to it")]
    OutcomeUnknown {
        /// The number of the job.
        job: JobNumber,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A call failed, so it is not known whether the remaining predictions were deleted.
    #[error("{deleted} were deleted; it is not known whether the others were: {error}")]
    Call {
        /// The number of predictions that earlier calls deleted.
        deleted: u64,
        /// The error of the call.
        error: FetchError,
    },
}

impl Wavespeed {
    /// Deletes predictions that have ended, with their outputs, and returns how many were deleted.
    /// The vendor skips predictions that still run and does not cancel them. With `even_open`,
    /// predictions of jobs that are open in the [`Store`](crate::Store) are deleted, too, although
    /// their outputs were not saved.
    ///
    /// # Errors
    /// Returns an error if a job is open, if the store fails, or if a call fails.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// let id = "6488c2754f6f4dfea924382fa14d11bd".parse()?;
    /// let deleted = ws.delete(&[id], false).await?;
    /// println!("{deleted} deleted");
    /// # Ok(()) }
    /// ```
    pub async fn delete(&self, ids: &[PredictionId], even_open: bool) -> Result<u64, DeleteError> {
        // Of every account: the API key may have several names, and the ids are the same.
        let mut open = self.jobs(JobFilter::BaseUrl).await?;
        open.retain(JobRecord::is_open);
        // A job without an id may own any of the predictions, so it blocks the deletion of all.
        for job in open.iter().filter(|_| !even_open) {
            let (job, id) = (job.number, job.id.clone());
            match id {
                None => return Err(DeleteError::OutcomeUnknown { job }),
                Some(id) if ids.contains(&id) => return Err(DeleteError::Open { job, id }),
                Some(_) => {}
            }
        }
        let mut deleted = 0;
        for batch in ids.chunks(BATCH) {
            let ids = batch.iter().map(ToString::to_string).collect();
            let request = types::DeleteRequest::new(ids);
            let call = self.0.api.delete_predictions(&request);
            let counted = answered(self, call).await.and_then(|answer| {
                let count = data(&answer).map(|data| data["deleted_count"].as_u64());
                // An answer without a count still says that the call succeeded.
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
            // The vendor reports a number, not the ids, so each open job is looked up.
            let answer = self.0.api.get_prediction_result(id.as_str()).await;
            let end = json!({ "id": id.as_str(), "status": "deleted" });
            if let (Ok(answer), Some(end)) = (answer, Prediction::from_json(end))
                && answer.status.as_u16() == 404
            {
                self.record_end(&end).await?;
            }
        }
        Ok(deleted)
    }
}
