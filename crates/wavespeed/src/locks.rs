//! Locks by key, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::store::upload::Content;

/// Who is uploading what: who comes second waits, and finds it in the store.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Content, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// To be locked for as long as this content is looked for and uploaded.
    pub(crate) fn of(&self, content: &Content) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let running = turns.get(content).and_then(Weak::upgrade);
        running.unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(content.clone(), Arc::downgrade(&turn));
            turn
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_content_has_one_turn_at_a_time() {
        let (turns, film) = (Turns::default(), Content::new("ab", "mp4"));
        let first = turns.of(&film);
        assert!(Arc::ptr_eq(&first, &turns.of(&film)));
        let other = turns.of(&Content::new("ab", "mov"));
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, other));
        drop(turns.of(&film));
        assert_eq!(turns.0.lock().unwrap().len(), 1, "what is over is removed");
    }
}
