//! The records that a store keeps of jobs.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};
use wavespeed_client::{ModelId, Prediction, PredictionId, Status};

use crate::store::adoption::Adoption;
use crate::store::error::StoreError;
use crate::store::identity::Identity;
use crate::store::key::IdempotencyKey;
use crate::store::number::JobNumber;
use crate::store::rfc3339;
use crate::store::same_api::is_same_api;
use crate::target::Target;

/// The number of files that are kept of each output. It bounds a record whose outputs are saved again and
/// again, and is far more than the copies that a person keeps.
const MAX_FILES: usize = 8;

/// The owner of jobs: a base URL and a name. Jobs of different accounts are never mixed, with two exceptions.
/// An id belongs to at most one job of a base URL, whatever the account; and a submit whose outcome is
/// unknown [stands in the way](crate::ExistingReason::OtherAccount) of an equal one of another account.
///
/// ```
/// use wavespeed::{Account, Wavespeed};
///
/// let ws = Wavespeed::builder().key("0123456789abcdef").account("production").build()?;
/// assert_eq!(*ws.account(), Account::new("https://api.wavespeed.ai/api/v3", "production"));
/// # Ok::<(), wavespeed::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// The base URL of the API.
    pub base_url: String,
    /// The name: the one of the settings, or else the fingerprint of the API key.
    pub name: String,
}

impl Account {
    /// Creates the account of this name at a base URL.
    #[must_use]
    pub fn new(base_url: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            name: name.into(),
        }
    }

    /// Returns `true` if the jobs of two accounts may be billed by the same vendor, whatever the API keys and
    /// the spelling of the base URLs are.
    pub(crate) fn shares_api(&self, other: &Self) -> bool {
        is_same_api(&self.base_url, &other.base_url)
    }
}

