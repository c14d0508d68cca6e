//! The WaveSpeedAI API on this machine: for tests and trials without a key, a bill or a network.
//!
//! It answers as the vendor does where that is known, from the recorded texts of refusals to the
//! fields of a prediction, and what is only guessed is marked as a guess in its source. Requests
//! are judged by the OpenAPI bundle and a JSON Schema library, and so is every reply before it
//! leaves. It shares no code with the clients of this API: it is there to find their mistakes.
//!
//! The API is below `/api/v3` of [`Emulator::origin`]. Uploads and outputs are on other paths,
//! where no key is wanted; a PUT that carries one is refused. A completed task's output is the
//! upload that its input `video` names, or else a small clip. Nothing is generated.
//!
//! What can go wrong between a client and the vendor goes wrong here when it is told to: a
//! [`Scenario`] says on which calls answers are lost, cut, late or of another kind, and a header
//! `x-emulator-fault` says it for one request. [`Limits`] are those of an account.
//!
//! ```
//! use std::time::Duration;
//! use wavespeed_emulator::{Clock, Emulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder()
//!     .clock(Clock::manual())
//!     .task_time(Duration::from_secs(60))
//!     .start()
//!     .await?;
//! let api = format!("{}/api/v3", emulator.origin());
//!
//! // Any client will do, with the key `emulator`.
//! let client = reqwest::Client::builder().no_proxy().build()?;
//! let submitted: serde_json::Value = client
//!     .post(format!("{api}/kwaivgi/kling-lipsync/text-to-video"))
//!     .bearer_auth("emulator")
//!     .json(&serde_json::json!({
//!         "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "AOT",
//!     }))
//!     .send()
//!     .await?
//!     .json()
//!     .await?;
//! assert_eq!(submitted["data"]["status"], "created");
//! assert_eq!(emulator.billed(), 1);
//!
//! // A minute is over at once.
//! emulator.clock().advance(Duration::from_secs(60));
//! let url = submitted["data"]["urls"]["get"].as_str().ok_or("no URL")?;
//! let result = client.get(url).bearer_auth("emulator").send().await?;
//! assert!(result.text().await?.contains(r#""status":"completed""#));
//! # Ok(())
//! # }
//! ```

mod account;
mod builder;
mod bundle;
mod clock;
mod credit;
mod faults;
mod files;
mod history;
mod log;
mod playground;
mod predictions;
mod routes;
mod rules;
mod sample;
mod scenario;
mod schema;
mod settings;
mod state;
mod strike;
#[cfg(test)]
mod tests;
mod uploads;
mod webhooks;
mod wire;

use std::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

pub use builder::{Builder, StartError};
pub use clock::Clock;
pub use log::RecordedRequest;
pub use scenario::{Scenario, ScenarioError};
pub use settings::{Credit, Ending, Limits, OptionalFields};
pub use state::Task;
pub use webhooks::Delivery;

use state::State;

/// A running emulator. It stops when this is dropped.
#[must_use = "an emulator stops when it is dropped"]
pub struct Emulator {
    state: Arc<State>,
    /// Its end is what stops the server.
    stop: DropGuard,
    server: JoinHandle<()>,
}

impl Emulator {
    /// The settings of an emulator, to be changed and started.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Where it is: `http://127.0.0.1:PORT`, without `/api/v3`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.state.origin
    }

    /// Its time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.state.settings.clock
    }

    /// How many tasks were created: the vendor would have billed each, also those that fail and
    /// are paid back later.
    #[must_use]
    pub fn billed(&self) -> u64 {
        self.state.memory().billed
    }

    /// The calls that reached it, oldest first; the last thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.memory().log.all()
    }

    /// The ids of its tasks, oldest first; those of the last 7 days.
    #[must_use]
    pub fn tasks(&self) -> Vec<String> {
        let tasks = self.state.memory().all_tasks();
        tasks.into_iter().map(|task| task.id).collect()
    }

    /// The task with this id, as it was submitted.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<Task> {
        self.state.memory().tasks.get(id).cloned()
    }

    /// The tries to report the ends of tasks, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state.memory().deliveries.clone()
    }

    /// Stops it, and returns when the calls under way have been answered and the port is free.
    /// Delays end at once, and stalled calls without an answer.
    pub async fn shutdown(self) {
        drop(self.stop);
        // It ends without a value, and a panic in it has been reported already.
        let _ = self.server.await;
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}
