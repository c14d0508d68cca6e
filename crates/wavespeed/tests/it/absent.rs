//! Tests of submits that never arrived: when that is proven, who sends them again, and how serialised
//! submits make the proof possible.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Deadline, HistorySearch, Intended, Intent, Job, JobFilter, MemoryStore, RawInput, Resolution,
    Settlement, Stage, Store as _, SubmitError, UnknownOutcome, Wavespeed,
};
use wavespeed_harness::{MODEL, raw_input, settings};
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

const MINUTE: Duration = Duration::from_secs(60);

fn lost() -> ResponseTemplate {
    ResponseTemplate::new(502)
}

/// Returns an item of the history that is being created now.
fn item(id: &str) -> Value {
    let at = jiff::Timestamp::now().to_string();
    json!({ "id": id, "model": MODEL, "status": "processing", "created_at": at })
}

fn unknown(result: Result<Job, SubmitError>) -> UnknownOutcome {
    match result {
        Err(SubmitError::Unknown(unknown)) => *unknown,
        other => panic!("{other:?}"),
    }
}

fn input(text: &str) -> RawInput {
    let video = "https://a.example/1.mp4";
    raw_input(
        MODEL,
        &json!({ "text": text, "video": video, "voice_id": "AOT" }),
    )
}

async fn submit(client: &Wavespeed, text: &str, resend: bool) -> Result<Job, SubmitError> {
    let job = client.submit(input(text));
    if resend {
        job.resend_absent().await
    } else {
        job.await
    }
}

#[tokio::test]
async fn an_absent_submit_is_sent_again_only_if_that_is_asked_for() {
    for resend in [false, true] {
        let vendor = Vendor::start().await;
        let (client, store) = vendor.client();
        vendor.state().next = [lost()].into();
        let result = submit(&client, "Hello", resend).await;
        if resend {
            let job = result.unwrap();
            assert_eq!(
                (job.id().as_str(), job.number().unwrap().get()),
                ("pred_2", 1)
            );
        } else {
            assert_eq!(unknown(result).search, HistorySearch::NotFound);
        }
        assert_eq!(vendor.submits(), 1 + usize::from(resend));
        let jobs = store.jobs(client.account(), JobFilter::All).await.unwrap();
        let stage = if resend {
            Stage::Submitted
        } else {
            Stage::Unknown
        };
        assert_eq!(
            jobs.iter().map(|job| job.stage).collect::<Vec<_>>(),
            [stage]
        );
    }
}

