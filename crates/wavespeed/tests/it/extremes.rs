//! Tests of the largest durations, in the settings and in the answers of a server: they wait for a long
//! time or without end, and never overflow.

use std::time::Duration;

use serde_json::json;
use wavespeed::poll::{
    CostModel, Durations, HazardSchedule, ManualClock, PollContext, Schedule as _,
};
use wavespeed::{
    Builder, Deadline, HeldBack, HistorySearch, JobFilter, MemoryStore, PollPolicy, Reconciled,
    Status, SubmitError, Timeouts,
};
use wavespeed_harness::{ID, MODEL, answer, input, record, serve, settings};
use wiremock::ResponseTemplate;

/// Settings with every duration at its maximum.
fn endless(base_url: &str, clock: &ManualClock) -> Builder {
    let mut timeouts = Timeouts::default();
    (timeouts.connect, timeouts.call) = (Duration::MAX, Duration::MAX);
    (timeouts.submit, timeouts.idle) = (Duration::MAX, Duration::MAX);
    let mut policy = PollPolicy::default();
    (policy.floor, policy.mean_gap) = (Some(Duration::MAX), Some(Duration::MAX));
    settings(base_url, clock)
        .timeouts(timeouts)
        .deadline(Some(Duration::MAX))
        .history_lag(Duration::MAX)
        .poll_policy(policy)
}

fn page(items: &serde_json::Value) -> ResponseTemplate {
    answer(&json!({ "page": 1, "items": items, "has_more": false }))
}

#[tokio::test]
async fn job_runs_with_every_duration_at_its_maximum() {
    let done = record("completed");
    let server = serve([
        answer(&record("created")),
        answer(&record("processing")),
        answer(&done),
    ])
    .await;
    let client = endless(&server.uri(), &ManualClock::default())
        .build()
        .unwrap();
    let job = client.submit(&input()).await.unwrap();
    assert_eq!(*job.wait().await.unwrap().status(), Status::Completed);
}

/// The window of the submit has no end then, and the search goes on until the deadline.
#[tokio::test]
async fn reconciling_with_the_longest_history_lag_adopts_nothing() {
    let now = jiff::Timestamp::now().to_string();
    let mut late = record("created");
    (late["created_at"], late["model"]) = (json!(now), json!(MODEL));
    let empty = page(&json!([]));
    let server = serve([
        ResponseTemplate::new(502),
        empty.clone(),
        empty.clone(),
        page(&json!([late])),
    ])
    .await;
    let clock = ManualClock::default();
    let client = endless(&server.uri(), &clock)
        .store(MemoryStore::default())
        .build()
        .unwrap();
    let error = client.submit(&input()).adopt(false).await.unwrap_err();
    assert!(matches!(error, SubmitError::Unknown(_)), "{error}");
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    let deadline = Deadline::after(hour, &clock);
    let found = client.reconcile(&jobs[0], deadline).await.unwrap();
    // A prediction that shows is not adopted before the time is over.
    let Reconciled::Unresolved(HistorySearch::Candidates(candidates)) = found else {
        panic!("{found:?}")
    };
    assert_eq!(candidates.held_back, HeldBack::TooEarly);
    assert_eq!(candidates.found[0].prediction.id(), ID);
}

/// The pauses between the searches grow, but none lasts beyond the deadline.
#[tokio::test]
async fn reconciling_with_the_longest_settle_time_ends_at_the_deadline() {
    let empty = std::iter::repeat_n(page(&json!([])), 20);
    let server = serve([ResponseTemplate::new(502)].into_iter().chain(empty)).await;
    let clock = ManualClock::default();
    let client = endless(&server.uri(), &clock)
        .store(MemoryStore::default())
        .build()
        .unwrap();
    client.submit(&input()).adopt(false).await.unwrap_err();
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    let minute = Duration::from_secs(60);
    let deadline = Deadline::after(minute, &clock);
    let started = clock.elapsed();
    let found = client.reconcile(&jobs[0], deadline).await.unwrap();
    let is_early = matches!(found, Reconciled::Unresolved(HistorySearch::TooEarly));
    assert!(is_early, "{found:?}");
    assert!(clock.elapsed() - started <= minute);
}

#[tokio::test]
async fn longest_retry_after_of_a_submit_is_an_hour() {
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "18446744073709551615");
    let server = serve([busy, answer(&record("created"))]).await;
    let clock = ManualClock::default();
    let client = settings(&server.uri(), &clock)
        .deadline(None)
        .resends(1)
        .build()
        .unwrap();
    assert_eq!(client.submit(&input()).await.unwrap().id().as_str(), ID);
    assert_eq!(clock.elapsed(), Duration::from_secs(60 * 60));
}

#[test]
fn schedules_and_estimates_accept_the_longest_duration() {
    let durations = Durations::guess(Duration::MAX);
    assert_eq!(durations.quantile(Duration::MAX, 1.0), Duration::MAX);
    let estimate = durations.estimate(Duration::MAX);
    assert_eq!(estimate.elapsed, Duration::MAX);
    for cost_model in [
        CostModel::MeanGap(Duration::MAX),
        CostModel::Delay(Duration::MAX),
    ] {
        let schedule = HazardSchedule::new(&durations, cost_model)
            .with_gap_limits(Duration::MAX, Duration::MAX);
        let gap = schedule.gap(PollContext::new(Duration::MAX, u32::MAX), 1.0);
        assert_eq!(gap, Duration::MAX);
    }
}
