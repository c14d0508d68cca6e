//! Setting an emulator up, and starting it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::bundle::{BUILT_IN, Bundle};
use crate::clock::Clock;
use crate::scenario::Scenario;
use crate::settings::{Credit, Ending, Key, Limits, OptionalFields, Settings};
use crate::state::State;
use crate::wire::{Wire, Wires};
use crate::{Emulator, routes, webhooks};

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port cannot be listened on.
    #[error(
        "cannot listen on 127.0.0.1:{port}; stop what uses the port, or take port 0 for a free one"
    )]
    Listen {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The bundle cannot be read.
    #[error("the bundle cannot be served: {reason}")]
    Bundle {
        /// What is wrong with it, and where.
        reason: String,
    },
    /// The bundle has an operation that nothing here answers.
    #[error(
        "no handler for the bundle's operation {operation} ({method} {path}); add one to the emulator"
    )]
    NoHandler {
        /// Its `operationId`, or method and path where it has none.
        operation: String,
        /// Its method.
        method: String,
        /// Its path, below `/api/v3`.
        path: String,
    },
}

/// The settings of an emulator that is to be started; see [`Emulator::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    port: u16,
    seed: Option<u64>,
    bundle: Option<String>,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            port: 0,
            seed: None,
            bundle: None,
            settings: Settings {
                key: Key("emulator".to_owned()),
                task_time: Duration::from_secs(2),
                spread: 0.0,
                clock: Clock::real(),
                optional_fields: OptionalFields::Present,
                ending: Ending::completed(),
                limits: Limits::default(),
                credit: Credit::default(),
                tickets: true,
                scenario: Scenario::default(),
            },
        }
    }

    /// The port of 127.0.0.1 to listen on. 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The only API key that is accepted; `emulator` by default.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.settings.key = Key(key.into());
        self
    }

    /// How long tasks take: they are `created` for a quarter of it, then `processing`. Two
    /// seconds by default.
    pub fn task_time(mut self, task_time: Duration) -> Self {
        self.settings.task_time = task_time;
        self
    }

    /// How much the times of tasks differ: the standard deviation of their logarithm, such as 0.4;
    /// [`task_time`](Self::task_time) is then what half of them take at most. 0, the default, is not
    /// at all.
    pub fn spread(mut self, sigma: f64) -> Self {
        self.settings.spread = sigma;
        self
    }

    /// The time to go by; the real one by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// How the optional fields of predictions are sent; with their values by default.
    pub fn optional_fields(mut self, mode: OptionalFields) -> Self {
        self.settings.optional_fields = mode;
        self
    }

    /// How tasks end; completed by default.
    pub fn ending(mut self, ending: Ending) -> Self {
        self.settings.ending = ending;
        self
    }

    /// How much the account may do; without limits by default. What is too much is answered 429,
    /// and not billed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// What tasks cost and what there is to pay with; by default more than any test spends.
    pub fn credit(mut self, credit: Credit) -> Self {
        self.settings.credit = credit;
        self
    }

    /// Whether there are tickets for uploads, as there are by default. Without them files have to
    /// come as forms, which are always taken.
    pub fn tickets(mut self, tickets: bool) -> Self {
        self.settings.tickets = tickets;
        self
    }

    /// What goes wrong; nothing by default. A header `x-emulator-fault` orders a fault for one
    /// request.
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.settings.scenario = scenario;
        self
    }

    /// Makes the ids of tasks and uploads, and the faults that strike by chance, the same in every
    /// run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The text of another bundle (OpenAPI 3.0, JSON) than the one built in, with more models for
    /// instance.
    pub fn bundle(mut self, text: impl Into<String>) -> Self {
        self.bundle = Some(text.into());
        self
    }

    /// Starts the emulator, on the tokio runtime this is awaited on. A delay by the real clock
    /// needs a runtime with its timer enabled.
    ///
    /// # Errors
    /// If the port is taken, or the bundle cannot be read or has an operation that nothing here
    /// answers.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let bundle = Bundle::parse(self.bundle.as_deref().unwrap_or(&BUILT_IN))
            .map_err(|reason| StartError::Bundle { reason })?;
        let failed = |source| StartError::Listen {
            port: self.port,
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .await
            .map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let origin = format!("http://127.0.0.1:{port}");
        let (reports, reported) = tokio::sync::mpsc::unbounded_channel();
        let state = Arc::new(State::new(self.settings, origin, seed, reports));
        tokio::spawn(webhooks::report(Arc::clone(&state), reported));
        let router = routes::router(Arc::clone(&state), bundle)?;

        let stop = state.stopped.clone().drop_guard();
        let service = router.into_make_service_with_connect_info::<Wire>();
        let server = axum::serve(Wires(listener), service)
            .with_graceful_shutdown(state.stopped.clone().cancelled_owned());
        let server = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the emulator has stopped");
            }
        });
        tracing::debug!(origin = state.origin, "the emulator has started");
        Ok(Emulator {
            state,
            stop,
            server,
        })
    }
}
