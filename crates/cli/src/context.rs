//! What the commands share: the flags, the client, and how far things have come.

use std::path::PathBuf;

use wavespeed::poll::RateLimits;
use wavespeed::{Builder, LiveModels, MemoryStore, PollPolicy, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_journal::Journal;

use crate::args::Global;
use crate::model_list;
use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::terminal;
use crate::progress_state::SharedJobs;

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) shared_jobs: SharedJobs,
    /// Lives as long as the command, and so does its client: it has the store of its tasks.
    emulator: Option<Emulator>,
    emulated: Option<Wavespeed>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            global,
            shared_jobs: SharedJobs::default(),
            emulator: None,
            emulated: None,
        }
    }

    /// A client for what needs no key: it makes no call of the API.
    pub(crate) fn keyless(&self) -> Result<Wavespeed, Failure> {
        Ok(self.builder().key("none").build()?)
    }

    fn builder(&self) -> Builder {
        let global = &self.global;
        let mut pace = PollPolicy::default();
        (pace.floor, pace.mean_gap) = (Some(global.poll_interval), global.mean_gap);
        Wavespeed::builder()
            .user_agent(concat!("wave/", env!("CARGO_PKG_VERSION")))
            .allow_plain_http(global.allow_plain_http)
            .deadline(global.timeout)
            .settle_time(global.settle_time)
            .poll_policy(pace)
    }

    /// What holds for the polls of all tasks together.
    pub(crate) fn limits(&self) -> RateLimits {
        let mut limits = RateLimits::default();
        limits.per_second = f64::from(self.global.polls_per_minute) / 60.0;
        limits
    }

    /// The client, of the emulator if that was asked for.
    pub(crate) async fn client(&mut self) -> Result<Wavespeed, Failure> {
        let global = &self.global;
        let mut builder = self.builder();
        if let (true, Some(emulated)) = (global.emulate, &self.emulated) {
            return Ok(emulated.clone());
        }
        if global.emulate {
            let started = Emulator::builder().start().await;
            let emulator = started
                .map_err(|error| Failure::new(Exit::RefusedHere, Kind::Unreachable, error))?;
            if !global.quiet {
                terminal::note(
                    "emulating: nothing is sent to the vendor, and the tasks end with this process",
                );
            }
            builder = builder
                .key("emulator")
                .base_url(emulator.origin())
                .store(MemoryStore::default());
            self.emulator = Some(emulator);
        } else {
            builder = match self.journal()? {
                Some(journal) => builder.env().store(journal),
                None => builder.env().store(MemoryStore::default()),
            };
            if let Some(url) = &self.global.base_url {
                builder = builder.base_url(url);
            }
        }
        let client = builder.build()?;
        self.emulated = Some(client.clone()).filter(|_| self.global.emulate);
        Ok(client)
    }

    /// The vendor's own list of models, as it was less than an hour ago; or as it is now, if the one
    /// that was kept does not have the `wanted` model.
    pub(crate) async fn live(&mut self, wanted: Option<&str>) -> Result<LiveModels, Failure> {
        let client = self.client().await?;
        model_list::models(&client, !self.global.emulate, wanted).await
    }

    /// The journal of this command line; none if that is wanted.
    fn journal(&self) -> Result<Option<Journal>, Failure> {
        let global = &self.global;
        if global.no_journal {
            return Ok(None);
        }
        let named = || std::env::var_os("WAVESPEED_JOURNAL").filter(|path| !path.is_empty());
        let path = global
            .journal
            .clone()
            .or_else(|| named().map(PathBuf::from));
        let failed = |message: String| {
            Failure::new(Exit::RefusedHere, Kind::Journal, message)
                .hint("name another place with --journal PATH, or do without by --no-journal")
        };
        let path = path.or_else(Journal::default_path);
        let path = path.ok_or_else(|| failed("there is no home folder for the journal".into()))?;
        let opened = Journal::open(&path);
        opened.map(Some).map_err(|error| failed(error.to_string()))
    }
}
