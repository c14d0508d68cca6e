//! Tests of reconciling a job whose outcome is unknown with the vendor's history. The submit is answered
//! with HTTP 502, and the server then plays pages of the history. One submit never leads to two
//! predictions without an explicit resubmit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Adoption, Deadline, HistorySearch, Identity, Intended, Intent, JobFilter, JobRecord,
    MemoryStore, Reconciled, Resolution, Settlement, Stage, Store as _, SubmitError, Wavespeed,
};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{ID, KEY, MODEL, answer, client, input, serve, settings};
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

/// Two users, or two terminals, may resubmit the same job.
#[tokio::test]
async fn resubmit_sends_a_job_with_an_unknown_outcome_only_once() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [ResponseTemplate::new(502)].into();
    client.submit(&input()).adopt(false).await.unwrap_err();
    let job = client.jobs(JobFilter::Open).await.unwrap().remove(0);
    let resubmit = || client.resubmit(&job, &[], Deadline::never());
    let again = resubmit().await.unwrap();
    assert_eq!(
        (again.id().as_str(), again.number()),
        ("pred_2", Some(job.number))
    );
    let [known] = &client.jobs(JobFilter::All).await.unwrap()[..] else {
        panic!("the resubmit must not create another job")
    };
    assert_eq!(known.stage, Stage::Submitted);
    // The record is out of date, so the job that it has become is returned.
    let known = resubmit().await.unwrap();
    assert_eq!(known.id(), again.id());
    assert_eq!(vendor.submits(), 2);
}

/// A person may know that a candidate is another job.
#[tokio::test]
async fn resubmit_sends_nothing_while_a_candidate_is_left() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [ResponseTemplate::new(502)].into();
    vendor.state().history = vec![item("one-1", 0), item("two-2", 0)];
    client.submit(&input()).adopt(false).await.unwrap_err();
    let job = client.jobs(JobFilter::Open).await.unwrap().remove(0);
    let ids = ["one-1", "two-2"].map(|id| id.parse().unwrap());
    let error = client
        .resubmit(&job, &[], Deadline::never())
        .await
        .unwrap_err();
    let SubmitError::Unknown(unknown) = error else {
        panic!("{error}")
    };
    assert!(matches!(unknown.search, HistorySearch::Candidates(found) if found.found.len() == 2));
    assert_eq!(vendor.submits(), 1);
    client
        .resubmit(&job, &ids, Deadline::never())
        .await
        .unwrap();
    assert_eq!(vendor.submits(), 2);
}

/// A client whose submit had an unknown outcome, and the job of that submit.
async fn job_with_unknown_outcome(
    history: impl IntoIterator<Item = ResponseTemplate>,
) -> (Wavespeed, JobRecord) {
    job_in_store(&Arc::default(), history).await
}

/// A client with this store whose submit had an unknown outcome, and the job of that submit.
async fn job_in_store(
    store: &Arc<MemoryStore>,
    history: impl IntoIterator<Item = ResponseTemplate>,
) -> (Wavespeed, JobRecord) {
    lost_by(store, ResponseTemplate::new(502), history).await
}

/// The same after this answer to the submit.
async fn lost_by(
    store: &Arc<MemoryStore>,
    answer: ResponseTemplate,
    history: impl IntoIterator<Item = ResponseTemplate>,
) -> (Wavespeed, JobRecord) {
    let server = serve([answer].into_iter().chain(history)).await;
    let clock = ManualClock::default();
    let client = settings(&server.uri(), &clock)
        .store(Arc::clone(store))
        .build()
        .unwrap();
    let error = client.submit(&input()).adopt(false).await.unwrap_err();
    let SubmitError::Unknown(unknown) = error else {
        panic!("{error}")
    };
    let number = unknown.job.unwrap();
    let [job] = &client.jobs(JobFilter::Number(number)).await.unwrap()[..] else {
        panic!("one job")
    };
    assert_eq!((job.stage, job.is_open()), (Stage::Unknown, true));
    // The server must outlive this function.
    std::mem::forget(server);
    (client, job.clone())
}

