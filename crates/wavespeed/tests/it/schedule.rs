//! Tests of when jobs are polled: the durations that the store records, the schedule that follows from
//! them, the rate limit for many jobs, wakes, and estimates. A fake vendor ends each job after a given
//! time of the client's manual clock and logs the polls.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use wavespeed::poll::{ManualClock, PollContext, RateLimits, Update};
use wavespeed::{Deadline, Job, MemoryStore, PollPolicy, Status, Store, Wavespeed};
use wavespeed_harness::{KEY, MODEL, answer, input, raw_input, settings};
use wiremock::{Mock, MockServer, Request};

/// The time and the id of each poll.
type Polls = Arc<Mutex<Vec<(Duration, String)>>>;

/// A vendor on the clock of the client, whose predictions take a given time.
struct FakeVendor {
    clock: ManualClock,
    server: MockServer,
    polls: Polls,
}

impl FakeVendor {
    /// Starts a vendor. The prediction `pred_N` takes N seconds; at its end it has the further fields
    /// `fields`, of which `created_at` is present from the beginning.
    async fn start(fields: Value) -> Self {
        let (clock, polls) = (ManualClock::default(), Polls::default());
        let server = MockServer::start().await;
        let (now, seen) = (clock.clone(), Arc::clone(&polls));
        let respond = move |request: &Request| {
            let path = request.url.path().to_owned();
            let Some(id) = path
                .split('/')
                .rev()
                .nth(1)
                .filter(|id| id.starts_with("pred_"))
            else {
                return answer(&json!({ "id": "pred_30", "status": "created" }));
            };
            let seconds: u64 = id.trim_start_matches("pred_").parse().unwrap();
            let mut record = json!({ "id": id, "status": "processing" });
            record["created_at"] = fields["created_at"].clone();
            if now.elapsed() >= Duration::from_secs(seconds) {
                record["status"] = "completed".into();
                for (key, value) in fields.as_object().unwrap() {
                    record[key] = value.clone();
                }
            }
            seen.lock().unwrap().push((now.elapsed(), id.to_owned()));
            answer(&record)
        };
        let any = wiremock::matchers::any();
        Mock::given(any).respond_with(respond).mount(&server).await;
        Self {
            clock,
            server,
            polls,
        }
    }

    fn client(&self, store: &Arc<MemoryStore>, policy: PollPolicy) -> Wavespeed {
        let settings = settings(&self.server.uri(), &self.clock).poll_policy(policy);
        settings.store(Arc::clone(store)).build().unwrap()
    }

