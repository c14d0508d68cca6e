//! Recognition of events that are sent again.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::webhook::signature::Event;

/// The time for which an event is remembered. The vendor does not document when it sends an event for
/// the last time; a day is a generous guess.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// The events of the last day, by id.
///
/// The [module](crate::webhook) has an example.
#[derive(Clone, Default)]
pub struct SeenEvents {
    pub(super) events: HashMap<String, SystemTime>,
    /// The number of events above which old ones are removed.
    capacity: usize,
}

impl SeenEvents {
    /// Returns `true` if this event was not seen before, and remembers it.
    pub fn is_new(&mut self, event: &Event) -> bool {
        // Old events are removed when their number has doubled, so that each call costs the same on
        // average.
        if self.events.len() > self.capacity {
            self.events.retain(|_, at| *at + RETENTION >= event.at);
            self.capacity = 2 * self.events.len();
        }
        // A repeated event has a newer timestamp, which prolongs its retention.
        let before = self.events.get(&event.id).copied();
        let last = before.map_or(event.at, |before| before.max(event.at));
        self.events.insert(event.id.clone(), last);
        before.is_none()
    }

    /// Forgets an event that could not be processed, so that it is new when the vendor sends it again.
    pub fn forget(&mut self, event: &Event) {
        self.events.remove(&event.id);
    }
}

impl fmt::Debug for SeenEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeenEvents")
            .field(&self.events.len())
            .finish()
    }
}
