//! The rules of the records of durations.

use std::time::Duration;

use wavespeed::{Account, JobDuration, Store};

use super::{account, at, id, other_account};

/// Checks that a duration counts once, for its model and account, and that old ones give way.
pub async fn durations_are_recorded_once_and_the_newest_are_kept(store: &dyn Store) {
    let (mine, them, model) = (account(), other_account(), "a/b");
    let duration = |number: u64| {
        let (id, seconds) = (id(&format!("pred_{number}")), Duration::from_secs(number));
        let taken = Duration::from_millis(1_234 + number);
        JobDuration::new(id, model, taken, at() + seconds)
    };
    let known =
        async |account: &Account, model: &str| store.durations(account, model).await.unwrap();
    assert_eq!(known(&mine, model).await, []);
    // The end of a job is recorded once, even if it is observed twice.
    let later = at() + Duration::from_secs(9);
    let again = JobDuration::new(duration(1).id, model, Duration::ZERO, later);
    for (duration, is_new) in [(duration(0), true), (duration(1), true), (again, false)] {
        let recorded = store.record_duration(&mine, &duration).await.unwrap();
        assert_eq!(recorded, is_new);
    }
    assert_eq!(known(&mine, model).await, [duration(0), duration(1)]);
    assert_eq!(known(&them, model).await, []);
    assert_eq!(known(&mine, "a/c").await, []);
    // Only the newest 128 durations are kept.
    for number in 2..300 {
        let recorded = store.record_duration(&mine, &duration(number));
        assert!(recorded.await.unwrap());
    }
    let newest: Vec<JobDuration> = (172..300).map(duration).collect();
    assert_eq!(known(&mine, model).await, newest);
}
