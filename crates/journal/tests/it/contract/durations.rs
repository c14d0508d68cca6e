//! Tests of the records of durations.

use std::time::Duration;

use pollster::FutureExt as _;
use wavespeed::{JobDuration, Store};

use super::{on_both_stores, other_account};
use crate::store::{account, at, id, model};

#[test]
fn both_stores_record_durations() {
    on_both_stores(assert_records_durations);
}

/// Checks how a store records the durations of jobs.
fn assert_records_durations(store: &dyn Store) {
    let (mine, model) = (account(), model());
    let them = other_account();
    let duration = |number: u64| {
        let (id, seconds) = (id(&format!("pred_{number}")), Duration::from_secs(number));
        let taken = Duration::from_millis(1_234 + number);
        JobDuration::new(id, model.as_str(), taken, at() + seconds)
    };
    let known = |account: &wavespeed::Account, model: &str| {
        store.durations(account, model).block_on().unwrap()
    };
    assert_eq!(known(&mine, model.as_str()), []);
    // The end of a job is recorded once, even if it is observed twice.
    let again = JobDuration::new(
        duration(1).id,
        model.as_str(),
        Duration::ZERO,
        at() + Duration::from_secs(9),
    );
    let recorded = [&duration(0), &duration(1), &again]
        .map(|duration| store.record_duration(&mine, duration).block_on().unwrap());
    assert_eq!(recorded, [true, true, false]);
    assert_eq!(known(&mine, model.as_str()), [duration(0), duration(1)]);
    assert_eq!(
        (known(&them, model.as_str()), known(&mine, "a/b")),
        (vec![], vec![])
    );
    // Only the newest 128 durations are kept.
    for number in 2..300 {
        store
            .record_duration(&mine, &duration(number))
            .block_on()
            .unwrap();
    }
    let newest: Vec<JobDuration> = (172..300).map(duration).collect();
    assert_eq!(known(&mine, model.as_str()), newest);
}
