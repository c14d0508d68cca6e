//! The calls of this crate for programs without an async runtime; with the feature `blocking`.
//!
//! ```no_run
//! # fn example(input: wavespeed::models::kwaivgi::KlingV1Tts) -> Result<(), Box<dyn std::error::Error>> {
//! use wavespeed::Target;
//! use wavespeed::blocking::{Job, Wavespeed};
//!
//! let ws = Wavespeed::from_env()?; // WAVESPEED_API_KEY
//! // Checks, uploads, submits once (this is billed), waits and saves.
//! let done = ws.run(&input, |run| run.key("order-17/clip-3").max_price(0.5).target("out.mp4"))?;
//! println!("{}", done.files[0].path.display());
//!
//! // The same in steps:
//! let job: Job = ws.submit(&input, |submit| submit.label("the opening"))?; // this is billed
//! let prediction = job.wait()?;
//! ws.download(&prediction, &Target::new("opening.mp4"))?;
//!
//! // Any other call of the async client:
//! let secret = ws.block(async |ws| ws.webhook_secret().await)?;
//! # Ok(()) }
//! ```
//!
//! A [`Wavespeed`] of this module owns an async runtime on a thread of its own. A call runs on the
//! thread that makes it, and the thread of the runtime does the work that continues between calls: a
//! submit whose call was given up still gets its answer, which the store records. Any number of threads
//! may use one client or its clones.
//!
//! The calls have the names, options and guarantees of the [async client](crate::Wavespeed). A
//! call that is made inside an async runtime would stall the other tasks of that runtime, so it fails with
//! [`BlockingError::InsideRuntime`] before anything is sent. This includes threads that belong to a
//! runtime, such as those of tokio's `spawn_blocking`.

mod client;
mod error;
mod iter;
mod job;
mod output;
mod runtime;

pub use client::Wavespeed;
pub use error::{BlockingError, StartError};
pub use job::Job;
pub use output::Output;
