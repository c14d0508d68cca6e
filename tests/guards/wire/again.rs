//! Sending again what was rejected, and finding what was lost: never two tasks for one submit.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::{
    Deadline, JobRecord, MemoryStore, Reconciled, Refusal, Settled, Stage, Store as _, SubmitError,
    SubmitOptions, Wavespeed, Which,
};
use wavespeed_emulator::Emulator;
use wiremock::ResponseTemplate;

use super::{ID, MODEL, answer, client, input, persistent, record, requests, serve, settings, tcp};

fn busy() -> ResponseTemplate {
    ResponseTemplate::new(429).set_body_json(json!({"code": 429, "message": "too many"}))
}

#[tokio::test]
async fn a_submit_that_was_too_many_is_sent_again_when_it_may_be() {
    let patient = busy().insert_header("retry-after", "40");
    let server = serve([busy(), patient, busy(), answer(&record("created"))]).await;
    let (client, clock) = persistent(&server.uri(), 5);
    assert_eq!(client.submit(&input()).await.unwrap().id().as_str(), ID);
    assert_eq!(requests(&server).await.len(), 4);
    // Without chance, half of 1 and 4 s, and between them what was asked for.
    assert_eq!(clock.elapsed(), Duration::from_millis(500 + 40_000 + 2_000));
}

#[tokio::test]
async fn the_budget_and_the_deadline_bound_it() {
    let server = serve(std::iter::repeat_n(busy(), 10)).await;
    let (client, _) = persistent(&server.uri(), 3);
    let error = client.submit(&input()).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Rejected(rejected) if rejected.refusal == Refusal::Busy));
    assert_eq!(requests(&server).await.len(), 4);

    let server = serve([busy().insert_header("retry-after", "60"), busy()]).await;
    let (client, clock) = persistent(&server.uri(), 5);
    let deadline = Deadline::after(Duration::from_secs(30), &clock);
    let input = serde_json::to_value(input()).unwrap();
    let error = client
        .submit_with(MODEL, &input, &SubmitOptions::new(deadline))
        .await
        .unwrap_err();
    assert!(matches!(error, SubmitError::Rejected(_)), "{error}");
    assert_eq!(
        (requests(&server).await.len(), clock.elapsed()),
        (1, Duration::ZERO)
    );
}

#[tokio::test]
async fn a_submit_that_could_not_be_sent_is_tried_again() {
    let (nobody, _taken) = tcp::nobody();
    let (client, clock) = persistent(&nobody, 2);
    let error = client.submit(&input()).await.unwrap_err();
    assert!(
        matches!(&error, SubmitError::Rejected(it) if it.refusal == Refusal::NotSent),
        "{error}"
    );
    assert_eq!(clock.elapsed(), Duration::from_millis(500 + 1_000));
}

/// No path leads from an unknown outcome to a second POST, however many are allowed.
#[tokio::test]
async fn what_is_not_known_is_never_sent_again() {
    for status in [200, 202, 204, 408, 500, 502, 503, 504] {
        let server = serve([ResponseTemplate::new(status), answer(&record("created"))]).await;
        let (client, _) = persistent(&server.uri(), 100);
        let error = client.submit(&input()).await.unwrap_err();
        assert!(
            matches!(error, SubmitError::Unknown(_)),
            "{status}: {error}"
        );
        assert_eq!(requests(&server).await.len(), 1, "{status}");
    }
    for status in [307, 400, 401, 402, 403, 404, 413, 422] {
        let server = serve([ResponseTemplate::new(status), answer(&record("created"))]).await;
        let (client, _) = persistent(&server.uri(), 100);
        let error = client.submit(&input()).await.unwrap_err();
        assert!(
            matches!(error, SubmitError::Rejected(_)),
            "{status}: {error}"
        );
        assert_eq!(requests(&server).await.len(), 1, "{status}");
    }
}

/// One that was lost after it had been sent again is looked for from that time on.
#[tokio::test]
async fn a_resent_submit_is_intended_anew() {
    let server = serve([busy(), ResponseTemplate::new(502)]).await;
    let clock = wavespeed::poll::ManualClock::default();
    let store = Arc::new(MemoryStore::default());
    let settings = settings(&server.uri(), &clock).resends(1);
    let client = settings.store(Arc::clone(&store)).build().unwrap();
    let before = SystemTime::now();
    client.submit(&input()).await.unwrap_err();
    let jobs = client.jobs(Which::All).unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Unknown));
    assert!(jobs[0].at >= before);
    let later = before + Duration::from_secs(300);
    let resent = Settled::Resent {
        before: jobs[0].at,
        at: later,
    };
    store.settle(jobs[0].number, &resent).unwrap();
    let jobs = client.jobs(Which::All).unwrap();
    assert_eq!((jobs[0].at, jobs[0].stage), (later, Stage::Intended));
}

