//! Lines about waits that the vendor asks for, above the progress line if there is one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, WeakProgressBar};

use super::terminal::note;
use super::time;

/// The longest requested wait that is not announced. A shorter one is over before it is read.
pub(crate) const SHORT_WAIT: Duration = Duration::from_secs(2);

/// The difference below which two waits end together, and are announced once.
const TOGETHER: Duration = Duration::from_secs(1);

/// The announcements of a command.
#[derive(Clone)]
pub(crate) struct Notices {
    quiet: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The progress line.
    bar: Option<WeakProgressBar>,
    /// The end of the last wait that was announced.
    until: Option<Instant>,
}

impl Notices {
    pub(crate) fn new(quiet: bool) -> Self {
        let state = Arc::default();
        Self { quiet, state }
    }

    /// Sets the progress line.
    pub(super) fn set_bar(&self, bar: &ProgressBar) {
        self.with(|state| state.bar = Some(bar.downgrade()));
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Announces a wait of this length, unless the vendor has requested none or only a short one by
    /// `Retry-After`. `what` says what comes after the wait. Returns `true` if the wait is a long one.
    pub(crate) fn requested_wait(&self, what: &str, requested: Duration, wait: Duration) -> bool {
        if requested <= SHORT_WAIT {
            return false;
        }
        let end = Instant::now().checked_add(wait);
        let last = self.with(|state| std::mem::replace(&mut state.until, end));
        // All jobs wait if the vendor asks one of them to.
        let is_new = match (last, end) {
            (Some(last), Some(end)) => end.saturating_duration_since(last) > TOGETHER,
            _ => true,
        };
        if is_new && !self.quiet {
            // A back-off may be longer than what was requested.
            let (wait, requested) = (time::wait(wait), time::wait(requested));
            self.note(&format!(
                "{what} in {wait}, as the vendor asks to wait {requested}"
            ));
        }
        true
    }

    fn note(&self, text: &str) {
        let bar = self.with(|state| state.bar.as_ref().and_then(WeakProgressBar::upgrade));
        match bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
