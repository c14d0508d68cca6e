//! The contract of stores, checked with two journals on one file.

use tempfile::TempDir;
use wavespeed_journal::Journal;

use crate::store::journal;

fn two_journals() -> (TempDir, Journal, Journal) {
    let (folder, journal) = journal();
    let other = Journal::open(journal.path()).unwrap();
    (folder, journal, other)
}

wavespeed_harness::store_contract!(two_journals);
