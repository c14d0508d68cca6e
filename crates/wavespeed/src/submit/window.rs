//! The time span in which the vendor can have created the prediction of a lost submit.
//!
//! A window begins at the intent and ends when the outcome became unknown. It is in the vendor's time: the
//! times of the record are corrected by the clock offset of the submit, which the store has. The clock of
//! this machine may have been set since then, so an offset that is measured now says nothing about it.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use wavespeed_client::Prediction;

use crate::call::created_at;
use crate::store::intent::RETENTION;
use crate::store::record::JobRecord;

/// The error of a clock offset: the header `Date` has a resolution of a second, and an answer takes a
/// while to arrive.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// The error of a clock whose offset is not known. A machine whose clock is off by more cannot make TLS
/// connections, since certificates would not be valid yet or not any more.
const UNKNOWN_MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// The time before and after a window in which the jobs of other writers show.
const SURROUNDINGS: SignedDuration = SignedDuration::from_hours(1);

/// A time span in the vendor's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// `true` if the clock offset of the submit is known, or its neighbours bound it in the vendor's time.
    pub(super) is_exact: bool,
    /// `true` if the clock offset of the submit is known.
    has_offset: bool,
    /// The time at which the outcome became unknown.
    lost: Timestamp,
    /// The time of the intent.
    pub(super) intended: Timestamp,
    /// The time of the submit on this machine's clock, up to the loss of its outcome.
    under_way: (SystemTime, SystemTime),
}

impl Window {
    /// Returns the window of a lost submit. `clock_offset` is the number of seconds by which the vendor's
    /// clock was ahead of this machine's at the submit; `now` is the vendor's time.
    pub(super) fn new(record: &JobRecord, clock_offset: Option<i64>, now: Timestamp) -> Self {
        let offset = SignedDuration::from_secs(clock_offset.unwrap_or_default());
        let vendor = |at: SystemTime| add(timestamp(at), offset);
        let intended = vendor(record.at);
        let margin = match clock_offset {
            Some(_) => MARGIN,
            None => UNKNOWN_MARGIN,
        };
        // Without a recorded end, the sender may have been stopped for any time before it sent.
        let lost = record.lost_at.map_or(now, vendor).max(intended);
        Self {
            from: add(intended, -margin),
            to: add(lost, margin),
            is_exact: clock_offset.is_some(),
            has_offset: clock_offset.is_some(),
            lost,
            intended,
            under_way: (record.at, record.lost_at.unwrap_or_else(SystemTime::now)),
        }
    }

    /// Bounds the window of a serialised submit by its neighbours in the vendor's time: the last prediction
    /// before which it was not sent, and the first one after which it was over. `now` is the vendor's time.
    pub(super) fn bound(&mut self, earlier: Timestamp, later: Option<Timestamp>, now: Timestamp) {
        self.from = self.from.max(earlier);
        self.to = self.to.min(later.unwrap_or(now));
        // In a long time, others may have come and gone.
        self.is_exact |= self.to.duration_since(self.from) <= SURROUNDINGS;
    }

    /// Returns the times since the intent and since the loss of the outcome, as far as they are certain. They
    /// are differences of the vendor's clock: that of this machine may have been set since then.
    pub(super) fn ages(&self, now: Timestamp) -> [Duration; 2] {
        let error = match self.has_offset {
            true => SignedDuration::ZERO,
            false => UNKNOWN_MARGIN,
        };
        [self.intended, self.lost].map(|since| {
            let age = now.duration_since(since) - error;
            Duration::try_from(age).unwrap_or_default()
        })
    }

    /// Returns `true` if the prediction was created within the window, and `None` if its creation time
    /// cannot be read.
    pub(super) fn contains(&self, prediction: &Prediction) -> Option<bool> {
        let at = created_at(prediction)?;
        Some((self.from..=self.to).contains(&at))
    }

    /// Returns `true` if the submits were under way at the same time. Both records have the time of this
    /// machine, so that needs no comparison with the vendor's clock.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.under_way, other.under_way);
        from <= other_to && other_from <= to
    }

    /// Returns the span that has to be read whole: the window, and the time around it.
    pub(super) fn with_surroundings(&self) -> (Timestamp, Timestamp) {
        (add(self.from, -SURROUNDINGS), add(self.to, SURROUNDINGS))
    }

    /// Returns `true` if the vendor still keeps every prediction of the window.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        let retention = SignedDuration::try_from(RETENTION).unwrap_or(SignedDuration::MAX);
        self.from >= add(now, -retention)
    }
}

/// Returns a time of this machine as a timestamp. A time beyond the range of a timestamp becomes its limit.
pub(super) fn timestamp(at: SystemTime) -> Timestamp {
    let is_past = at < SystemTime::UNIX_EPOCH;
    Timestamp::try_from(at).unwrap_or(match is_past {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    })
}

/// Adds a duration, within the range of a timestamp.
pub(super) fn add(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.saturating_add(duration).unwrap_or(at)
}
