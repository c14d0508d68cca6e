//! The context of a command: the global flags, the client, and the state of the jobs.

use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};

use wavespeed::poll::RateLimits;
use wavespeed::{Builder, LiveModels, MemoryStore, PollPolicy, RetryPause, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_journal::{Journal, OpenError};

use crate::args::global::Global;
use crate::model_list;
use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::notices::Notices;
use crate::output::terminal;
use crate::progress_state::SharedJobs;

/// The environment variable with the path of the journal.
const JOURNAL: &str = "WAVESPEED_JOURNAL";

/// The name of the account that owns the jobs of the command. It does not depend on the API key, so the jobs
/// stay when the key is replaced.
const PROFILE: &str = "default";

/// The context of a command.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) shared_jobs: SharedJobs,
    pub(crate) notices: Notices,
    /// The emulator of `--emulate`, which runs as long as the command.
    emulator: Option<Emulator>,
    /// The client, which is kept because its store has the jobs.
    client: Option<Wavespeed>,
    /// The reason why the journal is open for reading only, if it is.
    unwritable: Option<OpenError>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            notices: Notices::new(global.quiet),
            global,
            shared_jobs: SharedJobs::default(),
            emulator: None,
            client: None,
            unwritable: None,
        }
    }

    /// Returns a client without an API key, for work that makes no call of the API.
    pub(crate) fn keyless(&self) -> Result<Wavespeed, Failure> {
        // An API on this machine decides which URLs can be reached.
        let builder = self.builder().env().key("none");
        let builder = match &self.global.base_url {
            Some(url) => builder.base_url(url),
            None => builder,
        };
        Ok(builder.build()?)
    }

    /// Returns a client without an API key that has the jobs of the journal.
    pub(crate) fn keyless_with_journal(&mut self) -> Result<Wavespeed, Failure> {
        let builder = self.builder().env().key("none");
        self.build(builder, Self::open_or_read_journal)
    }

    fn builder(&self) -> Builder {
        let global = &self.global;
        let mut policy = PollPolicy::default();
        (policy.floor, policy.mean_gap) = (Some(global.poll_interval), global.mean_gap);
        let notices = self.notices.clone();
        let announce = move |pause: RetryPause| {
            notices.requested_wait("trying again", pause.requested, pause.time);
        };
        Wavespeed::builder()
            .on_retry(announce)
            .user_agent(concat!("wave/", env!("CARGO_PKG_VERSION")))
            .allow_plain_http(global.allow_plain_http)
            .deadline(global.timeout())
            .account(PROFILE)
            .history_lag(global.settle_time)
            .adopt_policy(global.adopt_policy)
            .poll_policy(policy)
    }

    /// Returns the limits of the polls of all jobs together.
    pub(crate) fn limits(&self) -> RateLimits {
        let mut limits = RateLimits::default();
        limits.per_second = f64::from(self.global.polls_per_minute) / 60.0;
        limits
    }

    /// Returns the client of the API, or of an emulator in this process, to submit a job. It fails if
    /// the job could not be recorded.
    pub(crate) async fn client_to_submit(&mut self) -> Result<Wavespeed, Failure> {
        if self.client.is_none() && !self.global.emulate {
            let client = self.real_client(Self::open_journal)?;
            return Ok(self.keep_client(client));
        }
        match self.unwritable.take() {
            Some(error) => Err(journal_failure(error)),
            None => self.client().await,
        }
    }

    /// Returns the client of the API, or of an emulator in this process. If the journal cannot be written,
    /// it is read, and a warning says why.
    pub(crate) async fn client(&mut self) -> Result<Wavespeed, Failure> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = match self.global.emulate {
            true => self.emulated_client().await?,
            false => self.real_client(Self::open_or_read_journal)?,
        };
        Ok(self.keep_client(client))
    }

    fn keep_client(&mut self, client: Wavespeed) -> Wavespeed {
        self.client = Some(client.clone());
        self.shared_jobs.set_client(&client);
        client
    }

    fn real_client(
        &mut self,
        open: fn(&mut Self, &Path) -> Result<Journal, OpenError>,
    ) -> Result<Wavespeed, Failure> {
        let builder = self.builder().env();
        self.build(builder, open)
    }

    /// Builds a client with the journal and the base URL of the command line.
    fn build(
        &mut self,
        builder: Builder,
        open: fn(&mut Self, &Path) -> Result<Journal, OpenError>,
    ) -> Result<Wavespeed, Failure> {
        let builder = match self.journal(open)? {
            Some(journal) => builder.store(journal),
            None => builder.store(MemoryStore::default()),
        };
        let builder = match &self.global.base_url {
            Some(url) => builder.base_url(url),
            None => builder,
        };
        Ok(builder.build()?)
    }

    async fn emulated_client(&mut self) -> Result<Wavespeed, Failure> {
        let started = Emulator::builder().start().await;
        let emulator = started.map_err(|error| {
            Failure::usage(format!("the emulator could not be started: {error}"))
        })?;
        if !self.global.quiet {
            terminal::note(
                "emulating: nothing is sent to the vendor, and the jobs end with this process",
            );
        }
        let client = self
            .builder()
            .key("emulator")
            .base_url(emulator.origin())
            // An emulator does not fetch files behind URLs.
            .check_urls(false)
            .store(MemoryStore::default())
            .build()?;
        // It would stop when dropped.
        self.emulator = Some(emulator);
        Ok(client)
    }

    /// Returns the vendor's own list of models, from the cache if the cached list has the `wanted`
    /// model.
    pub(crate) async fn live(&mut self, wanted: Option<&str>) -> Result<LiveModels, Failure> {
        let client = self.client().await?;
        model_list::models(&client, !self.global.emulate, wanted).await
    }

    fn open_journal(&mut self, path: &Path) -> Result<Journal, OpenError> {
        Journal::open(path)
    }

    fn open_or_read_journal(&mut self, path: &Path) -> Result<Journal, OpenError> {
        let error = match Journal::open(path) {
            Err(error @ (OpenError::Unwritable { .. } | OpenError::NoLocks { .. })) => error,
            opened => return opened,
        };
        let Ok(journal) = Journal::open_read_only(path) else {
            return Err(error);
        };
        self.warn(&format!("nothing is recorded, because {error}"));
        self.unwritable = Some(error);
        Ok(journal)
    }

    /// Opens the journal. Returns `None` with `--no-journal`.
    fn journal(
        &mut self,
        open: fn(&mut Self, &Path) -> Result<Journal, OpenError>,
    ) -> Result<Option<Journal>, Failure> {
        let global = &self.global;
        if global.no_journal {
            return Ok(None);
        }
        let named = || std::env::var_os(JOURNAL).filter(|path| !path.is_empty());
        let path = global
            .journal
            .clone()
            // An empty variable counts as unset.
            .or_else(|| named().map(PathBuf::from))
            .or_else(Journal::default_path);
        let path = path.ok_or_else(|| {
            let message = "there is no home folder for the journal";
            Failure::new(Kind::Journal, message).hint(Failure::JOURNAL_HINT)
        })?;
        open(self, &path).map(Some).map_err(journal_failure)
    }

    /// Returns `true` if a question can be asked: a person sees stderr, and types.
    pub(crate) fn may_ask(&self) -> bool {
        let is_wanted = !self.global.json && !self.global.quiet;
        is_wanted && stdin().is_terminal() && stderr().is_terminal()
    }

    /// Prints a note, unless `--quiet` is given.
    pub(crate) fn note(&self, text: &str) {
        if !self.global.quiet {
            terminal::note(text);
        }
    }

    /// Prints a warning, unless `--quiet` is given.
    pub(crate) fn warn(&self, text: &str) {
        if !self.global.quiet {
            terminal::warning(text);
        }
    }
}

/// Returns the failure of a journal that cannot be opened.
fn journal_failure(error: OpenError) -> Failure {
    let failure = Failure::new(Kind::Journal, &error);
    match error {
        // The error says how to fix it. Another journal would not know the jobs of this one.
        OpenError::Linked { .. } | OpenError::Mounted { .. } | OpenError::NoThread { .. } => {
            failure
        }
        _ => failure.hint(Failure::JOURNAL_HINT),
    }
}
