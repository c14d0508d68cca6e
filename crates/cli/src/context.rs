//! What the commands share: the flags, the client, and how far things have come.

use wavespeed::Wavespeed;
use wavespeed::poll::{Geometric, Poller};
use wavespeed_emulator::Emulator;

use crate::args::Global;
use crate::board::Board;
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) board: Board,
    /// Lives as long as the command.
    emulator: Option<Emulator>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            global,
            board: Board::default(),
            emulator: None,
        }
    }

    /// The client, of the emulator if that was asked for.
    pub(crate) async fn client(&mut self) -> Result<Wavespeed, Failure> {
        let global = &self.global;
        let poller = Poller::default().with_schedule(Geometric::from_floor(global.poll_interval));
        let mut builder = Wavespeed::builder()
            .user_agent(concat!("wave/", env!("CARGO_PKG_VERSION")))
            .allow_plain_http(global.allow_plain_http)
            .deadline(global.timeout)
            .poller(poller);
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