/// A page of the vendor's history.
fn page(items: Value) -> ResponseTemplate {
    answer(&json!({"page": 1, "items": items, "has_more": false}))
}

/// An item of the history that was created `age` seconds ago.
fn item(id: &str, age: i64) -> Value {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age);
    json!({"id": id, "model": MODEL, "status": "processing", "created_at": at.to_string()})
}

#[tokio::test]
async fn only_possible_prediction_is_adopted() {
    // What is older than the store says nothing about other writers.
    let mut other = item("of-another-model", 60);
    other["model"] = "a/b".into();
    let old = item("from-before", 3600);
    // The first page is empty, since the history may lag behind.
    let history = [page(json!([])), page(json!([item(ID, 0), other, old]))];
    let (client, job) = job_with_unknown_outcome(history).await;
    let Reconciled::Adopted(found) = client.reconcile(&job, Deadline::never()).await.unwrap()
    else {
        panic!("the prediction must be adopted")
    };
    assert_eq!(
        (found.id().as_str(), found.number()),
        (ID, Some(job.number))
    );
    let [job] = &client.jobs(JobFilter::Id(found.id())).await.unwrap()[..] else {
        panic!("one job")
    };
    assert_eq!(
        (job.stage, job.adopted),
        (Stage::Submitted, Some(Adoption::Inferred))
    );
}

#[tokio::test]
async fn several_candidates_are_returned_for_a_choice() {
    let (client, job) =
        job_with_unknown_outcome([page(json!([item("one-1", 0), item("two-2", 0)]))]).await;
    let Reconciled::Unresolved(HistorySearch::Candidates(candidates)) =
        client.reconcile(&job, Deadline::never()).await.unwrap()
    else {
        panic!("there are two candidates")
    };
    assert_eq!(
        candidates
            .found
            .iter()
            .map(|candidate| candidate.prediction.id())
            .collect::<Vec<_>>(),
        ["one-1", "two-2"]
    );
    let adopted = client.adopt(&job, "two-2".parse().unwrap()).await.unwrap();
    assert_eq!(adopted.id().as_str(), "two-2");
    let chosen = &client.jobs(JobFilter::Open).await.unwrap()[0];
    assert_eq!(chosen.adopted, Some(Adoption::Chosen));
}

/// A caller whose reconciling was interrupted while it adopted a prediction still has the old record.
#[tokio::test]
async fn reconciling_again_with_the_old_record_returns_the_adopted_job() {
    let (client, job) = job_with_unknown_outcome([page(json!([item(ID, 0)]))]).await;
    client.adopt(&job, ID.parse().unwrap()).await.unwrap();
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(
        matches!(&found, Reconciled::Adopted(job) if job.id().as_str() == ID),
        "{found:?}"
    );
}

