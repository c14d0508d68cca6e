//! Sending again what was rejected: never two tasks for one submit.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use wavespeed::{
    Deadline, JobFilter, MemoryStore, Refusal, Resolution, Stage, Store as _, SubmitError,
    SubmitOptions,
};
use wavespeed_harness::{
    ID, MODEL, answer, input, persistent, record, requests, serve, settings, tcp,
};
use wiremock::ResponseTemplate;

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
    let jobs = client.jobs(JobFilter::All).unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Unknown));
    assert!(jobs[0].at >= before);
    let later = before + Duration::from_secs(300);
    let resent = Resolution::Resent {
        before: jobs[0].at,
        at: later,
    };
    store.settle(jobs[0].number, &resent).unwrap();
    let jobs = client.jobs(JobFilter::All).unwrap();
    assert_eq!((jobs[0].at, jobs[0].stage), (later, Stage::Intended));
}
