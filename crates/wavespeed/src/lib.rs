//! Client for [WaveSpeedAI](https://wavespeed.ai): a clip and a sentence in, a talking video out.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::models::kwaivgi::{
//!     KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
//! };
//! use wavespeed::{Target, Wavespeed};
//!
//! let ws = Wavespeed::from_env()?; // WAVESPEED_API_KEY
//! let mut input = KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
//!     video: ws.upload("clip.mp4").await?.url,
//!     text: "Hello".into(),
//!     voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
//! });
//! input.voice_speed = Some(1.1);
//! let job = ws.submit(&input).await?; // checked, then billed here, once
//! println!("{}", job.id());
//! let done = job.wait().await?; // the final record, whatever its end
//! for file in ws.download(&done, &Target::new("out.mp4")).await? {
//!     println!("{}", file.path.display());
//! }
//! # Ok(()) }
//! ```
//!
//! # What holds
//!
//! - **A submit is sent once.** It is the only call that costs money. Its outcome is a job, or a
//!   [`SubmitError`] that says whether it was refused (nothing is billed) or whether nobody knows.
//! - **Wrong input is refused before it costs.** [`Wavespeed::submit`] holds the input against the
//!   catalogue (see [`check`]), and names all faults at once; [`Wavespeed::submit_unchecked`] does
//!   not. What is behind a URL is looked at by [`Wavespeed::check_urls`], if that is wanted.
//! - **An id is never lost.** Every error after the submit carries it; [`Wavespeed::job`] goes on
//!   from it any time later, in any process.
//! - **What the vendor adds breaks nobody.** Unknown statuses, fields and outputs are kept, and the
//!   raw JSON of a record stays reachable.
//! - **The key is a secret.** It goes to the API and nowhere else, over plain http only to this
//!   machine, and nothing shows it.
//!
//! Any future here may be dropped at any await. Only that of a submit leaves something behind then:
//! a task that may have been created.
//!
//! # Features
//!
//! `rustls` (default; the system's roots of trust), `rustls-ring` (smaller; see its note in
//! `Cargo.toml`), or `native-tls`. Proxies are taken from
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; this machine is never reached through
//! one. With rustls on Linux, `SSL_CERT_FILE` names a private CA.

mod account;
mod builder;
mod check;
mod download;
mod http;
pub mod media;
mod store;
mod submit;
mod target;
mod upload;
mod wait;
pub mod webhook;

use std::sync::Arc;

pub use account::models::LiveModels;
pub use account::price::Quote;
pub use account::{DeleteError, Usage, UsageError, UsageSum, WebhookSecret};
pub use builder::{BuildError, Builder, DEFAULT_BASE_URL, Timeouts};
pub use check::url::Inspected;
pub use check::{
    Fault, Faults, Files, Rule, Severity, check, local_files, nearest, override_rules,
};
pub use download::{DownloadError, Downloaded, SaveError, output_url};
pub use store::{
    Account, Claim, Intent, JobNumber, JobRecord, MemoryStore, NoStore, NotJobNumber, Settled,
    Stage, Store, StoreError, Took, Which,
};
pub use submit::outcome::{Refusal, Rejected, Unknown};
pub use submit::reconcile::{Alike, ReconcileError, Reconciled};
pub use submit::{SubmitError, SubmitOptions};
pub use target::Target;
pub use upload::record::{Content, FileState, UploadRecord};
pub use upload::{
    UploadError, UploadOptions, UploadProgress, UploadStep, UploadWatcher, Uploaded, name_uploads,
};
pub use wait::account::EndsError;
pub use wait::job::{FetchError, Job, WaitError};
pub use wait::many::Watch;
pub use wait::schedule::Pace;
pub use wavespeed_client::{
    CATALOGUE, Choice, Input, InvalidId, InvalidKey, Limits, Literal, Media, MediaKind, Model,
    ModelId, ModelInput, Prediction, PredictionId, Shape, Status, model, models, request_schema,
    types,
};
pub use wavespeed_poll as poll;
pub use wavespeed_poll::{Deadline, Poller};
pub use {reqwest, serde_json};

/// A client of one account. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Wavespeed(Arc<builder::Inner>);

impl Wavespeed {
    /// With the key in `WAVESPEED_API_KEY`, and the base URL in `WAVESPEED_BASE_URL` if it is set.
    ///
    /// # Errors
    /// If there is no key, or either cannot be used.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::builder().env().build()
    }

    /// Settings for a client: the key has to be set, everything else has a default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Whose jobs these are in the [`Store`].
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// The jobs of this account that the store knows, oldest first.
    ///
    /// # Errors
    /// If they could not be read.
    pub fn jobs(&self, which: Which<'_>) -> Result<Vec<JobRecord>, StoreError> {
        self.0.store.jobs(&self.0.account, which)
    }

    /// Removes a job from the store; the task itself goes on. Says whether it was there.
    ///
    /// # Errors
    /// If it could not be removed.
    pub fn forget(&self, job: JobNumber) -> Result<bool, StoreError> {
        self.0.store.forget(&self.0.account, job)
    }

    /// The deadline of a wait that begins now, by the settings.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.0.deadline.map_or(Deadline::never(), |after| {
            Deadline::after(after, self.0.poller.clock())
        })
    }
}
