//! The rules of intents with a key.

use wavespeed::{
    EarlierAttempt, ExistingReason, Intended, JobFilter, JobRecord, Resolution, Status, Store,
};

use super::{
    DAY, Submit, accept, account, at, end, existing, files, id, job, jobs, key, numbers,
    other_account, other_url, recorded, settle, unclaimed,
};

/// Checks that a second intent with a key gets the job of the first, however far that is.
pub async fn a_key_has_one_job_whatever_its_stage(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let (first, claim, _) = recorded(store, &submit.intent()).await;
    let assert_existing = async || {
        let expected = (job(store, first).await, ExistingReason::Key);
        assert_eq!(existing(store, &submit.intent()).await, expected);
        // Another input, and any length of time, are no reason for a new job.
        let changed = Submit::new("Good-bye").key("k");
        let mut later = changed.intent();
        later.at = at() + 1_000 * DAY;
        assert_eq!(existing(store, &later).await, expected);
    };
    assert_existing().await;
    drop(claim);
    store.flush().await.unwrap();
    assert_existing().await;
    settle(store, first, Resolution::Unknown).await.unwrap();
    assert_existing().await;
    accept(store, first, "pred_1").await;
    assert_existing().await;
    end(store, &account(), "pred_1", "failed").await;
    assert_existing().await;
    let saved = store.record_saved(&account(), &id("pred_1"), &files());
    saved.await.unwrap();
    assert_existing().await;
    for account in [other_account(), other_url()] {
        let submit = Submit::new("Hello").key("k").account(account.clone());
        let number = unclaimed(store, &submit.intent()).await;
        let found = numbers(store, &account, JobFilter::Key(&key("k"))).await;
        assert_eq!(found, [number]);
    }
}

/// Checks that a rejected job is renewed by the next intent with its key.
pub async fn a_rejected_job_is_sent_again_under_its_number(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let mut intent = submit.intent();
    (intent.label, intent.price) = (Some("first"), Some(1.0));
    let first = unclaimed(store, &intent).await;
    settle(store, first, Resolution::Rejected).await.unwrap();
    // Another input is not sent under the key of this job.
    let changed = Submit::new("Good-bye").key("k");
    let (_, reason) = existing(store, &changed.intent()).await;
    assert_eq!(reason, ExistingReason::Key);

    let mut again = submit.intent();
    again.at = at() + DAY;
    again.price = Some(2.0);
    again.webhook = Some("https://a.example/hook");
    let (number, claim, running) = recorded(store, &again).await;
    assert_eq!((number, running), (first, None));
    assert!(store.claim(first).await.is_err(), "the job is claimed");
    let mut expected = JobRecord::new(first, &again);
    expected.label = Some("first".into());
    let all = jobs(store, &account(), JobFilter::All).await;
    assert_eq!(all, [expected]);
    drop(claim);
}

/// Checks that a rejected job whose sender waits to send it again is left to its sender.
pub async fn a_claimed_rejected_job_is_not_sent_again(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let (first, claim, _) = recorded(store, &submit.intent()).await;
    settle(store, first, Resolution::Rejected).await.unwrap();
    let expected = (job(store, first).await, ExistingReason::Key);
    assert_eq!(existing(store, &submit.intent()).await, expected);
    drop(claim);
    store.flush().await.unwrap();
    assert_eq!(unclaimed(store, &submit.intent()).await, first);
}