    fn polls(&self) -> Vec<f64> {
        let polls = self.polls.lock().unwrap();
        polls.iter().map(|(at, _)| at.as_secs_f64()).collect()
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The recorded durations of the model, in seconds.
async fn recorded(ws: &Wavespeed, store: &MemoryStore) -> Vec<f64> {
    let durations = store.durations(ws.account(), MODEL).await.unwrap();
    durations
        .iter()
        .map(|job| job.duration.as_secs_f64())
        .collect()
}

#[tokio::test]
async fn recorded_duration_is_the_vendors_within_the_last_two_polls() {
    // The fields of the prediction and the recorded duration. NaN stands for the time of the last
    // pending poll, infinity for the middle between the last two polls, MAX for the last poll.
    for (fields, expected) in [
        (json!({ "timings": { "inference": 29_500 } }), 29.5),
        (json!({ "executionTime": 29_250 }), 29.25),
        (
            json!({ "timings": { "inference": 29_500 }, "executionTime": 1 }),
            29.5,
        ),
        // Less than the last pending poll: the job waited in a queue before.
        (json!({ "timings": { "inference": 4_000 } }), f64::NAN),
        (
            json!({ "timings": { "inference": 0 }, "executionTime": 0 }),
            f64::INFINITY,
        ),
        (json!({}), f64::INFINITY),
        (json!({ "timings": { "inference": 1e300 } }), f64::INFINITY),
        // More than has passed.
        (json!({ "timings": { "inference": 900_000 } }), f64::MAX),
    ] {
        let vendor = FakeVendor::start(fields.clone()).await;
        let store = Arc::new(MemoryStore::default());
        let ws = vendor.client(&store, PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        assert_eq!(*job.wait().await.unwrap().status(), Status::Completed);
        let polls = vendor.polls();
        let [.., running, ended] = polls[..] else {
            panic!("{polls:?}")
        };
        let expected = match expected {
            expected if expected.is_nan() => running,
            f64::INFINITY => f64::midpoint(running, ended),
            f64::MAX => ended,
            expected => expected,
        };
        let [duration] = recorded(&ws, &store).await[..] else {
            panic!("one duration is recorded")
        };
        assert!(
            (duration - expected).abs() < 0.001,
            "{fields} {duration} {polls:?}"
        );
        // Another wait for the same job records nothing.
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(recorded(&ws, &store).await.len(), 1);
    }
}

#[tokio::test]
async fn only_completed_jobs_of_known_age_are_recorded() {
    let failed = json!({ "status": "failed", "timings": { "inference": 29_500 }, "model": MODEL });
    let completed = json!({ "timings": { "inference": 29_500 }, "model": MODEL });
    for (fields, created, expected) in [
        (failed, true, &[][..]),
        (completed.clone(), false, &[]),
        (completed, true, &[29.5]),
    ] {
        let vendor = FakeVendor::start(fields.clone()).await;
        let store = Arc::new(MemoryStore::default());
        vendor.clock.advance(seconds(40.0));
        let ws = vendor.client(&store, PollPolicy::default());
        // The job was submitted by another process, so only `created_at` can give its age.
        let mut fields = fields;
        if created {
            let then = jiff::Timestamp::try_from(SystemTime::now() - seconds(60.0)).unwrap();
            fields["created_at"] = then.to_string().into();
        }
        let other = FakeVendor::start(fields).await;
        other.clock.advance(seconds(40.0));
        let ws = match created {
            true => other.client(&store, PollPolicy::default()),
            false => ws,
        };
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(recorded(&ws, &store).await, expected);
    }
}

#[tokio::test]
async fn age_by_a_wrong_clock_is_not_recorded() {
    let created = jiff::Timestamp::try_from(SystemTime::now() - seconds(600.0)).unwrap();
    for (timings, expected) in [
        (json!({ "inference": 29_500 }), &[29.5][..]),
        (json!({}), &[]),
    ] {
        let created = created.to_string();
        let fields = json!({ "timings": timings, "model": MODEL, "created_at": created });
        let vendor = FakeVendor::start(fields).await;
        let store = Arc::new(MemoryStore::default());
        let ws = vendor.client(&store, PollPolicy::default());
        // The job is polled while pending, although it is 10 minutes old by the vendor's clock.
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(recorded(&ws, &store).await, expected);
    }
}

#[tokio::test]
async fn job_that_may_have_ended_is_polled_at_once() {
    // By the published durations, one job in ten takes less than a minute.
    for (age, first) in [(600.0, 600.0..600.1), (20.0, 21.0..35.0)] {
        let vendor = FakeVendor::start(json!({})).await;
        let ws = vendor.client(&Arc::default(), PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        vendor.clock.advance(seconds(age));
        job.wait().await.unwrap();
        assert!(first.contains(&vendor.polls()[0]), "{:?}", vendor.polls());
    }
}

#[tokio::test]
async fn job_younger_than_its_first_gap_is_not_polled_at_once() {
    let vendor = FakeVendor::start(json!({})).await;
    let mut policy = PollPolicy::default();
    policy.floor = Some(seconds(1_000.0));
    let ws = vendor.client(&Arc::default(), policy);
    let job = ws.submit(&input()).await.unwrap();
    // By the published durations the job has probably ended, but the floor prevails.
    vendor.clock.advance(seconds(600.0));
    job.wait().await.unwrap();
    assert!(vendor.polls()[0] >= 1_000.0, "{:?}", vendor.polls());
}

#[tokio::test]
async fn recorded_durations_determine_when_to_poll() {
    let store = Arc::new(MemoryStore::default());
    let mut polls = Vec::new();
    for _ in 0..12 {
        // Each client stands for another process with the same store.
        let vendor = FakeVendor::start(json!({ "timings": { "inference": 30_000 } })).await;
        let ws = vendor.client(&store, PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        assert!(job.wait().await.is_ok());
        polls.push(vendor.polls());
    }
    let (first, last) = (&polls[0], &polls[11]);
    // With only the published durations, the job may end at any time, so it is polled at the mean gap
    // of the vendor's guide.
    assert!(first.len() >= 6, "{first:?}");
    // With recorded durations of 30 s, the job is polled rarely before that time and often around it.
    assert!(*last.last().unwrap() < 31.0, "{last:?}");
    assert!(last.len() <= 11, "{last:?}");
}

#[tokio::test]
async fn poll_policy_sets_the_floor_and_the_mean_gap() {
    let store = Arc::new(MemoryStore::default());
    let vendor = FakeVendor::start(json!({})).await;
    let gaps = async |policy: PollPolicy| {
        let schedule = vendor.client(&store, policy).schedule(MODEL).await;
        let (mut at, mut gaps) = (0.0, Vec::new());
        while at < 600.0 {
            let gap = schedule
                .gap(PollContext::new(seconds(at), 1), 0.5)
                .as_secs_f64();
            gaps.push(gap);
            at += gap;
        }
        gaps
    };
    let bounds = |gaps: &[f64]| {
        let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let most = gaps.iter().copied().fold(0.0, f64::max);
        (least, most)
    };
    let guide = gaps(PollPolicy::default()).await;
    let (least, most) = bounds(&guide);
    assert!(least >= 1.0 && most <= 15.0, "{least} {most}");
    let mut policy = PollPolicy::default();
    (policy.floor, policy.mean_gap) = (Some(seconds(0.5)), Some(seconds(1.0)));
    let eager = gaps(policy).await;
    let (least, most) = bounds(&eager);
    assert!(least >= 0.5 && most <= 3.0, "{least} {most}");
    assert!(
        eager.len() > 4 * guide.len(),
        "{} {}",
        eager.len(),
        guide.len()
    );
    // A floor above the mean gap prevails, with a jitter.
    (policy.floor, policy.mean_gap) = (Some(seconds(20.0)), None);
    assert_eq!(bounds(&gaps(policy).await), (21.0, 21.0));
}

#[tokio::test]
async fn watch_many_keeps_the_rate_limit_and_notices_each_end() {
    let vendor = FakeVendor::start(json!({})).await;
    let ws = vendor.client(&Arc::default(), PollPolicy::default());
    let jobs: Vec<Job> = (0..300)
        .map(|n| ws.job(format!("pred_{n}")).unwrap())
        .collect();
    let limits = RateLimits::default();
    let watched = ws.watch_many(stream::iter(jobs), Deadline::never(), limits);
    let done: Vec<String> = watched
        .filter_map(async |(id, item)| {
            matches!(item.unwrap(), Update::Done(_)).then(|| id.to_string())
        })
        .collect()
        .await;
    assert_eq!(done.len(), 300);
    let polls = vendor.polls();
    for (at, begin) in polls.iter().enumerate() {
        let within = polls[at..].iter().take_while(|then| **then < begin + 1.0);
        assert!(within.count() <= 108);
    }
    // Each end is noticed at most 15 s late.
    let seen = vendor.polls.lock().unwrap();
    for n in 0..300 {
        let id = format!("pred_{n}");
        let last = seen.iter().rfind(|(_, polled)| *polled == id).unwrap().0;
        assert!(last <= seconds(f64::from(n) + 15.1), "{n} {last:?}");
    }
}

#[tokio::test]
async fn wake_causes_one_poll() {
    let vendor = FakeVendor::start(json!({})).await;
    let mut policy = PollPolicy::default();
    policy.floor = Some(seconds(3_600.0));
    let ws = vendor.client(&Arc::default(), policy);
    let job = ws.job("pred_7").unwrap();
    let mut states = Box::pin(job.follow(Deadline::never()));
    assert!(matches!(states.next().await, Some(Ok(Update::Pending(_)))));
    // A wake of a job that is still pending.
    ws.wake(job.id());
    assert!(matches!(states.next().await, Some(Ok(Update::Pending(_)))));
    vendor.clock.advance(seconds(8.0));
    ws.wake(&"pred_8".parse().unwrap());
    ws.clone().wake(job.id());
    assert!(matches!(states.next().await, Some(Ok(Update::Done(_)))));
    assert_eq!(vendor.polls(), [0.0, 0.0, 8.0]);
}

#[tokio::test]
async fn estimate_follows_from_the_published_durations() {
    let vendor = FakeVendor::start(json!({})).await;
    let store = Arc::new(MemoryStore::default());
    let ws = vendor.client(&store, PollPolicy::default());
    let job = ws.submit(&input()).await.unwrap();
    let record = job.submitted();
    // By the published durations, one job in ten takes less than a minute and one more than 20.
    let first = job.estimate(record.as_ref()).await.unwrap();
    let within = |time: Duration, least: f64, most: f64| {
        assert!((least..most).contains(&time.as_secs_f64()), "{first:?}");
    };
    within(first.elapsed, 0.0, 1.0);
    within(first.soonest, 50.0, 70.0);
    within(first.expected, 240.0, 300.0);
    within(first.latest, 1_100.0, 1_300.0);
    // A job that is late is expected later than before.
    vendor.clock.advance(seconds(600.0));
    let later = job.estimate(None).await.unwrap();
    assert!(later.elapsed >= seconds(600.0), "{later:?}");
    assert!(
        later.soonest > Duration::ZERO && later.soonest < first.soonest,
        "{later:?}"
    );
    assert!(later.expected > seconds(60.0), "{later:?}");
    // No durations are known of this model.
    let other = ws
        .submit(raw_input("some/model", &json!({})))
        .unchecked()
        .await
        .unwrap();
    assert_eq!(other.estimate(record.as_ref()).await, None);
    assert!(!format!("{other:?}").contains(KEY));
}