/// The proof needs the submit timeout and the history lag, since the POST may still be on its way.
#[tokio::test]
async fn the_proof_of_an_absence_takes_its_time() {
    let vendor = Vendor::start().await;
    let clock = ManualClock::default();
    let (client, store) = (
        settings(&vendor.url(), &clock),
        Arc::new(MemoryStore::default()),
    );
    let client = client.store(Arc::clone(&store)).build().unwrap();
    for (minutes, sent) in [(2, 1), (4, 2)] {
        vendor.state().submits.clear();
        vendor.state().next = [lost()].into();
        let job = client.submit(input(&minutes.to_string()));
        let deadline = Deadline::after(minutes * MINUTE, &clock);
        let result = job.resend_absent().deadline(deadline).await;
        assert_eq!(vendor.submits(), sent, "{result:?}");
        assert_eq!(result.is_ok(), sent == 2, "{result:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_again_while_the_submit_may_have_arrived() {
    let late = |vendor: &Vendor, items: Vec<Value>, lag| {
        let mut state = vendor.state();
        (state.history, state.lag) = (items, lag);
    };
    // The prediction shows at the fifth look.
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [lost()].into();
    late(&vendor, vec![item("own-1")], 4);
    let job = submit(&client, "Hello", true).await.unwrap();
    assert_eq!((job.id().as_str(), vendor.submits()), ("own-1", 1));

    // One of two candidates may be the job.
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    vendor.state().next = [lost()].into();
    late(&vendor, vec![item("own-1"), item("other-2")], 0);
    let unknown_outcome = unknown(submit(&client, "Hello", true).await);
    assert!(matches!(
        unknown_outcome.search,
        HistorySearch::Candidates(_)
    ));
    assert_eq!(vendor.submits(), 1);

    // The candidates of a person are not those of the program.
    let record = client.jobs(JobFilter::All).await.unwrap().remove(0);
    let ids = ["own-1", "other-2"].map(|id| id.parse().unwrap());
    client
        .resubmit(&record, &ids, Deadline::never())
        .await
        .unwrap();
    assert_eq!(vendor.submits(), 2);
}

/// A machine slept between the intent and the POST: what was lost a moment ago may still show.
#[tokio::test]
async fn a_submit_that_was_sent_late_is_not_absent_at_once() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let (key, hour) = ("1".parse().unwrap(), 60 * MINUTE);
    vendor.state().next = [lost()].into();
    let submit = client.submit(input("Hello")).key("1").adopt(false);
    let number = unknown(submit.await).job.unwrap();
    let record = client
        .jobs(JobFilter::Number(number))
        .await
        .unwrap()
        .remove(0);
    // The record of another machine, which has slept.
    let (client, store) = vendor.client();
    let mut intent = Intent::new(
        &record.account,
        &record.model,
        &record.body,
        &record.identity,
        record.at - hour,
    );
    (intent.key, intent.clock_offset) = (Some(&key), record.clock_offset);
    let Intended::Recorded { job, claim, .. } = store.intend(&intent).await.unwrap() else {
        panic!("no job has the key")
    };
    let now = Settlement::from(Resolution::Unknown).lost_at(record.lost_at.unwrap());
    store.settle(job, &now).await.unwrap();
    drop(claim);
    vendor.state().history = vec![item("own-1")];
    vendor.state().lag = 4;
    let found = client.submit(input("Hello")).key("1").resend_absent().await;
    assert_eq!(found.unwrap().id().as_str(), "own-1");
    assert_eq!(vendor.submits(), 1);
}

/// Two submits are lost. If they were under way at once, it cannot be said which of them a prediction is,
/// or would have been; serialised submits never are.
#[tokio::test]
async fn a_submit_is_absent_only_if_it_is_alone_in_its_window() {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    let lose = async |key: &str| {
        vendor.state().next = [lost()].into();
        let job = client.submit(input(key)).key(key).adopt(false);
        let number = unknown(job.await).job.unwrap();
        client
            .jobs(JobFilter::Number(number))
            .await
            .unwrap()
            .remove(0)
    };
    let resend = async |key: &str| client.submit(input(key)).key(key).resend_absent().await;
    // One after the other: each of them is sent again.
    let (first, second) = (lose("1").await, lose("2").await);
    assert!(first.lost_at.unwrap() < second.at, "{first:?} {second:?}");
    resend("1").await.unwrap();
    resend("2").await.unwrap();
    assert_eq!(vendor.submits(), 4);

    let third = lose("3").await;
    let mut intent = Intent::new(
        &third.account,
        &third.model,
        "{}",
        &second.identity,
        third.at,
    );
    let key = "4".parse().unwrap();
    (intent.key, intent.clock_offset) = (Some(&key), third.clock_offset);
    let Intended::Recorded { job: rival, .. } = store.intend(&intent).await.unwrap() else {
        panic!("no job has the key")
    };
    let at_once = Settlement::from(Resolution::Unknown).lost_at(third.lost_at.unwrap());
    store.settle(rival, &at_once).await.unwrap();
    assert_eq!(unknown(resend("3").await).search, HistorySearch::NotFound);
    assert_eq!(vendor.submits(), 5);
}

#[tokio::test]
async fn a_serialised_submit_waits_for_the_outcome_of_the_one_before() {
    let vendor = Vendor::start().await;
    let (clock, store) = (ManualClock::default(), Arc::new(MemoryStore::default()));
    let client = settings(&vendor.url(), &clock)
        .store(Arc::clone(&store))
        .serialise_submits(true)
        .build()
        .unwrap();
    vendor.state().next = [lost()].into();
    submit(&client, "1", false).await.unwrap_err();
    let record = client.jobs(JobFilter::All).await.unwrap().remove(0);
    // Another process sends the first job again: it is intended, and claimed.
    let claim = store.claim(record.number).await.unwrap();
    let resent = Resolution::Resent {
        before: record.at,
        at: record.at - 60 * MINUTE,
    };
    store.settle(record.number, &resent.into()).await.unwrap();
    let second = || client.submit(input("2"));
    second()
        .deadline(Deadline::after(MINUTE, &clock))
        .await
        .unwrap_err();
    assert_eq!(vendor.submits(), 1);
    // The process ends without an outcome, and after an hour its submit is certainly over.
    drop(claim);
    second().await.unwrap();
    assert_eq!(vendor.submits(), 2);
    let record = client
        .jobs(JobFilter::Number(record.number))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (record.stage, record.lost_at.is_some()),
        (Stage::Unknown, true)
    );
}

/// The next submit finds the one that was lost before it, so that nothing is left to a person.
#[tokio::test]
async fn a_serialised_submit_looks_for_the_one_before() {
    let vendor = Vendor::start().await;
    let client = vendor.settings(MemoryStore::default());
    let client = client.serialise_submits(true).build().unwrap();
    vendor.state().next = [lost()].into();
    let lost = client.submit(input("1")).adopt(false).await;
    let number = unknown(lost).job.unwrap();
    vendor.state().history = vec![item("own-1")];
    client.submit(input("2")).await.unwrap();
    let record = client
        .jobs(JobFilter::Number(number))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(record.id.unwrap().as_str(), "own-1");
    assert_eq!(vendor.submits(), 2);
}
