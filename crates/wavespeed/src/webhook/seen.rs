//! Telling an event that is sent again from a new one.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::webhook::signature::Event;

/// How long an event is remembered. Nobody knows when the vendor tries for the last time.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Which events came before, in the last day.
#[derive(Clone, Default)]
pub struct SeenEvents {
    pub(super) events: HashMap<String, SystemTime>,
    /// What is old is removed when there are more than these.
    full: usize,
}

impl SeenEvents {
    /// Whether this event has not come before; from now on it has.
    pub fn is_new(&mut self, event: &Event) -> bool {
        if self.events.len() > self.full {
            self.events.retain(|_, at| *at + KEPT >= event.at);
            self.full = 2 * self.events.len();
        }
        // Sent again, it is signed anew, and later.
        let before = self.events.get(&event.id).copied();
        let last = before.map_or(event.at, |before| before.max(event.at));
        self.events.insert(event.id.clone(), last);
        before.is_none()
    }

    /// That an event could not be dealt with: when it comes again, it is new.
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
