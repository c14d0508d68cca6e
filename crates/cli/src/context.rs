//! What the commands share: the flags, the client, and how far things have come.

use std::sync::{Arc, Mutex, PoisonError};

use wavespeed::poll::{Geometric, Poller};
use wavespeed::{PredictionId, Wavespeed};
use wavespeed_emulator::Emulator;

use crate::args::Global;
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// How far a command has come: what a signal has to say depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was submitted.
    #[default]
    Before,
    /// A submit is on its way.
    Submitting,
    /// These tasks exist.
    Submitted(Vec<PredictionId>),
}

/// A [`Phase`] that the one who works and the one who listens for signals share.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedPhase(Arc<Mutex<Phase>>);

impl SharedPhase {
    pub(crate) fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    pub(crate) fn get(&self) -> Phase {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) phase: SharedPhase,
    /// Lives as long as the command.
    emulator: Option<Emulator>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            global,
            phase: SharedPhase::default(),
            emulator: None,
        }
    }

    /// The client, of the emulator if that was asked for.
    pub(crate) async fn client(&mut self) -> Result<Wavespeed, Failure> {
        let global = &self.global;
        let mut builder = Wavespeed::builder()
            .user_agent(concat!("wave/", env!("CARGO_PKG_VERSION")))
            .allow_plain_http(global.allow_plain_http)
            .deadline(global.timeout)
            .poller(Poller::default().with_schedule(Geometric::from_floor(global.poll_interval)));
        if global.emulate {
            let started = Emulator::builder().start().await;
            let emulator = started
                .map_err(|error| Failure::new(Exit::RefusedHere, Kind::Unreachable, error))?;
            if !global.quiet {
                terminal::note(
                    "emulating: nothing is sent to the vendor, and the tasks end with this process",
                );
            }
            builder = builder.key("emulator").base_url(emulator.origin());
            self.emulator = Some(emulator);
        } else {
            builder = builder.env();
            if let Some(url) = &global.base_url {
                builder = builder.base_url(url);
            }
        }
        Ok(builder.build()?)
    }
}
