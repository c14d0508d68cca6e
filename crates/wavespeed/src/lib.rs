//! Client for [WaveSpeedAI](https://wavespeed.ai): a clip and a sentence in, a talking video out.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::Wavespeed;
//! use wavespeed::models::kwaivgi::{
//!     KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
//! };
//!
//! let ws = Wavespeed::from_env()?; // WAVESPEED_API_KEY
//! let mut input = KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
//!     video: "clip.mp4".into(), // a URL or a local file, which is uploaded
//!     text: "Hello".into(),
//!     voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
//! });
//! input.voice_speed = Some(1.1);
//! // Checks, uploads, submits once (this is billed), waits and saves.
//! let done = ws.run(&input).max_price(0.5).target("out.mp4").await?;
//! for file in done.files {
//!     println!("{}", file.path.display());
//! }
//! # Ok(()) }
//! ```
//!
//! With a [`Store`] and an idempotency key, the same call can be made again and again, also after a crash
//! and from several processes, and is paid for once:
//!
//! ```no_run
//! # async fn run(ws: wavespeed::Wavespeed, input: wavespeed::RawInput)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let done = ws.run(input).key("order-17/clip-3").target("out.mp4").await?;
//! # Ok(()) }
//! ```
//!
//! The steps can also be taken one by one. After a crash, [`Wavespeed::jobs`] lists what is left to do:
//!
//! ```no_run
//! # async fn run(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::{HistorySearch, JobFilter, RawInput, Reconciled, Target, serde_json::json};
//!
//! let clip = ws.upload("clip.mp4").await?;
//! let input = json!({ "video": clip.url, "text": "Hello", "voice_id": "AOT" });
//! let input = RawInput::new("kwaivgi/kling-lipsync/text-to-video", input);
//! let job = ws.submit(input).target("out.mp4").await?; // this is billed
//! let prediction = job.wait().await?;
//! let files = ws.download(&prediction, &Target::new("out.mp4")).await?;
//!
//! for record in ws.jobs(JobFilter::Open).await? {
//!     // Finds the id of a submit whose answer was lost, and never sends it again.
//!     match ws.reconcile(&record, ws.deadline()).await? {
//!         Reconciled::Adopted(job) => println!("{} is {}", record.number, job.fetch().await?.status()),
//!         Reconciled::Unresolved(HistorySearch::Candidates(_)) => {
//!             println!("choose one with `Wavespeed::adopt`");
//!         }
//!         _ => println!("send it again with `Wavespeed::resubmit`, which is billed, or forget it"),
//!     }
//! }
//! // Before the program ends: submits that are in flight are recorded.
//! if !ws.flush(ws.deadline()).await {
//!     println!("a submit may have been billed whose id is not recorded");
//! }
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! - **A submit is sent once.** A submit is the only call that costs money. Its outcome is a job, or a
//!   [`SubmitError`] that says whether it was rejected (nothing is billed) or its outcome is unknown.
//! - **A key has one job.** A repeated call with the same [key](JobBuilder::key) returns the job that has
//!   it. Without a key, an input whose earlier submit has an unknown outcome is refused.
//! - **Invalid input is rejected before the paid request.** [`Wavespeed::submit`] checks the input, its
//!   files and URLs, and the target of its outputs, and reports all faults at once.
//!   [`JobBuilder::unchecked`] does not check.
//! - **An id is never lost.** Every error after the submit carries the id. [`Wavespeed::job`] resumes a
//!   job from its id in any process. With a store, the intent is recorded before the submit, so that a
//!   lost answer can be [reconciled](Wavespeed::reconcile). A dropped future loses the waiting and not
//!   the id; [`Wavespeed::flush`] waits for submits that are still in flight.
//! - **Additions by the vendor do not break programs.** Unknown statuses, fields and outputs are kept,
//!   and the raw JSON of a prediction stays reachable.
//! - **The API key is a secret.** It is sent to the API and to no other host, over plain http only to
//!   this machine, and never shown.
//!
//! Every future may be dropped at any await.
//!
//! # Overview
//!
//! | to do | use |
//! |---|---|
//! | submit, wait, save in one call | [`Wavespeed::run`] |
//! | the same in steps | [`Wavespeed::submit`], [`Job::wait`], [`Wavespeed::download`] |
//! | check before paying | [`JobBuilder::check`], [`check()`], [`Wavespeed::price`] |
//! | wait for many jobs, or for the whole account | [`Wavespeed::watch_many`], [`Wavespeed::watch_account`], [`webhook`] |
//! | survive a crash | [`Builder::store`], [`JobBuilder::key`], [`Wavespeed::jobs`], [`Wavespeed::reconcile`] |
//! | work without an async runtime | the module `blocking`, with the feature of that name |
//! | use models known only at run time | [`RawInput`], [`CATALOGUE`], [`model()`], [`Wavespeed::live_models`] |
//!
//! # Examples
//!
//! The folder `examples` of this crate's repository has programs to copy. Each runs without a key on the
//! emulator of the API, as its first lines say:
//!
//! | program | shows |
//! |---|---|
//! | `lipsync.rs` | the main job, with a key that makes it safe to repeat |
//! | `resume.rs` | finishing the jobs that a crash left open |
//! | `many.rs` | many jobs with one waiter |
//! | `service.rs` | a web service with webhooks and a graceful shutdown |
//! | `virtual_time.rs` | a test with the emulator, where hours take milliseconds; see [`poll::ManualClock`] |
//!
//! # Features
//!
//! The input types of models are not compiled by default. Each provider of models is a feature of its
//! name, such as `kwaivgi`, and a module of [`models`]; `all-providers` enables all of them. The
//! [`CATALOGUE`] and [`RawInput`] have every model without a feature.
//!
//! ```toml
//! wavespeed = { version = "0.1", features = ["kwaivgi"] }
//! ```
//!
//! The feature `blocking` adds the module `blocking`: the same calls for programs without an async runtime.
//!
//! The TLS library is one of `rustls` (default, with the system's root certificates), `rustls-ring`
//! (smaller; see its note in `Cargo.toml`) and `native-tls`.
//!
//! Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; this machine itself
//! is never reached through a proxy. With rustls on Linux, `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name private CAs in place of the system's. Root certificates are read when the first
//! certificate is verified.
//!
//! # In other programs
//!
//! The feature `float_roundtrip` of `serde_json` is on in a program that uses this crate: a number of an
//! input is compared and sent exactly as it was given. The feature `preserve_order` is not. Without it, the
//! fields of a request are sorted by name; with it, they keep the order of the input. Both ask for the
//! same job, and [`Identity`] is the same for both.
//!
//! The minimum Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod call;
mod check;
mod client;
mod download;
mod hosts;
mod http;
mod locks;
pub mod media;
mod next;
mod part_file;
mod poll_policy;
mod retries;
mod run;
mod store;
mod submit;
mod target;
mod threads;
mod tls;
mod upload;
mod vendor_clock;
mod wait;
pub mod webhook;

