//! Tests of submit retries: a submit is retried after HTTP 429 or a failed connection, within its budget
//! and deadline, and never after another rejection or an unknown outcome. A server plays the answers,
//! and the back-off is measured on the manual clock.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tokio::sync::Notify;
use wavespeed::poll::{Clock, ManualClock, Sleep};
use wavespeed::{
    Deadline, JobFilter, MemoryStore, Poller, Refusal, Resolution, Settlement, Stage, Store as _,
    StoreErrorKind, SubmitError,
};
use wavespeed_harness::{
    ID, answer, input, record, requests, retrying_client, serve, settings, tcp,
};
use wiremock::ResponseTemplate;

fn busy() -> ResponseTemplate {
    ResponseTemplate::new(429).set_body_json(json!({"code": 429, "message": "too many"}))
}

#[tokio::test]
async fn submit_is_retried_after_429_with_back_off_or_retry_after() {
    let patient = busy().insert_header("retry-after", "40");
    let server = serve([busy(), patient, busy(), answer(&record("created"))]).await;
    let (client, clock) = retrying_client(&server.uri(), 5);
    assert_eq!(client.submit(&input()).await.unwrap().id().as_str(), ID);
    assert_eq!(requests(&server).await.len(), 4);
    // Without jitter the back-off is half of 1 s and of 4 s, with the Retry-After in between.
    assert_eq!(clock.elapsed(), Duration::from_millis(500 + 40_000 + 2_000));
}

#[tokio::test]
async fn retries_end_at_the_budget_and_the_deadline() {
    let server = serve(std::iter::repeat_n(busy(), 10)).await;
    let (client, _) = retrying_client(&server.uri(), 3);
    let error = client.submit(&input()).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Rejected(rejected) if rejected.refusal == Refusal::Busy));
    assert_eq!(requests(&server).await.len(), 4);

    let server = serve([busy().insert_header("retry-after", "60"), busy()]).await;
    let (client, clock) = retrying_client(&server.uri(), 5);
    let deadline = Deadline::after(Duration::from_secs(30), &clock);
    let submit = client.submit(&input()).deadline(deadline);
    let error = submit.await.unwrap_err();
    assert!(matches!(error, SubmitError::Rejected(_)), "{error}");
    assert_eq!(
        (requests(&server).await.len(), clock.elapsed()),
        (1, Duration::ZERO)
    );
}

/// A clock whose sleeps last an hour longer, as if the machine was suspended.
#[derive(Clone, Debug, Default)]
struct SuspendedClock(ManualClock);

impl Clock for SuspendedClock {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        self.0.sleep_until(until + Duration::from_secs(60 * 60))
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        self.0.timeout_at(limit)
    }
}

#[tokio::test]
async fn rejection_is_returned_if_the_deadline_expires_during_the_back_off() {
    let server = serve([busy(), answer(&record("created"))]).await;
    let clock = SuspendedClock::default();
    let settings = settings(&server.uri(), &clock.0).resends(5);
    let client = settings
        .poller(Poller::default().with_clock(clock.clone()))
        .store(MemoryStore::default())
        .build()
        .unwrap();
    let deadline = Deadline::after(Duration::from_secs(30), &clock);
    let submit = client.submit(&input()).deadline(deadline);
    let error = submit.await.unwrap_err();
    assert!(
        matches!(&error, SubmitError::Rejected(rejected) if rejected.refusal == Refusal::Busy),
        "{error}"
    );
    assert!(clock.0.elapsed() > Duration::from_secs(60 * 60));
    assert_eq!(requests(&server).await.len(), 1);
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Rejected));
}

#[tokio::test]
async fn submit_that_could_not_be_sent_is_retried() {
    let (closed_port, _reserved) = tcp::closed_port();
    let (client, clock) = retrying_client(&closed_port, 2);
    let error = client.submit(&input()).await.unwrap_err();
    assert!(
        matches!(&error, SubmitError::Rejected(rejected) if rejected.refusal == Refusal::NotSent),
        "{error}"
    );
    assert_eq!(clock.elapsed(), Duration::from_millis(500 + 1_000));
}

/// An unknown outcome never leads to a second POST, whatever the budget.
#[tokio::test]
async fn unknown_outcomes_and_final_rejections_are_not_retried() {
    for status in [200, 202, 204, 303, 408, 409, 425, 499, 500, 502, 503, 504] {
        let error = error_of_the_only_post(status).await;
        assert!(
            matches!(error, SubmitError::Unknown(_)),
            "{status}: {error}"
        );
    }
    for status in [307, 400, 401, 402, 403, 404, 413, 422] {
        let error = error_of_the_only_post(status).await;
        assert!(
            matches!(error, SubmitError::Rejected(_)),
            "{status}: {error}"
        );
    }
}

/// The error of a submit that is answered with this status. A second POST would be accepted.
async fn error_of_the_only_post(status: u16) -> SubmitError {
    let server = serve([ResponseTemplate::new(status), answer(&record("created"))]).await;
    let (client, _) = retrying_client(&server.uri(), 100);
    let error = client.submit(&input()).await.unwrap_err();
    assert_eq!(requests(&server).await.len(), 1, "{status}");
    error
}

/// If the outcome of a retry is unknown, reconciling looks from the time of that retry on.
#[tokio::test]
async fn retry_updates_the_time_of_the_intent() {
    let server = serve([busy(), ResponseTemplate::new(502)]).await;
    let clock = wavespeed::poll::ManualClock::default();
    let store = Arc::new(MemoryStore::default());
    let settings = settings(&server.uri(), &clock).resends(1);
    let client = settings.store(Arc::clone(&store)).build().unwrap();
    let before = SystemTime::now();
    client.submit(&input()).await.unwrap_err();
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Unknown));
    assert!(jobs[0].at >= before);
    let later = before + Duration::from_secs(300);
    let resent = Resolution::Resent {
        before: jobs[0].at,
        at: later,
    };
    let resent = Settlement::from(resent);
    store.settle(jobs[0].number, &resent).await.unwrap();
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs[0].at, jobs[0].stage), (later, Stage::Intended));
}

/// A clock whose sleeps never end. It reports each one that begins.
#[derive(Clone, Debug, Default)]
struct EndlessSleep(Arc<Notify>);

impl Clock for EndlessSleep {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _: Instant) -> Sleep {
        self.0.notify_one();
        Box::pin(std::future::pending())
    }

    fn timeout_at(&self, _: Instant) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// A caller who cancels the back-off must not be left with a job that may have been billed.
#[tokio::test]
async fn job_is_rejected_when_its_back_off_is_cancelled() {
    let server = serve([busy(), answer(&record("created"))]).await;
    let clock = EndlessSleep::default();
    let store = Arc::new(MemoryStore::default());
    let client = settings(&server.uri(), &ManualClock::default())
        .poller(Poller::default().with_clock(clock.clone()))
        .resends(5)
        .store(Arc::clone(&store))
        .build()
        .unwrap();
    let mut submit = client.submit(&input()).into_future();
    tokio::select! {
        result = &mut submit => panic!("the back-off never ends: {result:?}"),
        () = clock.0.notified() => {}
    }
    // Nothing is in flight during the back-off, and the record says that nothing is billed. The claim
    // says that the job is about to be sent.
    assert!(client.flush(Deadline::never()).await);
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Rejected));
    let claim = store.claim(jobs[0].number).await.unwrap_err();
    assert_eq!(claim.kind(), StoreErrorKind::Claimed);
    drop(submit);
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].stage), (1, Stage::Rejected));
    assert!(store.claim(jobs[0].number).await.is_ok());
    assert_eq!(requests(&server).await.len(), 1);
}