/// Two people, or two terminals, may say so of the same job.
#[tokio::test]
async fn a_lost_submit_is_sent_again_by_a_persons_word_and_only_once() {
    let history = [answer(&record("created")), page(json!([]))];
    let (client, job) = lost(history).await;
    let again = client.resubmit(&job, Deadline::never()).await.unwrap();
    assert_eq!(
        (again.id().as_str(), again.number()),
        (ID, Some(job.number))
    );
    let [known] = &client.jobs(Which::All).unwrap()[..] else {
        panic!("it stays one job")
    };
    assert_eq!(known.stage, Stage::Submitted);
    let error = client.resubmit(&job, Deadline::never()).await.unwrap_err();
    assert!(matches!(error, SubmitError::Store(_)), "{error}");
    assert_eq!(error.to_string().matches(ID).count(), 1, "{error}");
}

/// A client whose submit was lost, and the job it left.
async fn lost(history: impl IntoIterator<Item = ResponseTemplate>) -> (Wavespeed, JobRecord) {
    let answers = [ResponseTemplate::new(502)].into_iter().chain(history);
    let server = serve(answers).await;
    let clock = wavespeed::poll::ManualClock::default();
    let client = settings(&server.uri(), &clock)
        .store(MemoryStore::default())
        .build()
        .unwrap();
    let error = client.submit(&input()).await.unwrap_err();
    let SubmitError::Unknown(unknown) = error else {
        panic!("{error}")
    };
    let number = unknown.job.unwrap();
    let [job] = &client.jobs(Which::Number(number)).unwrap()[..] else {
        panic!("one job")
    };
    assert_eq!((job.stage, job.is_open()), (Stage::Unknown, true));
    // The server lives as long as the answers are needed.
    std::mem::forget(server);
    (client, job.clone())
}

fn page(items: Value) -> ResponseTemplate {
    answer(&json!({"page": 1, "items": items}))
}

fn task(id: &str, ago: i64) -> Value {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago);
    json!({"id": id, "model": MODEL, "status": "processing", "created_at": at.to_string()})
}

#[tokio::test]
async fn the_one_task_it_can_be_is_adopted() {
    let other = json!({"id": "of-another-model", "model": "a/b", "status": "created"});
    let old = task("from-before", 3600);
    // Nothing at first: a history may lag.
    let history = [page(json!([])), page(json!([task(ID, 0), other, old]))];
    let (client, job) = lost(history).await;
    let Reconciled::Adopted(found) = client.reconcile(&job, Deadline::never()).await.unwrap()
    else {
        panic!("it can be nothing else")
    };
    assert_eq!(
        (found.id().as_str(), found.number()),
        (ID, Some(job.number))
    );
    let [job] = &client.jobs(Which::Id(found.id())).unwrap()[..] else {
        panic!("one job")
    };
    assert_eq!((job.stage, job.adopted), (Stage::Submitted, true));
}

#[tokio::test]
async fn of_several_a_person_has_to_choose() {
    let (client, job) = lost([page(json!([task("one-1", 0), task("two-2", 0)]))]).await;
    let Reconciled::Candidates(tasks) = client.reconcile(&job, Deadline::never()).await.unwrap()
    else {
        panic!("there are two")
    };
    assert_eq!(
        tasks.iter().map(|task| &*task.id).collect::<Vec<_>>(),
        ["one-1", "two-2"]
    );
    let adopted = client.adopt(&job, "two-2".parse().unwrap()).unwrap();
    assert_eq!(adopted.id().as_str(), "two-2");
    assert!(client.jobs(Which::Open).unwrap()[0].adopted);
}

#[tokio::test]
async fn two_lost_submits_of_one_model_are_not_guessed_apart() {
    let history = [ResponseTemplate::new(502), page(json!([task(ID, 0)]))];
    let (client, job) = lost(history).await;
    client.submit(&input()).await.unwrap_err();
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(matches!(found, Reconciled::Candidates(_)), "{found:?}");
}

#[tokio::test]
async fn nothing_found_is_said_after_the_settle_time() {
    let (client, job) = lost(std::iter::repeat_n(page(json!([])), 10)).await;
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(matches!(found, Reconciled::Nothing), "{found:?}");
    assert!(
        client.jobs(Which::Open).unwrap()[0].is_open(),
        "it may still show"
    );
}

#[tokio::test]
async fn a_history_that_cannot_be_read_changes_nothing() {
    let (client, job) = lost([ResponseTemplate::new(500)]).await;
    assert!(client.reconcile(&job, Deadline::never()).await.is_err());
    assert_eq!(client.jobs(Which::Open).unwrap(), [job]);
}

/// Accounts and hosts are never mixed.
#[tokio::test]
async fn jobs_are_those_of_the_account() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (client, _) = client(emulator.origin());
    assert_eq!(client.account().key.len(), 12);
    assert!(!format!("{:?}", client.account()).contains(super::KEY));
    let other = Wavespeed::builder()
        .key("another")
        .base_url(emulator.origin())
        .build()
        .unwrap();
    assert_ne!(client.account(), other.account());
    let elsewhere = Wavespeed::builder()
        .key(super::KEY)
        .base_url("https://a.b")
        .build()
        .unwrap();
    assert_ne!(client.account(), elsewhere.account());
}
