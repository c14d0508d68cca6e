//! What an emulator remembers: tasks, uploads, the log and its source of ids, behind one lock that
//! is never held across an await. What a call does with them is the business of its handler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::faults::Faults;
use crate::files::StoredFile;
use crate::log::Log;
use crate::sample::Sample;
use crate::settings::{Ending, Settings};
use crate::webhooks::Delivery;

/// How long the vendor keeps predictions and uploads.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A task as it was submitted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The id of the model it was submitted to.
    pub model: String,
    /// Its inputs: the known ones of the request, and the defaults of those that were not sent.
    pub input: Map<String, Value>,
    /// Where it should be reported once it has ended.
    pub webhook: Option<String>,
    /// How many were created before it.
    pub(crate) number: u64,
    /// When it was created, by the emulator's clock.
    pub(crate) created: Duration,
    /// How long it takes.
    pub(crate) takes: Duration,
    /// How it ends.
    pub(crate) ending: Ending,
    /// How many of its output's URLs have expired.
    pub(crate) expired: u64,
    /// What it makes.
    pub(crate) makes: Sample,
    /// The upload it was made from, if it names one.
    pub(crate) source: Option<Arc<StoredFile>>,
}

/// A ticket, and the file once it has come.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) content_type: String,
    /// What the query of the upload's URL must say.
    pub(crate) signature: String,
    pub(crate) created: Duration,
    pub(crate) expires: Duration,
    pub(crate) file: Option<Arc<StoredFile>>,
}

/// All that calls share.
pub(crate) struct State {
    pub(crate) settings: Settings,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    /// The end of the emulator: what waits for nothing else then stops.
    pub(crate) stopped: CancellationToken,
    /// Takes the ids of tasks that are to be reported.
    pub(crate) reports: UnboundedSender<String>,
    memory: Mutex<Memory>,
}

/// The part of the state that changes.
pub(crate) struct Memory {
    ids: fastrand::Rng,
    pub(crate) billed: u64,
    /// Every task as it was when it was paid, also those that are gone.
    pub(crate) paid: Vec<Task>,
    pub(crate) tasks: HashMap<String, Task>,
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) log: Log,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) faults: Faults,
}

impl State {
    pub(crate) fn new(
        settings: Settings,
        origin: String,
        seed: u64,
        reports: UnboundedSender<String>,
    ) -> Self {
        // With another seed, so that neither follows from the other.
        let faults = Faults::new(settings.scenario.clone(), !seed);
        Self {
            settings,
            origin,
            stopped: CancellationToken::new(),
            reports,
            memory: Mutex::new(Memory {
                ids: fastrand::Rng::with_seed(seed),
                billed: 0,
                paid: Vec::new(),
                tasks: HashMap::new(),
                uploads: HashMap::new(),
                log: Log::default(),
                deliveries: Vec::new(),
                faults,
            }),
        }
    }

    /// The memory, without what the vendor would not have any more.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        let now = self.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.tasks.retain(|_, task| now < task.created + KEPT);
        memory
            .uploads
            .retain(|_, upload| now < upload.created + KEPT);
        memory
    }

    pub(crate) fn now(&self) -> Duration {
        self.settings.clock.elapsed()
    }

    /// Puts a call on record.
    pub(crate) fn record(&self, parts: &Parts, body: &[u8]) {
        self.memory().log.push(parts, body);
    }
}

impl Memory {
    /// A new id: 32 hexadecimal digits.
    pub(crate) fn new_id(&mut self) -> String {
        format!("{:032x}", self.ids.u128(..))
    }

    /// How long the next task takes.
    pub(crate) fn task_time(&mut self, settings: &Settings) -> Duration {
        if settings.spread <= 0.0 {
            return settings.task_time;
        }
        // By Box and Muller: what is normally distributed, from what is uniformly.
        let (radius, angle) = (1.0 - self.ids.f64(), self.ids.f64());
        let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        let seconds = settings.task_time.as_secs_f64() * (settings.spread * normal).exp();
        Duration::try_from_secs_f64(seconds).unwrap_or(settings.task_time)
    }

    /// The tasks, oldest first.
    pub(crate) fn all_tasks(&self) -> Vec<Task> {
        let mut tasks: Vec<_> = self.tasks.values().cloned().collect();
        tasks.sort_by_key(|task| task.number);
        tasks
    }
}
