//! Locks by key, within this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A lock that may be held over an await.
type Lock = tokio::sync::Mutex<()>;

/// One lock per key: callers with the same key wait for each other, callers with different keys do
/// not. A lock exists only while it is held or awaited.
#[derive(Debug)]
pub(crate) struct KeyedLocks<K>(Mutex<HashMap<K, Weak<Lock>>>);

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> KeyedLocks<K> {
    /// Returns the lock of a key.
    pub(crate) fn get(&self, key: &K) -> Arc<Lock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Locks that are no longer used go here, so that the map does not grow with every key.
        locks.retain(|_, lock| lock.strong_count() > 0);
        let existing = locks.get(key).and_then(Weak::upgrade);
        existing.unwrap_or_else(|| {
            let lock = Arc::default();
            locks.insert(key.clone(), Arc::downgrade(&lock));
            lock
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_lock_that_is_removed_after_use() {
        let locks = KeyedLocks::default();
        let first = locks.get(&"a");
        assert!(Arc::ptr_eq(&first, &locks.get(&"a")));
        let other = locks.get(&"b");
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, other));
        drop(locks.get(&"a"));
        assert_eq!(locks.0.lock().unwrap().len(), 1);
    }
}
