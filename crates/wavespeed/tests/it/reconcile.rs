//! Finding what was lost: never two tasks for one submit.

use serde_json::{Value, json};
use wavespeed::{
    Deadline, JobFilter, JobRecord, MemoryStore, Reconciled, Stage, SubmitError, Wavespeed,
};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{ID, KEY, MODEL, answer, client, input, record, serve, settings};
use wiremock::ResponseTemplate;

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
    let [known] = &client.jobs(JobFilter::All).unwrap()[..] else {
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
    let [job] = &client.jobs(JobFilter::Number(number)).unwrap()[..] else {
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
    let [job] = &client.jobs(JobFilter::Id(found.id())).unwrap()[..] else {
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
    assert!(client.jobs(JobFilter::Open).unwrap()[0].adopted);
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
        client.jobs(JobFilter::Open).unwrap()[0].is_open(),
        "it may still show"
    );
}

#[tokio::test]
async fn a_history_that_cannot_be_read_changes_nothing() {
    let (client, job) = lost([ResponseTemplate::new(500)]).await;
    assert!(client.reconcile(&job, Deadline::never()).await.is_err());
    assert_eq!(client.jobs(JobFilter::Open).unwrap(), [job]);
}

/// Accounts and hosts are never mixed.
#[tokio::test]
async fn jobs_are_those_of_the_account() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (client, _) = client(emulator.origin());
    assert_eq!(client.account().key.len(), 12);
    assert!(!format!("{:?}", client.account()).contains(KEY));
    let other = Wavespeed::builder()
        .key("another")
        .base_url(emulator.origin())
        .build()
        .unwrap();
    assert_ne!(client.account(), other.account());
    let elsewhere = Wavespeed::builder()
        .key(KEY)
        .base_url("https://a.b")
        .build()
        .unwrap();
    assert_ne!(client.account(), elsewhere.account());
}
