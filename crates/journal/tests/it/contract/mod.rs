//! Tests of the contract of [`Store`](wavespeed::Store): each `assert_*` function checks one property of
//! any store, and is called with a [`MemoryStore`] and with a journal.

mod durations;
mod jobs;
mod uploads;

use wavespeed::{Account, MemoryStore, Store};
use wavespeed_journal::Journal;

use crate::store::{account, journal};

fn on_both_stores(assert: impl Fn(&dyn Store)) {
    assert(&MemoryStore::default());
    assert(&journal().1);
}

/// Calls with two handles on the same records, as two users of a store have them.
fn on_both_stores_with_two_handles(assert: impl Fn(&dyn Store, &dyn Store)) {
    let memory = MemoryStore::default();
    assert(&memory, &memory);
    let (_folder, journal) = journal();
    let other = Journal::open(journal.path()).unwrap();
    assert(&journal, &other);
}

/// An account with the same host and another API key.
fn other_account() -> Account {
    Account::new(account().base_url, "ba9876543210")
}