pub use account::delete::DeleteError;
pub use account::models::LiveModels;
pub use account::price::Quote;
pub use account::usage::{Usage, UsageError, UsageSum};
pub use builder::Builder;
pub use builder::base_url::DEFAULT_BASE_URL;
pub use builder::error::BuildError;
pub use call::{FetchError, TransportErrorKind};
pub use check::fault::{Fault, Faults, Severity, override_rules};
pub use check::file::Files;
pub use check::input::check;
pub use check::named::local_files;
pub use check::rule::Rule;
pub use check::suggest::nearest;
pub use check::text::normalize_texts;
pub use check::url::Inspection;
pub use client::Wavespeed;
pub use download::error::{DownloadError, SaveError};
pub use download::output_url;
pub use download::stream::OutputStream;
pub use http::Timeouts;
pub use next::Next;
pub use poll_policy::PollPolicy;
pub use retries::{Retries, RetryPause};
pub use run::builder::JobBuilder;
pub use run::finish::{Finished, RunError};
pub use store::adoption::Adoption;
pub use store::change::{Applied, Change, IdOwner, Resolution, Settlement};
pub use store::claim::Claim;
pub use store::decision::{Decision, ExistingReason, Intended};
pub use store::duration::JobDuration;
pub use store::error::{StoreError, StoreErrorKind};
pub use store::identity::Identity;
pub use store::intent::Intent;
pub use store::key::{IdempotencyKey, InvalidIdempotencyKey};
pub use store::memory::MemoryStore;
pub use store::none::NoStore;
pub use store::number::{InvalidJobNumber, JobNumber};
pub use store::record::{Account, Downloaded, EarlierAttempt, JobFilter, JobRecord, Stage};
pub use store::upload::{Content, FileState, UploadRecord};
pub use store::{Store, StoreFuture};
pub use submit::candidates::{AdoptPolicy, Candidate, Candidates, HeldBack};
pub use submit::error::SubmitError;
pub use submit::event::RunEvent;
pub use submit::input::RawInput;
pub use submit::outcome::{HistorySearch, Refusal, RejectedSubmit, UnknownOutcome};
pub use submit::reconcile::{ReconcileError, Reconciled};
pub use target::Target;
pub use upload::builder::UploadBuilder;
pub use upload::error::UploadError;
pub use upload::name_uploads;
pub use upload::options::{UploadProgress, UploadStep};
pub use upload::spool::UploadSource;
pub use upload::uploaded::Uploaded;
pub use wait::account::AccountWatchError;
pub use wait::error::WaitError;
pub use wait::job::Job;
pub use wait::many::JobUpdate;
pub use wavespeed_client::{
    Answer, Bounds, CATALOGUE, Choice, HttpError, HttpErrorKind, HttpFuture, HttpService, Input,
    InvalidId, InvalidKey, Literal, Media, MediaKind, Model, ModelId, ModelInput, NotCompleted,
    Prediction, PredictionId, Purpose, RequestContext, Shape, Status, model, models,
    request_schema, types,
};
pub use wavespeed_poll as poll;
pub use wavespeed_poll::{Deadline, Poller};
pub use webhook::secret::WebhookSecret;
pub use {reqwest, serde_json};
