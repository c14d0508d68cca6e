//! The rules of claims, and of the order of calls.

use wavespeed::{JobNumber, Resolution, Stage, Store, StoreErrorKind};

use super::{Submit, account, id, job, new_job, recorded};

/// Checks that a claim excludes others until it is dropped.
pub async fn a_job_has_one_claim(store: &dyn Store, other: &dyn Store) {
    let number = JobNumber::new(7);
    let claim = store.claim(number).await.unwrap();
    for handle in [store, other] {
        let error = handle.claim(number).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Claimed, "{error}");
        assert!(
            error.to_string().contains("j7 is already being sent"),
            "{error}"
        );
    }
    assert!(other.claim(JobNumber::new(8)).await.is_ok());
    drop(claim);
    store.flush().await.unwrap();
    drop(other.claim(number).await.unwrap());
    other.flush().await.unwrap();
    // A claim whose future is dropped is held by no one.
    drop(store.claim(number));
    store.flush().await.unwrap();
    assert!(store.claim(number).await.is_ok());
}

/// Checks that a claim on a number that no job has yet does not stop the store.
pub async fn a_claimed_number_is_given_to_no_job(store: &dyn Store, other: &dyn Store) {
    let claimed = [1, 3].map(JobNumber::new);
    let _claims = (
        store.claim(claimed[0]).await.unwrap(),
        other.claim(claimed[1]).await.unwrap(),
    );
    for text in ["1", "2"] {
        let submit = Submit::new(text);
        let (job, _claim, _) = recorded(other, &submit.intent()).await;
        assert!(!claimed.contains(&job), "{job}");
    }
}

/// Checks that the next owner of a claim sees the outcome that the last one recorded, even if the last one
/// did not wait for it.
pub async fn a_claim_lasts_until_the_outcome_is_recorded(store: &dyn Store, other: &dyn Store) {
    for number in 0..50 {
        let submit = Submit::new(&number.to_string());
        let (number, claim, _) = recorded(store, &submit.intent()).await;
        assert!(other.claim(number).await.is_err());
        let accepted = Resolution::Accepted(id(&format!("pred_{number}")));
        drop(store.settle(number, &accepted.into()));
        drop(claim);
        while other.claim(number).await.is_err() {
            std::thread::yield_now();
        }
        assert_eq!(job(other, number).await.stage, Stage::Submitted);
    }
}

/// Checks that calls whose futures were dropped are carried out before a later flush returns.
pub async fn every_earlier_call_is_carried_out_when_flush_returns(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    let accepted = Resolution::Accepted(id("pred_1"));
    drop(store.settle(number, &accepted.into()));
    store.flush().await.unwrap();
    assert_eq!(job(store, number).await.stage, Stage::Submitted);
}
