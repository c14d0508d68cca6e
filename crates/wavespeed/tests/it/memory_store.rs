//! The contract of stores, checked with the store in memory.

use std::sync::Arc;

use wavespeed::MemoryStore;

fn two_handles() -> ((), Arc<MemoryStore>, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    ((), Arc::clone(&store), store)
}

wavespeed_harness::store_contract!(two_handles);