/// A choice of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobFilter<'a> {
    /// Every job of the account.
    All,
    /// The jobs of the account that are not finished; see [`JobRecord::is_open`].
    Open,
    /// The job of the account with this key.
    Key(&'a IdempotencyKey),
    /// The jobs of the account with this label.
    Label(&'a str),
    /// The job of this number, of whatever account and base URL. Numbers are unique in a store.
    Number(JobNumber),
    /// The jobs with this id, of every account at the base URL.
    Id(&'a PredictionId),
    /// The job at the base URL whose webhook has this token.
    WebhookToken(&'a str),
    /// The jobs of every account and base URL whose submits have no recorded outcome: they are being sent, or
    /// are lost.
    WithoutOutcome,
    /// Every job at the base URL, of whatever account, and what is left of the
    /// [forgotten](JobRecord::forgotten) ones. No other filter passes those.
    BaseUrl,
}

/// The stage of a job.
///
/// [`Store`](crate::Store) has an example.
#[derive(
    Clone, Copy, Debug, EnumString, PartialEq, Eq, Hash, IntoStaticStr, Deserialize, Serialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = StoreError,
    parse_err_fn = unknown_stage
)]
#[non_exhaustive]
pub enum Stage {
    /// The submit was about to be sent, and nothing else is known: it may have been billed.
    Intended,
    /// The submit was sent, and its outcome is unknown: it may have been billed.
    Unknown,
    /// The submit was not accepted; nothing is billed.
    Rejected,
    /// The prediction was created.
    Submitted,
    /// The prediction has a terminal status.
    Ended,
    /// The outputs were saved.
    Saved,
}

impl Stage {
    /// Returns the name of the stage, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the stage that follows this one when the prediction was seen to have ended. Another
    /// process may have saved the outputs before this one saw the end.
    ///
    /// [`JobRecord::apply`] follows this rule. A store may apply it alone, to record the end of a job
    /// without reading the rest of its record.
    #[must_use]
    pub fn after_end(self) -> Self {
        match self {
            Self::Saved => Self::Saved,
            _ => Self::Ended,
        }
    }
}

fn unknown_stage(word: &str) -> StoreError {
    StoreError::new(format!("{word:?} is not the stage of a job"))
}

/// The record of a job in a [`Store`](crate::Store). As JSON it has the same fields; times are strings as in
/// RFC 3339, and a path that is not Unicode cannot be written.
///
/// [`Store`](crate::Store) has an example.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// The number of the job.
    pub number: JobNumber,
    /// The account that the job belongs to.
    pub account: Account,
    /// The fingerprint of the API key that was used, for information.
    pub key_fingerprint: String,
    /// The model.
    pub model: ModelId,
    /// The body, exactly as it was sent. A resend sends the same bytes.
    pub body: String,
    /// The identity of the model and the input.
    pub identity: Identity,
    /// The idempotency key, if the caller chose one.
    pub key: Option<IdempotencyKey>,
    /// The label that the caller gave to the job, if any.
    pub label: Option<String>,
    /// The quoted price in USD, if it was asked for.
    pub price: Option<f64>,
    /// The place where the outputs are to be saved, if they are.
    pub target: Option<Target>,
    /// The URL to which the vendor reports the end of the job, if any.
    pub webhook: Option<String>,
    /// The token in the URL of the webhook by which the job is recognized, if any.
    pub webhook_token: Option<String>,
    /// The time of the last intent.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The stage.
    pub stage: Stage,
    /// The vendor's id, once it is known.
    pub id: Option<PredictionId>,
    /// The evidence for the id, if it was not in the answer to the submit.
    pub adopted: Option<Adoption>,
    /// The last known status.
    pub status: Option<Status>,
    /// The body of the answer to the submit, if there was one, without the API key.
    pub answer: Option<String>,
    /// The seconds by which the vendor's clock was ahead of this machine's at the submit, if an answer near
    /// it has shown that.
    pub clock_offset: Option<i64>,
    /// `true` if no earlier submit of the model was under way when this one was sent; see
    /// [`Builder::serialise_submits`](crate::Builder::serialise_submits).
    pub serialised: bool,
    /// The time at which the outcome became unknown, on the clock of [`at`](Self::at), if it did.
    #[serde(default, with = "rfc3339::option")]
    pub lost_at: Option<SystemTime>,
    /// The prediction as it was seen at its end, as JSON.
    pub prediction: Option<String>,
    /// The files of the saved outputs, those of the last saving first. An output that was saved to
    /// several paths has several files.
    pub files: Vec<Downloaded>,
    /// The earlier attempts that the vendor accepted, oldest first.
    pub attempts: Vec<EarlierAttempt>,
    /// `true` if the job was [forgotten](crate::Store::forget), and the record is what is left of it: see
    /// [`forget`](Self::forget). A prediction may still come of it, and must then not be taken for that
    /// of another job.
    pub forgotten: bool,
}

/// An attempt that came before the current one of a job: the vendor accepted it, and it ended without
/// outputs, or another answer to the submit replaced its id.
///
/// [`Store`](crate::Store) has an example.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct EarlierAttempt {
    /// The time of the intent.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The vendor's id.
    pub id: PredictionId,
    /// The last known status.
    pub status: Option<Status>,
    /// The quoted price in USD, if it was asked for.
    pub price: Option<f64>,
}

impl EarlierAttempt {
    /// Creates the record of an attempt.
    #[must_use]
    pub fn new(
        at: SystemTime,
        id: PredictionId,
        status: Option<Status>,
        price: Option<f64>,
    ) -> Self {
        Self {
            at,
            id,
            status,
            price,
        }
    }
}

