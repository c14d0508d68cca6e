//! The offset between the vendor's clock and this machine's, from the header `Date` of answers.
//!
//! The history has the vendor's times, so a lost submit is looked for at its own time corrected by the
//! offset *at the submit*. A clock that is wrong then may be right later, so only an answer near the submit
//! shows the offset: one that came before it, or one that came after it in the same process, and only if
//! this machine's clock was not set, and did not stand still, between the answer and the submit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::store::number::JobNumber;

/// The longest time between the answer and the submit: clocks drift.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The difference between the two clocks of this machine from which on one of them was set, or the machine
/// was suspended.
const MAX_STEP: Duration = Duration::from_secs(1);

/// The number of lost submits that are remembered.
const MAX_LOST: usize = 1_024;

/// A moment on both clocks of this machine: the one that people set, and the one that no one sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: SystemTime,
    monotonic: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            monotonic: Instant::now(),
        }
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.wall
    }

    /// Returns the time since then. The monotonic clock may stand still while the machine is suspended,
    /// and the other one may have been set back, so the longer time counts.
    pub(crate) fn elapsed(&self) -> Duration {
        let wall = self.wall.elapsed().unwrap_or_default();
        wall.max(self.monotonic.elapsed())
    }

    /// Returns `true` if an offset that was measured at one of these moments held at the other one.
    fn is_near(&self, other: &Self) -> bool {
        let (earlier, later) = match self.monotonic <= other.monotonic {
            true => (self, other),
            false => (other, self),
        };
        let monotonic = later.monotonic - earlier.monotonic;
        let wall = later.wall.duration_since(earlier.wall);
        monotonic <= MAX_AGE && wall.is_ok_and(|wall| wall.abs_diff(monotonic) <= MAX_STEP)
    }
}

/// The offsets that this process has measured.
#[derive(Debug, Default)]
pub(crate) struct VendorClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last offset, in seconds by which the vendor's clock is ahead, and its moment.
    last: Option<(i64, Moment)>,
    /// The moments of the intents of lost submits that this process has sent.
    lost: HashMap<JobNumber, Moment>,
}

impl VendorClock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an answer.
    pub(crate) fn observe(&self, clock_offset: i64) {
        self.state().last = Some((clock_offset, Moment::now()));
    }

    /// Returns the last offset, however long ago it was measured.
    pub(crate) fn last(&self) -> Option<i64> {
        self.state().last.map(|(offset, _)| offset)
    }

    /// Returns the offset at a moment, if an answer near it has shown it.
    pub(crate) fn offset_at(&self, moment: &Moment) -> Option<i64> {
        let (offset, measured) = self.state().last?;
        measured.is_near(moment).then_some(offset)
    }

    /// Takes note of a submit that was lost, so that an answer that comes after it can show the offset.
    pub(crate) fn remember_lost(&self, job: JobNumber, intended: Moment) {
        let mut state = self.state();
        if state.lost.len() >= MAX_LOST {
            state.lost.clear();
        }
        state.lost.insert(job, intended);
    }

    /// Returns the offset at a submit that this process has lost, if the intent is still that one.
    pub(crate) fn offset_of(&self, job: JobNumber, at: SystemTime) -> Option<i64> {
        let moment = *self.state().lost.get(&job)?;
        // Stores keep milliseconds.
        let difference = at.duration_since(moment.wall);
        let difference = difference.unwrap_or_else(|error| error.duration());
        let is_same = difference < Duration::from_millis(1);
        is_same.then(|| self.offset_at(&moment)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(moment: Moment, wall: i64, monotonic: u64) -> Moment {
        let seconds = Duration::from_secs(wall.unsigned_abs());
        Moment {
            wall: match wall < 0 {
                true => moment.wall - seconds,
                false => moment.wall + seconds,
            },
            monotonic: moment.monotonic + Duration::from_secs(monotonic),
        }
    }

    #[test]
    fn an_offset_holds_only_while_no_clock_was_set_or_stood_still() {
        let start = Moment::now();
        for (wall, monotonic, expected) in [
            (0, 0, true),
            (60, 60, true),
            (601, 601, false),
            // The clock was set forward, or the machine was suspended.
            (3_600, 60, false),
            // The clock was set back.
            (-3_600, 60, false),
            (50, 60, false),
        ] {
            let later = after(start, wall, monotonic);
            assert_eq!(start.is_near(&later), expected, "{wall} {monotonic}");
            assert_eq!(later.is_near(&start), expected, "{wall} {monotonic}");
        }
    }

    #[test]
    fn an_answer_after_a_lost_submit_shows_its_offset() {
        let clock = VendorClock::default();
        let (job, intended) = (JobNumber::new(7), Moment::now());
        assert_eq!(clock.offset_at(&intended), None);
        clock.remember_lost(job, intended);
        assert_eq!(clock.offset_of(job, intended.wall), None);
        clock.observe(-30);
        assert_eq!(clock.offset_of(job, intended.wall), Some(-30));
        // The job was sent again by another process.
        let again = intended.wall + Duration::from_secs(5);
        assert_eq!(clock.offset_of(job, again), None);
    }
}