/// Checks that another attempt of a failed job keeps the ids and prices of those before.
pub async fn another_attempt_keeps_the_earlier_ones(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let mut intent = submit.intent();
    intent.price = Some(0.25);
    let mut attempts = Vec::new();
    let earlier = ["pred_0", "pred_1", "pred_2"].map(id);
    for (number, status) in [(1, "failed"), (2, "melted"), (3, "cancelled")] {
        intent.retry = earlier.get(number - 1);
        let first = unclaimed(store, &intent).await;
        let mut expected = JobRecord::new(first, &intent);
        expected.attempts.clone_from(&attempts);
        assert_eq!(jobs(store, &account(), JobFilter::All).await, [expected]);
        let name = format!("pred_{number}");
        accept(store, first, &name).await;
        end(store, &account(), &name, status).await;
        let status = Some(Status::from(status));
        attempts.push(EarlierAttempt::new(
            intent.at,
            id(&name),
            status,
            intent.price,
        ));
        intent.at += DAY;
        intent.price = None;
    }
    // Only the current id finds the job, but every id is known.
    let of = async |name: &str| {
        numbers(store, &account(), JobFilter::Id(&id(name)))
            .await
            .len()
    };
    assert_eq!((of("pred_1").await, of("pred_3").await), (0, 1));
    let ids = ["pred_3", "pred_1", "pred_4", "pred_2"].map(id);
    let known = store.known_ids(&account(), &ids).await.unwrap();
    assert_eq!(known, ["pred_3", "pred_1", "pred_2"].map(id));
    // The end of an earlier attempt, seen late, is not that of the current one.
    let before = jobs(store, &account(), JobFilter::All).await;
    end(store, &account(), "pred_1", "completed").await;
    assert_eq!(jobs(store, &account(), JobFilter::All).await, before);
}

/// Checks that of two callers that replace the same failed attempt, one sends another, even if that one
/// has failed before the second caller comes.
pub async fn only_the_attempt_that_the_caller_saw_is_replaced(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let mut intent = submit.intent();
    let first = unclaimed(store, &intent).await;
    accept(store, first, "pred_1").await;
    end(store, &account(), "pred_1", "failed").await;
    let seen = id("pred_1");
    intent.retry = Some(&seen);
    assert_eq!(unclaimed(store, &intent).await, first);
    accept(store, first, "pred_2").await;
    end(store, &account(), "pred_2", "failed").await;
    let expected = (job(store, first).await, ExistingReason::Key);
    assert_eq!(existing(store, &intent).await, expected);
}

/// Checks that a completed job, and one whose outcome is unknown, are not attempted again.
pub async fn only_a_job_without_outputs_is_attempted_again(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let mut intent = submit.intent();
    let seen = id("pred_1");
    intent.retry = Some(&seen);
    let first = unclaimed(store, &intent).await;
    assert_eq!(existing(store, &intent).await.1, ExistingReason::Key);
    accept(store, first, "pred_1").await;
    assert_eq!(existing(store, &intent).await.1, ExistingReason::Key);
    end(store, &account(), "pred_1", "completed").await;
    assert_eq!(existing(store, &intent).await.1, ExistingReason::Key);
}

/// Checks that the key of a forgotten job can be used again, and that its ids stay known.
pub async fn forgetting_a_job_frees_its_key_and_keeps_its_ids_known(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let mut intent = submit.intent();
    let seen = id("pred_1");
    intent.retry = Some(&seen);
    let first = unclaimed(store, &intent).await;
    accept(store, first, "pred_1").await;
    end(store, &account(), "pred_1", "failed").await;
    assert_eq!(unclaimed(store, &intent).await, first);
    accept(store, first, "pred_2").await;
    assert!(store.forget(first).await.unwrap());

    let second = unclaimed(store, &intent).await;
    assert!(second > first);
    assert_eq!(job(store, second).await, JobRecord::new(second, &intent));
    let ids = ["pred_1", "pred_2"].map(id);
    assert_eq!(store.known_ids(&account(), &ids).await.unwrap(), ids);
}

/// Checks that of the intents with one key, of two handles at once, one is recorded.
pub async fn concurrent_intents_with_one_key_give_one_job(store: &dyn Store, other: &dyn Store) {
    for round in 0..8 {
        let submit = Submit::new("Hello").key(&format!("k{round}"));
        let handles = [store, other].into_iter().cycle();
        let calls: Vec<_> = handles
            .take(16)
            .map(|to| to.intend(&submit.intent()))
            .collect();
        let (mut issued, mut found) = (Vec::new(), Vec::new());
        for call in calls {
            match call.await.unwrap() {
                Intended::Recorded { job, claim, .. } => issued.push((job, claim)),
                Intended::Existing { job, .. } => found.push(job.number),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(issued.len(), 1);
        assert_eq!(found, [issued[0].0; 15]);
    }
}
