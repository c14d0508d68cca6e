//! The emulator's time: the real one, or one that tests move. It only tells the time; what
//! depends on it (the states of tasks, the end of a ticket) is worked out when it is asked for.
//! Only an answer that is delayed on purpose waits for it.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

/// Where a manual clock starts: 2026-01-02T03:04:05Z.
const MANUAL_START: Duration = Duration::from_secs(1_767_323_045);

/// The time of an emulator. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    start: SystemTime,
    /// Absent for a clock that only moves by hand.
    ticking: Option<Instant>,
    advanced: Arc<watch::Sender<Duration>>,
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
    ///
    /// A client with a manual clock of its own has to move this one, or its jobs never end: in
    /// `wavespeed`, `ManualClock::on_advance` connects the two.
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
        self.advanced.send_modify(|advanced| *advanced += by);
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.at(self.elapsed())
    }

    /// How far the time has moved since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let advanced = *self.advanced.borrow();
        advanced + self.ticking.map_or(Duration::ZERO, |start| start.elapsed())
    }

    /// Waits until the time has moved so far since the clock was made.
    pub(crate) async fn passed(&self, elapsed: Duration) {
        let mut advanced = self.advanced.subscribe();
        loop {
            // Only what is advanced from here on is news.
            advanced.mark_unchanged();
            let left = elapsed.saturating_sub(self.elapsed());
            if left.is_zero() {
                return;
            }
            let ticked = async {
                match self.ticking {
                    Some(_) => tokio::time::sleep(left).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = ticked => {}
                // It is there as long as this clock.
                _ = advanced.changed() => {}
            }
        }
    }

    /// The moment `elapsed` after the clock was made, as the vendor writes it.
    pub(crate) fn rfc3339(&self, elapsed: Duration) -> String {
        jiff::Timestamp::try_from(self.at(elapsed))
            .map(|time| format!("{time:.3}"))
            .unwrap_or_default()
    }

    /// The same, as exactly as it is written.
    pub(crate) fn timestamp(&self, elapsed: Duration) -> jiff::Timestamp {
        let since_epoch = self.at(elapsed).duration_since(SystemTime::UNIX_EPOCH);
        let milliseconds = since_epoch.unwrap_or(Duration::ZERO).as_millis();
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The moment `elapsed` after the clock was made.
    pub(crate) fn at(&self, elapsed: Duration) -> SystemTime {
        self.start + elapsed
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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

    #[tokio::test]
    async fn a_clock_is_waited_for_until_it_has_moved_far_enough() {
        let clock = Clock::manual();
        let mut passed = std::pin::pin!(clock.passed(Duration::from_secs(2)));
        for _ in 0..2 {
            assert!(passed.as_mut().now_or_never().is_none());
            clock.advance(Duration::from_secs(1));
        }
        passed.await;

        let clock = Clock::real();
        let mut passed = std::pin::pin!(clock.passed(Duration::from_secs(3600)));
        assert!(passed.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(3600));
        passed.await;
    }

    #[test]
    fn a_real_clock_can_be_advanced() {
        let clock = Clock::real();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.elapsed() >= Duration::from_secs(3600));
        assert!(clock.now() >= SystemTime::now() + Duration::from_secs(3599));
    }
}
