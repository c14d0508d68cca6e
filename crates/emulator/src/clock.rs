//! The emulator's time: the real one, or one that tests move. It only tells the time; what
//! depends on it (the states of tasks, the end of a ticket) is worked out when it is asked for,
//! so nothing here ever waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Where a manual clock starts: 2026-01-02T03:04:05Z.
const MANUAL_START: Duration = Duration::from_secs(1_767_323_045);

/// The time of an emulator. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    start: SystemTime,
    /// Absent for a clock that only moves by hand.
    ticking: Option<Instant>,
    advanced: Arc<Mutex<Duration>>,
}

impl Clock {
    /// The real time.
    #[must_use]
    pub fn real() -> Self {
        Self {
            start: SystemTime::now(),
            ticking: Some(Instant::now()),
            advanced: Arc::default(),
        }
    }

    /// A time that stands still at 2026-01-02T03:04:05Z until [`advance`](Self::advance) moves it.
    #[must_use]
    pub fn manual() -> Self {
        Self {
            start: SystemTime::UNIX_EPOCH + MANUAL_START,
            ticking: None,
            advanced: Arc::default(),
        }
    }

    /// Moves the time on. A real clock is ahead of the real time from then on.
    pub fn advance(&self, by: Duration) {
        *self.advanced.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.at(self.elapsed())
    }

    /// How far the time has moved since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let advanced = *self.advanced.lock().unwrap_or_else(PoisonError::into_inner);
        advanced + self.ticking.map_or(Duration::ZERO, |start| start.elapsed())
    }

    /// The moment `elapsed` after the clock was made, as the vendor writes it.
    pub(crate) fn rfc3339(&self, elapsed: Duration) -> String {
        jiff::Timestamp::try_from(self.at(elapsed))
            .map(|time| format!("{time:.3}"))
            .unwrap_or_default()
    }

    /// The moment `elapsed` after the clock was made.
    pub(crate) fn at(&self, elapsed: Duration) -> SystemTime {
        self.start + elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_in_all_clones() {
        let clock = Clock::manual();
        let clone = clock.clone();
        assert_eq!(clock.elapsed(), Duration::ZERO);
        clone.advance(Duration::from_millis(1_250));
        assert_eq!(clock.elapsed(), Duration::from_millis(1_250));
        assert_eq!(clock.rfc3339(clock.elapsed()), "2026-01-02T03:04:06.250Z");
        assert_eq!(clock.rfc3339(Duration::ZERO), "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn a_real_clock_can_be_advanced() {
        let clock = Clock::real();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.elapsed() >= Duration::from_secs(3600));
        assert!(clock.now() >= SystemTime::now() + Duration::from_secs(3599));
    }
}
