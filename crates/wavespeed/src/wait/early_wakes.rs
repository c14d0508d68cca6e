//! Wakes of jobs that no one waits for yet.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use wavespeed_client::PredictionId;

/// The number of wakes that are kept. An older one only means that a job is polled on schedule.
const CAPACITY: usize = 1_024;

/// The ids of the last wakes. A webhook can arrive before the program waits for its job; the wait then polls
/// at once. An id may stay here after its job has ended, which costs nothing but its place.
#[derive(Debug, Default)]
pub(crate) struct EarlyWakes(Mutex<VecDeque<PredictionId>>);

impl EarlyWakes {
    pub(crate) fn insert(&self, id: &PredictionId) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(id) {
            return;
        }
        if ids.len() == CAPACITY {
            ids.pop_front();
        }
        ids.push_back(id.clone());
    }

    /// Removes an id, and returns `true` if it was there.
    pub(crate) fn take(&self, id: &PredictionId) -> bool {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ids.iter().position(|known| known == id);
        found.is_some_and(|index| ids.remove(index).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_is_kept_once_and_the_oldest_are_dropped() {
        let id = |number: usize| format!("pred_{number}").parse().unwrap();
        let wakes = EarlyWakes::default();
        (0..=CAPACITY).for_each(|number| wakes.insert(&id(number)));
        wakes.insert(&id(CAPACITY));
        assert!(!wakes.take(&id(0)));
        assert!(wakes.take(&id(CAPACITY)) && !wakes.take(&id(CAPACITY)));
        assert!(wakes.take(&id(1)));
    }
}
