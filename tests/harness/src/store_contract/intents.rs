//! The rules of intents without a key.

use std::collections::BTreeSet;

use wavespeed::{
    Account, ExistingReason, Intended, Intent, JobFilter, JobNumber, JobRecord, Resolution, Store,
    Target,
};

use super::{
    DAY, Submit, accept, account, at, end, existing, id, job, jobs, key, numbers, other_account,
    other_url, recorded, settle, unclaimed,
};

/// Checks that a record has what its intent said.
pub async fn an_intent_is_recorded_with_every_field(store: &dyn Store) {
    let submit = Submit::new("Hello").key("order 1");
    let target = Target::file("/films/out.mp4".into()).force(true);
    let mut intent = submit.intent();
    intent.label = Some("\u{0}\n\"é😀'; --");
    intent.price = Some(0.1 + 0.2);
    intent.target = Some(&target);
    intent.webhook = Some("https://a.example/hook?token=t");
    intent.webhook_token = Some("t");
    intent.clock_offset = Some(-3_600);
    intent.serialise = Some(DAY);
    let (number, _claim, running) = recorded(store, &intent).await;
    assert_eq!(running, None);
    let expected = [JobRecord::new(number, &intent)];
    for filter in [
        JobFilter::All,
        JobFilter::Open,
        JobFilter::Number(number),
        JobFilter::Key(&key("order 1")),
        JobFilter::Label("\u{0}\n\"é😀'; --"),
        JobFilter::WebhookToken("t"),
        JobFilter::BaseUrl,
    ] {
        let found = jobs(store, &account(), filter).await;
        assert_eq!(found, expected, "{filter:?}");
    }
    for filter in [
        JobFilter::Id(&id("pred_1")),
        JobFilter::Key(&key("order 2")),
        JobFilter::Label("another"),
        JobFilter::WebhookToken(""),
        // The largest number of all was never given to a job.
        JobFilter::Number(JobNumber::new(u64::MAX)),
    ] {
        assert_eq!(jobs(store, &account(), filter).await, [], "{filter:?}");
    }
}

/// Checks that an equal submit is refused while the outcome of the first is unknown, and only for as long as
/// the vendor keeps a prediction.
pub async fn an_equal_job_of_unknown_outcome_stands_in_the_way(store: &dyn Store) {
    let submit = Submit::new("Hello");
    // Without its claim, an intended job looks as if its process had died.
    let first = unclaimed(store, &submit.intent()).await;
    for resolution in [None, Some(Resolution::Unknown)] {
        if let Some(resolution) = resolution {
            settle(store, first, resolution).await.unwrap();
        }
        let expected = (job(store, first).await, ExistingReason::OutcomeUnknown);
        assert_eq!(existing(store, &submit.intent()).await, expected);
        assert_eq!(numbers(store, &account(), JobFilter::All).await, [first]);
    }
    let mut later = submit.intent();
    later.at = at() + 8 * DAY;
    recorded(store, &later).await;
}

/// Checks that a submit is refused while an equal one of another account of the API is lost, by whatever
/// spelling of the base URL, unless the intent ignores other accounts.
pub async fn a_lost_job_of_another_account_stands_in_the_way(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let (first, claim, _) = recorded(store, &submit.intent()).await;
    let url = |url: &str| Account::new(url, account().name);
    let same_api = [
        other_account(),
        url("https://A.example:443/api/v3/"),
        url("http://a.example/api/v3"),
    ];
    let others = || {
        same_api
            .iter()
            .map(|account| Submit::new("Hello").account(account.clone()))
    };
    // A job that is being sent is not lost.
    for other in others() {
        let number = unclaimed(store, &other.intent()).await;
        settle(store, number, Resolution::Rejected).await.unwrap();
    }
    drop(claim);
    store.flush().await.unwrap();
    for resolution in [None, Some(Resolution::Unknown)] {
        if let Some(resolution) = resolution {
            settle(store, first, resolution).await.unwrap();
        }
        let expected = (job(store, first).await, ExistingReason::OtherAccount);
        let found = jobs(store, &other_url(), JobFilter::WithoutOutcome).await;
        assert_eq!(found, std::slice::from_ref(&expected.0));
        for other in others() {
            assert_eq!(existing(store, &other.intent()).await, expected);
        }
    }
    // The jobs of another API, with another input, or of a time that the vendor has forgotten are others.
    unclaimed(store, &Submit::new("Hello").account(other_url()).intent()).await;
    unclaimed(
        store,
        &Submit::new("Good-bye").account(other_account()).intent(),
    )
    .await;
    let [late, ignoring, settled] = [(); 3].map(|()| Submit::new("Hello").account(other_account()));
    let mut intent = late.intent();
    intent.at = at() + 8 * DAY;
    let number = unclaimed(store, &intent).await;
    settle(store, number, Resolution::Rejected).await.unwrap();
    let mut intent = ignoring.intent();
    intent.ignore_other_accounts = true;
    let number = unclaimed(store, &intent).await;
    settle(store, number, Resolution::Rejected).await.unwrap();
    accept(store, first, "pred_1").await;
    recorded(store, &settled.intent()).await;
}

