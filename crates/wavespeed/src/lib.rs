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
mod call;
mod check;
mod client;
mod download;
mod http;
mod locks;
pub mod media;
mod poll_policy;
mod store;
mod submit;
mod target;
mod upload;
mod wait;
pub mod webhook;

pub use account::delete::DeleteError;
pub use account::models::LiveModels;
pub use account::price::Quote;
pub use account::usage::{Usage, UsageError, UsageSum};
pub use builder::{BuildError, Builder, DEFAULT_BASE_URL};
pub use call::FetchError;
pub use check::{
    Fault, Faults, Files, Inspection, Rule, Severity, check, local_files, nearest, override_rules,
};
pub use client::Wavespeed;
pub use download::{DownloadError, SaveError, output_url};
pub use http::Timeouts;
pub use poll_policy::PollPolicy;
pub use store::{
    Account, Change, Claim, Content, Downloaded, FileState, Intent, JobDuration, JobFilter,
    JobNumber, JobRecord, MemoryStore, NoStore, NotJobNumber, Resolution, Stage, Store, StoreError,
    UploadRecord,
};
pub use submit::duplicate::Duplicate;
pub use submit::error::SubmitError;
pub use submit::options::SubmitOptions;
pub use submit::outcome::{Refusal, RejectedSubmit, UnknownOutcome};
pub use submit::reconcile::{ReconcileError, Reconciled};
pub use target::Target;
pub use upload::{
    UploadError, UploadOptions, UploadProgress, UploadStep, UploadWatcher, Uploaded, name_uploads,
};
pub use wait::account::AccountWatchError;
pub use wait::error::WaitError;
pub use wait::job::Job;
pub use wait::many::JobUpdate;
pub use wavespeed_client::{
    Bounds, CATALOGUE, Choice, Input, InvalidId, InvalidKey, Literal, Media, MediaKind, Model,
    ModelId, ModelInput, Prediction, PredictionId, Shape, Status, model, models, request_schema,
    types,
};
pub use wavespeed_poll as poll;
pub use wavespeed_poll::{Deadline, Poller};
pub use webhook::secret::WebhookSecret;
pub use {reqwest, serde_json};
