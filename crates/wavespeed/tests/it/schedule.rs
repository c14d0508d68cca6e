//! When the vendor is asked about tasks: by how long others of the model took, as far as the store
//! has seen it, and within one limit for all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use wavespeed::poll::{ManualClock, PollContext, RateLimits, Update};
use wavespeed::{Deadline, Job, MemoryStore, PollPolicy, Status, Store, Wavespeed};
use wavespeed_harness::{KEY, MODEL, answer, input, settings};
use wiremock::{Mock, MockServer, Request};

type Polls = Arc<Mutex<Vec<(Duration, String)>>>;

/// A vendor whose tasks are as long as a test says, by the clock of the client.
struct Vendor {
    clock: ManualClock,
    server: MockServer,
    /// The path of each request, and when it came.
    polls: Polls,
}

impl Vendor {
    /// A task of id `…N` is N seconds long, and `fields` are what its record has more; `created_at`
    /// from the beginning.
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

    fn client(&self, store: &Arc<MemoryStore>, pace: PollPolicy) -> Wavespeed {
        let settings = settings(&self.server.uri(), &self.clock).poll_policy(pace);
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

fn known(ws: &Wavespeed, store: &MemoryStore) -> Vec<f64> {
    let took = store.durations(ws.account(), MODEL).unwrap();
    took.iter()
        .map(|took| took.duration.as_secs_f64())
        .collect()
}

#[tokio::test]
async fn how_long_a_task_took_is_what_the_vendor_measured_within_what_was_seen() {
    // What the record says, and what is learned of a task that was polled at 29 s
    // for the last time before its end at 30 s.
    for (fields, expected) in [
        (json!({ "timings": { "inference": 29_500 } }), 29.5),
        (json!({ "executionTime": 29_250 }), 29.25),
        (
            json!({ "timings": { "inference": 29_500 }, "executionTime": 1 }),
            29.5,
        ),
        // It stood in a queue.
        (json!({ "timings": { "inference": 4_000 } }), f64::NAN),
        (
            json!({ "timings": { "inference": 0 }, "executionTime": 0 }),
            f64::INFINITY,
        ),
        (json!({}), f64::INFINITY),
        (json!({ "timings": { "inference": 1e300 } }), f64::INFINITY),
        // Nobody measures the future.
        (json!({ "timings": { "inference": 900_000 } }), f64::MAX),
    ] {
        let vendor = Vendor::start(fields.clone()).await;
        let store = Arc::new(MemoryStore::default());
        let ws = vendor.client(&store, PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        assert_eq!(job.wait().await.unwrap().status, Status::Completed);
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
        let [took] = known(&ws, &store)[..] else {
            panic!("one")
        };
        assert!((took - expected).abs() < 0.001, "{fields} {took} {polls:?}");
        // Seeing it again is no news.
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(known(&ws, &store).len(), 1);
    }
}

#[tokio::test]
async fn only_completed_tasks_and_known_ages_are_learned_from() {
    let failed = json!({ "status": "failed", "timings": { "inference": 29_500 }, "model": MODEL });
    let completed = json!({ "timings": { "inference": 29_500 }, "model": MODEL });
    for (fields, created, expected) in [
        (failed, true, &[][..]),
        (completed.clone(), false, &[]),
        (completed, true, &[29.5]),
    ] {
        let vendor = Vendor::start(fields.clone()).await;
        let store = Arc::new(MemoryStore::default());
        vendor.clock.advance(seconds(40.0));
        let ws = vendor.client(&store, PollPolicy::default());
        // Another process has submitted it; when, only the record can say.
        let mut fields = fields;
        if created {
            let then = jiff::Timestamp::try_from(SystemTime::now() - seconds(60.0)).unwrap();
            fields["created_at"] = then.to_string().into();
        }
        let other = Vendor::start(fields).await;
        other.clock.advance(seconds(40.0));
        let ws = match created {
            true => other.client(&store, PollPolicy::default()),
            false => ws,
        };
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(known(&ws, &store), expected);
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_not_learned_from() {
    let created = jiff::Timestamp::try_from(SystemTime::now() - seconds(600.0)).unwrap();
    for (timings, expected) in [
        (json!({ "inference": 29_500 }), &[29.5][..]),
        (json!({}), &[]),
    ] {
        let created = created.to_string();
        let fields = json!({ "timings": timings, "model": MODEL, "created_at": created });
        let vendor = Vendor::start(fields).await;
        let store = Arc::new(MemoryStore::default());
        let ws = vendor.client(&store, PollPolicy::default());
        // It is seen to run, and by the vendor's clock it is 10 minutes old.
        ws.job("pred_30").unwrap().wait().await.unwrap();
        assert_eq!(known(&ws, &store), expected);
    }
}

#[tokio::test]
async fn a_task_that_may_have_ended_is_asked_about_at_once() {
    // One of ten takes less than a minute.
    for (age, first) in [(600.0, 600.0..600.1), (20.0, 21.0..35.0)] {
        let vendor = Vendor::start(json!({})).await;
        let ws = vendor.client(&Arc::default(), PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        vendor.clock.advance(seconds(age));
        job.wait().await.unwrap();
        assert!(first.contains(&vendor.polls()[0]), "{:?}", vendor.polls());
    }
}

#[tokio::test]
async fn what_was_seen_says_when_to_ask() {
    let store = Arc::new(MemoryStore::default());
    let mut polls = Vec::new();
    for _ in 0..12 {
        // Each is another process, that knows what those before it have seen.
        let vendor = Vendor::start(json!({ "timings": { "inference": 30_000 } })).await;
        let ws = vendor.client(&store, PollPolicy::default());
        let job = ws.submit(&input()).await.unwrap();
        assert!(job.wait().await.is_ok());
        polls.push(vendor.polls());
    }
    let (first, last) = (&polls[0], &polls[11]);
    // Nothing is known but what is published, so it may be over at any time; but its mean gap is
    // that of the vendor's guide, or as long as it runs.
    assert!(first.len() >= 6, "{first:?}");
    // It is known to take 30 s: the first minute of nothing is slept through, and then it is asked
    // about closely.
    assert!(*last.last().unwrap() < 31.0, "{last:?}");
    assert!(last.len() <= 11, "{last:?}");
}

#[tokio::test]
async fn the_pace_is_a_setting() {
    let store = Arc::new(MemoryStore::default());
    let vendor = Vendor::start(json!({})).await;
    let gaps = |pace: PollPolicy| {
        let schedule = vendor.client(&store, pace).schedule(MODEL);
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
    let guide = gaps(PollPolicy::default());
    let (least, most) = bounds(&guide);
    assert!(least >= 1.0 && most <= 15.0, "{least} {most}");
    let mut pace = PollPolicy::default();
    (pace.floor, pace.mean_gap) = (Some(seconds(0.5)), Some(seconds(1.0)));
    let eager = gaps(pace);
    let (least, most) = bounds(&eager);
    assert!(least >= 0.5 && most <= 3.0, "{least} {most}");
    assert!(
        eager.len() > 4 * guide.len(),
        "{} {}",
        eager.len(),
        guide.len()
    );
    // A floor above the mean goes before it, a little longer for some than for others.
    (pace.floor, pace.mean_gap) = (Some(seconds(20.0)), None);
    assert_eq!(bounds(&gaps(pace)), (21.0, 21.0));
}

#[tokio::test]
async fn many_are_waited_for_by_one() {
    let vendor = Vendor::start(json!({})).await;
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
    // None was found long after its end.
    let seen = vendor.polls.lock().unwrap();
    for n in 0..300 {
        let id = format!("pred_{n}");
        let last = seen.iter().rfind(|(_, polled)| *polled == id).unwrap().0;
        assert!(last <= seconds(f64::from(n) + 15.1), "{n} {last:?}");
    }
}

#[tokio::test]
async fn a_wake_is_a_poll_and_no_more() {
    let vendor = Vendor::start(json!({})).await;
    let mut pace = PollPolicy::default();
    pace.floor = Some(seconds(3_600.0));
    let ws = vendor.client(&Arc::default(), pace);
    let job = ws.job("pred_7").unwrap();
    let mut states = Box::pin(job.follow(Deadline::never()));
    assert!(matches!(states.next().await, Some(Ok(Update::Pending(_)))));
    // It says that it has ended, and has not.
    ws.wake(job.id());
    assert!(matches!(states.next().await, Some(Ok(Update::Pending(_)))));
    vendor.clock.advance(seconds(8.0));
    ws.wake(&"pred_8".parse().unwrap());
    ws.clone().wake(job.id());
    assert!(matches!(states.next().await, Some(Ok(Update::Done(_)))));
    assert_eq!(vendor.polls(), [0.0, 0.0, 8.0]);
}

#[tokio::test]
async fn how_long_it_will_take_is_told_as_far_as_it_is_known() {
    let vendor = Vendor::start(json!({})).await;
    let store = Arc::new(MemoryStore::default());
    let ws = vendor.client(&store, PollPolicy::default());
    let job = ws.submit(&input()).await.unwrap();
    let record = job.submitted();
    // What is published: of ten, one takes less than a minute, and one more than 20.
    let first = job.estimate(record.as_ref()).unwrap();
    let within = |time: Duration, least: f64, most: f64| {
        assert!((least..most).contains(&time.as_secs_f64()), "{first:?}");
    };
    within(first.elapsed, 0.0, 1.0);
    within(first.soonest, 50.0, 70.0);
    within(first.expected, 240.0, 300.0);
    within(first.latest, 1_100.0, 1_300.0);
    // What has not ended when it was expected to is expected later.
    vendor.clock.advance(seconds(600.0));
    let later = job.estimate(None).unwrap();
    assert!(later.elapsed >= seconds(600.0), "{later:?}");
    assert!(
        later.soonest > Duration::ZERO && later.soonest < first.soonest,
        "{later:?}"
    );
    assert!(later.expected > seconds(60.0), "{later:?}");
    // Nothing is known of this one.
    let other = ws.submit_unchecked("some/model", &json!({})).await.unwrap();
    assert_eq!(other.estimate(record.as_ref()), None);
    assert!(!format!("{other:?}").contains(KEY));
}