#[tokio::test]
async fn prediction_is_not_adopted_if_two_jobs_of_its_model_are_open() {
    let history = [ResponseTemplate::new(502), page(json!([item(ID, 0)]))];
    let (client, job) = job_with_unknown_outcome(history).await;
    // Without a key, the second submit would be refused.
    let other = client.submit(&input()).key("another").adopt(false);
    other.await.unwrap_err();
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(
        matches!(found, Reconciled::Unresolved(HistorySearch::Candidates(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn open_job_of_another_time_does_not_prevent_the_adoption() {
    let store = Arc::new(MemoryStore::default());
    let history = page(json!([item(ID, 0)]));
    let (client, job) = job_in_store(&store, [history]).await;
    let hour = Duration::from_secs(60 * 60);
    // By its time, the prediction can belong to neither of these jobs.
    for at in [job.at - hour, job.at + hour] {
        let (account, model) = (client.account(), &job.model);
        let identity = Identity::new("some/other", &json!(at), &BTreeMap::new());
        let mut intent = Intent::new(account, model, "{}", &identity, at);
        intent.clock_offset = Some(0);
        let Intended::Recorded { job: other, .. } = store.intend(&intent).await.unwrap() else {
            panic!("no job is equal")
        };
        let unknown = Settlement::from(Resolution::Unknown).lost_at(at);
        store.settle(other, &unknown).await.unwrap();
    }
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(matches!(found, Reconciled::Adopted(_)), "{found:?}");
}

/// Predictions have the vendor's time. The header `Date` of an answer near the submit shows how far that
/// was ahead of this machine's; one at the time of the look shows nothing, since clocks are corrected.
#[tokio::test]
async fn creation_time_is_corrected_by_the_clock_offset_of_the_submit() {
    for ahead in [-86_400_i64, -3_600, -300, 300, 3_600, 86_400] {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
        let dated = |answer: ResponseTemplate| {
            answer.insert_header("date", httpdate::fmt_http_date(date.into()))
        };
        let history = page(json!([item(ID, -ahead)]));
        let store = Arc::default();
        let lost = dated(ResponseTemplate::new(502));
        let (client, job) = lost_by(&store, lost, [history.clone()]).await;
        let found = client.reconcile(&job, Deadline::never()).await.unwrap();
        assert!(
            matches!(found, Reconciled::Adopted(_)),
            "{ahead}: {found:?}"
        );
        // The server itself sets the header to the time of this machine.
        let (client, job) = job_with_unknown_outcome([dated(history)]).await;
        let found = client.reconcile(&job, Deadline::never()).await.unwrap();
        assert!(
            !matches!(found, Reconciled::Adopted(_)),
            "{ahead}: {found:?}"
        );
    }
}

#[tokio::test]
async fn reconcile_finds_nothing_after_the_settle_time() {
    let (client, job) = job_with_unknown_outcome(std::iter::repeat_n(page(json!([])), 10)).await;
    let found = client.reconcile(&job, Deadline::never()).await.unwrap();
    assert!(
        matches!(found, Reconciled::Unresolved(HistorySearch::NotFound)),
        "{found:?}"
    );
    assert!(
        client.jobs(JobFilter::Open).await.unwrap()[0].is_open(),
        "the job stays open, since the prediction may still appear"
    );
}

#[tokio::test]
async fn unreadable_history_leaves_the_job_unchanged() {
    let (client, job) = job_with_unknown_outcome([ResponseTemplate::new(500)]).await;
    assert!(client.reconcile(&job, Deadline::never()).await.is_err());
    assert_eq!(client.jobs(JobFilter::Open).await.unwrap(), [job]);
}

/// Two machines with one API key have a store each. One of them loses a submit while the other one is at work:
/// no prediction of the other is taken for it, whether its own was created or not.
#[tokio::test]
async fn predictions_of_another_machine_are_not_adopted() {
    for (fault, created) in [("lose-answer", 3), ("drop-before", 2)] {
        let scenario = format!("submit nth 3 {fault}").parse().unwrap();
        let emulator = Emulator::builder().key(KEY).scenario(scenario).start();
        let emulator = emulator.await.unwrap();
        let machine = || {
            let settings = settings(emulator.origin(), &ManualClock::default());
            settings.store(MemoryStore::default()).build().unwrap()
        };
        let (one, other) = (machine(), machine());
        for key in ["1", "2"] {
            other.submit(&input()).key(key).await.unwrap();
        }
        let error = one.submit(&input()).await.unwrap_err();
        let SubmitError::Unknown(unknown) = error else {
            panic!("{error}")
        };
        assert_eq!(emulator.tasks().len(), created);
        let HistorySearch::Candidates(candidates) = unknown.search else {
            panic!("{fault}: {:?}", unknown.search)
        };
        assert_eq!(candidates.found.len(), created, "{fault}");
        assert_eq!(one.jobs(JobFilter::All).await.unwrap()[0].id, None);
        // The one that knows its jobs has nothing to decide.
        assert!(
            other
                .jobs(JobFilter::All)
                .await
                .unwrap()
                .iter()
                .all(|job| job.id.is_some())
        );
    }
}

/// Jobs of different API keys or hosts are kept apart by this account.
#[tokio::test]
async fn account_depends_on_the_api_key_and_the_host() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (client, _) = client(emulator.origin());
    assert_eq!(client.account().name.len(), 12);
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