/// Checks that a submit with a key is refused while one with the same key and an equal input of another account
/// is lost. Another key stands for another job, as within an account.
pub async fn a_lost_job_of_the_key_in_another_account_stands_in_the_way(store: &dyn Store) {
    let first = unclaimed(store, &Submit::new("Hello").key("k").intent()).await;
    let other = |text, key| Submit::new(text).key(key).account(other_account());
    let found = existing(store, &other("Hello", "k").intent()).await;
    assert_eq!(
        (found.0.number, found.1),
        (first, ExistingReason::OtherAccount)
    );
    let (number, _claim, _) = recorded(store, &other("Hello", "l").intent()).await;
    settle(store, number, Resolution::Rejected).await.unwrap();
    recorded(store, &other("Good-bye", "k").intent()).await;
    // An own job that was rejected is not sent again either.
    let own = Submit::new("Hello").key("m");
    let number = unclaimed(store, &own.intent()).await;
    settle(store, number, Resolution::Rejected).await.unwrap();
    let lost = unclaimed(store, &other("Hello", "m").intent()).await;
    let (job, reason) = existing(store, &own.intent()).await;
    assert_eq!((job.number, reason), (lost, ExistingReason::OtherAccount));
}

/// Checks that an equal submit is refused while the first has a claim: before its outcome is known, and
/// while its sender waits to send it again.
pub async fn an_equal_job_that_is_being_sent_stands_in_the_way(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let (first, claim, _) = recorded(store, &submit.intent()).await;
    for rejected in [false, true] {
        if rejected {
            settle(store, first, Resolution::Rejected).await.unwrap();
        }
        let expected = (job(store, first).await, ExistingReason::BeingSent);
        assert_eq!(existing(store, &submit.intent()).await, expected);
        // The question whether there is a claim must not end it.
        assert!(store.claim(first).await.is_err());
    }
    // The date of the first may be that of a machine without a clock.
    let mut later = submit.intent();
    later.at = at() + 8 * DAY;
    let reason = existing(store, &later).await.1;
    assert_eq!(reason, ExistingReason::BeingSent);
    drop(claim);
    store.flush().await.unwrap();
    let (second, _claim, running) = recorded(store, &submit.intent()).await;
    assert!(second > first);
    assert_eq!(running, None);
}

/// Checks that an equal job that is running is reported, or refused if the intent asks for it.
pub async fn an_equal_running_job_is_reported_or_refused(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let first = unclaimed(store, &submit.intent()).await;
    accept(store, first, "pred_1").await;
    let expected = job(store, first).await;
    let mut refusing = submit.intent();
    refusing.refuse_running = true;
    let refused = (expected.clone(), ExistingReason::Running);
    assert_eq!(existing(store, &refusing).await, refused);
    let (second, _claim, running) = recorded(store, &submit.intent()).await;
    assert!(second > first);
    assert_eq!(running.as_deref(), Some(&expected));
}

/// Checks that a job which has ended, was rejected or has another input stands in no way.
pub async fn an_equal_job_that_is_no_duplicate_is_ignored(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let ended = unclaimed(store, &submit.intent()).await;
    accept(store, ended, "pred_1").await;
    end(store, &account(), "pred_1", "failed").await;
    unclaimed(store, &Submit::new("Good-bye").intent()).await;
    let mut intent = submit.intent();
    intent.refuse_running = true;
    let rejected = unclaimed(store, &intent).await;
    settle(store, rejected, Resolution::Rejected).await.unwrap();
    let (_, _claim, running) = recorded(store, &intent).await;
    assert_eq!(running, None);
}

/// Checks that a serialised submit waits for the outcome of the one before it: of any input, but only of its
/// account and model.
pub async fn a_serialised_submit_waits_for_its_turn(store: &dyn Store) {
    fn serialised(mut intent: Intent<'_>) -> Intent<'_> {
        intent.serialise = Some(DAY);
        intent
    }
    let (submit, model) = (Submit::new("Hello"), "a/other".parse().unwrap());
    let (first, claim, _) = recorded(store, &submit.intent()).await;
    let next = Submit::new("Good-bye");
    for rejected in [false, true] {
        if rejected {
            // The sender waits before it sends the job again.
            settle(store, first, Resolution::Rejected).await.unwrap();
        }
        for intent in [next.intent(), Submit::new("3").key("3").intent()] {
            let expected = (job(store, first).await, ExistingReason::Turn);
            assert_eq!(existing(store, &serialised(intent)).await, expected);
        }
    }
    let unlike = Submit::new("Another model");
    let mut other_model = serialised(unlike.intent());
    other_model.model = &model;
    unclaimed(store, &other_model).await;
    let other = Submit::new("Elsewhere").account(other_account());
    unclaimed(store, &serialised(other.intent())).await;
    // An equal job is the better reason.
    let (_, reason) = existing(store, &serialised(submit.intent())).await;
    assert_eq!(reason, ExistingReason::BeingSent);
    drop(claim);
    store.flush().await.unwrap();
    let (second, _claim, _) = recorded(store, &serialised(next.intent())).await;
    // A submit whose outcome is unknown may be under way for a while.
    settle(store, second, Resolution::Unknown).await.unwrap();
    let third = Submit::new("5");
    let expected = (job(store, second).await, ExistingReason::Turn);
    assert_eq!(existing(store, &serialised(third.intent())).await, expected);
    let mut later = serialised(third.intent());
    later.at += DAY;
    unclaimed(store, &later).await;
}

/// Checks that intents of two handles at once get jobs of their own.
pub async fn concurrent_intents_get_different_numbers(store: &dyn Store, other: &dyn Store) {
    let submits: Vec<_> = (0..100).map(|n| Submit::new(&n.to_string())).collect();
    // All calls are begun before the first is awaited.
    let calls = submits.iter().zip([store, other].into_iter().cycle());
    let calls: Vec<_> = calls
        .map(|(submit, to)| to.intend(&submit.intent()))
        .collect();
    let mut issued = BTreeSet::new();
    for call in calls {
        match call.await.unwrap() {
            Intended::Recorded { job, .. } => assert!(issued.insert(job), "{job}"),
            other => panic!("{other:?}"),
        }
    }
    let issued: Vec<_> = issued.into_iter().collect();
    assert_eq!(numbers(other, &account(), JobFilter::All).await, issued);
}