impl JobRecord {
    /// Returns the input, or null if the body is not JSON.
    #[must_use]
    pub fn input(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Returns the prediction as it was seen at its end, if it was.
    #[must_use]
    pub fn ended(&self) -> Option<Prediction> {
        let raw = serde_json::from_str(self.prediction.as_deref()?).ok()?;
        Prediction::from_json(raw)
    }

    /// Returns `true` if there is something left to do for this job: to learn the outcome of the
    /// submit, to wait for its end, or to save outputs that are to be saved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.stage {
            _ if self.forgotten => false,
            Stage::Intended | Stage::Unknown | Stage::Submitted => true,
            // Outputs without a target were never to be saved, and only completed jobs have outputs.
            Stage::Ended => self.target.is_some() && self.is_completed(),
            Stage::Rejected | Stage::Saved => false,
        }
    }

    /// Returns the ids of the job: that of the current attempt and those of the earlier ones.
    pub fn ids(&self) -> impl Iterator<Item = &PredictionId> {
        let earlier = self.attempts.iter().map(|attempt| &attempt.id);
        self.id.iter().chain(earlier)
    }

    /// Returns `true` if the job has this id, now or in an earlier attempt.
    pub(crate) fn owns(&self, id: &PredictionId) -> bool {
        self.ids().any(|own| own == id)
    }

    /// Returns `true` if the submit may have been billed, and no outcome of it is recorded.
    pub(crate) fn has_no_outcome(&self) -> bool {
        matches!(self.stage, Stage::Intended | Stage::Unknown)
    }

    /// Returns `true` if the prediction has completed.
    pub(crate) fn is_completed(&self) -> bool {
        self.status == Some(Status::Completed)
    }
}

/// An output that was saved to a file.
///
/// ```
/// use wavespeed::Downloaded;
///
/// let saved = |path: &str| Downloaded::new(1, path, "https://a.example/1.mp4", 4, "00ff");
/// let files = Downloaded::merge(&[saved("new.mp4")], vec![saved("old.mp4"), saved("new.mp4")]);
/// assert_eq!(files, [saved("new.mp4"), saved("old.mp4")]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Downloaded {
    /// The number of the output, counted from 1.
    pub number: usize,
    /// The path of the file.
    pub path: PathBuf,
    /// The URL the output came from.
    pub url: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the content, in lowercase hex.
    pub sha256: String,
}

impl Downloaded {
    /// Creates the record of a saved output.
    #[must_use]
    pub fn new(
        number: usize,
        path: impl Into<PathBuf>,
        url: impl Into<String>,
        bytes: u64,
        sha256: impl Into<String>,
    ) -> Self {
        Self {
            number,
            path: path.into(),
            url: url.into(),
            bytes,
            sha256: sha256.into(),
        }
    }

    /// Returns the files of a job after another saving: the `saved` ones, and then the earlier ones, of
    /// which one may still exist when a later one is gone. A path occurs once per output, and an output
    /// has at most 8 files, the newest.
    ///
    /// [`JobRecord::apply`] follows this rule. A store may apply it alone, to record the files of a job
    /// without reading the rest of its record.
    #[must_use]
    pub fn merge(saved: &[Self], earlier: Vec<Self>) -> Vec<Self> {
        let mut files: Vec<Self> = Vec::new();
        for file in saved.iter().cloned().chain(earlier) {
            let of_output = files.iter().filter(|known| known.number == file.number);
            let is_known = of_output.clone().any(|known| known.path == file.path);
            if !is_known && of_output.count() < MAX_FILES {
                files.push(file);
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_files_of_each_output_are_kept() {
        let file = |number, path: &str| Downloaded::new(number, path, "https://a.example", 1, "");
        let mut files = vec![file(2, "/2")];
        for path in 0..10 {
            files = Downloaded::merge(&[file(1, &format!("/{path}"))], files);
        }
        // Saved to a known path once more.
        files = Downloaded::merge(&[file(1, "/5")], files);
        let kept = [5, 9, 8, 7, 6, 4, 3, 2].map(|path| file(1, &format!("/{path}")));
        let expected: Vec<_> = kept.into_iter().chain([file(2, "/2")]).collect();
        assert_eq!(files, expected);
    }
}
