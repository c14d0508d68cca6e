//! Tests of what the journal promises an async runtime: its calls block no other task, and a call that
//! was begun is carried out whatever becomes of its future.

use pollster::FutureExt as _;
use tokio::task::yield_now;
use wavespeed::{JobFilter, Store as _};
use wavespeed_journal::Journal;

use wavespeed_harness::store_contract::account;

use crate::store::{intend, journal, numbers, other_connection};

/// The number of turns that a task takes while another program holds the journal.
const TURNS: usize = 1_000;

#[tokio::test]
async fn held_file_blocks_no_other_task() {
    let (_folder, journal) = journal();
    let holder = other_connection(&journal);
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // This runtime has one thread, so a call that blocked would return before the first turn ends.
    let forget = tokio::spawn(journal.forget(wavespeed::JobNumber::new(1)));
    for turn in 0..TURNS {
        yield_now().await;
        assert!(!forget.is_finished(), "turn {turn}");
    }
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(!forget.await.unwrap().unwrap(), "there is no such job");
}

#[test]
fn calls_with_dropped_futures_are_carried_out_before_the_journal_is_closed() {
    let (_folder, journal) = journal();
    let (account, path) = (account(), journal.path().to_owned());
    let numbers_before: Vec<_> = (0..20).map(|_| intend(&journal, &account, None)).collect();
    for number in &numbers_before[..19] {
        drop(journal.forget(*number));
    }
    drop(journal);
    let journal = Journal::open(path).unwrap();
    let left = numbers(&journal, &account, JobFilter::All);
    assert_eq!(left, numbers_before[19..]);
}

#[test]
fn calls_of_one_task_are_carried_out_in_order() {
    let (_folder, journal) = journal();
    let account = account();
    let number = intend(&journal, &account, None);
    let forgotten = journal.forget(number);
    let jobs = journal.jobs(&account, JobFilter::All);
    // The result of the later call shows the earlier one, in whatever order they are awaited.
    assert_eq!(jobs.block_on().unwrap(), []);
    assert!(forgotten.block_on().unwrap());
}
