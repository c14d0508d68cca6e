//! Tests of `Poller::watch_many`, which polls many jobs within common rate limits. The clock advances
//! whenever the poller sleeps, and polls are answered at once unless a test says otherwise.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use futures_util::{StreamExt as _, future};
use wavespeed_poll::{
    CostModel, Deadline, Durations, Entry, FirstPoll, HazardSchedule, LogNormal, ManualClock,
    OnError, PollContext, PollError, Poller, RateLimits, Reply, Schedule, Update, WaitError,
};

type Answer = Result<Reply<u32>, PollError<&'static str>>;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A schedule with a fixed gap and a fixed completion probability.
#[derive(Debug)]
struct FixedSchedule(Duration, f64);

impl Schedule for FixedSchedule {
    fn gap(&self, _: PollContext, _: f64) -> Duration {
        self.0
    }

    fn completion_probability(&self, _: Duration, _: Duration) -> f64 {
        self.1
    }
}

fn entry(key: u32, gap: u64, probability: f64) -> Entry<u32> {
    let mut entry = Entry::new(key, FirstPoll::Now);
    entry.schedule = Some(Arc::new(FixedSchedule(seconds(gap), probability)));
    entry
}

/// The time of each poll in milliseconds, and the key of its job.
type Polls = Rc<RefCell<Vec<(u128, u32)>>>;

/// A clock, the jobs to wake, and a log of all polls.
struct Fixture {
    clock: ManualClock,
    /// The jobs to wake: the time in seconds, and the key.
    wake: Vec<(u64, u32)>,
    polls: Polls,
}

impl Fixture {
    fn new() -> Self {
        Self {
            clock: ManualClock::default(),
            wake: Vec::new(),
            polls: Polls::default(),
        }
    }

    /// Returns the wakes as a stream that is ready as soon as it is polled; taking a wake advances the
    /// clock to its time.
    fn wakes(&self) -> impl Stream<Item = u32> + use<> {
        let clock = self.clock.clone();
        stream::iter(self.wake.clone()).map(move |(after, key)| {
            clock.advance(seconds(after).saturating_sub(clock.elapsed()));
            key
        })
    }

    fn watch(
        &self,
        limits: RateLimits,
        deadline: Deadline,
        entries: impl Stream<Item = Entry<u32>>,
        answer: impl Fn(u32, Duration) -> Answer,
    ) -> impl Stream<
        Item = (
            u32,
            Result<Update<u32, &'static str>, WaitError<&'static str>>,
        ),
    > {
        let poller = Poller::default()
            .with_clock(self.clock.clone())
            .with_random(|| 0.0);
        let (clock, polls) = (self.clock.clone(), Rc::clone(&self.polls));
        poller.watch_many(limits, deadline, entries, self.wakes(), move |key| {
            polls.borrow_mut().push((clock.elapsed().as_millis(), *key));
            future::ready(answer(*key, clock.elapsed()))
        })
    }

    fn order(&self) -> Vec<u32> {
        self.polls.borrow().iter().map(|(_, key)| *key).collect()
    }
}

/// Answers polls of jobs of which each ends after `ends(key)` seconds.
fn ends_after(ends: impl Fn(u32) -> u64) -> impl Fn(u32, Duration) -> Answer {
    move |key, elapsed| {
        Ok(match elapsed >= seconds(ends(key)) {
            true => Reply::Done(key),
            false => Reply::Pending(key),
        })
    }
}

#[tokio::test]
async fn each_job_is_polled_on_its_own_schedule_until_it_ends() {
    let fixture = Fixture::new();
    let entries = stream::iter([entry(1, 2, 0.0), entry(2, 5, 0.0)]);
    let watched = fixture.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        ends_after(|key| u64::from(key) * 4),
    );
    let items: Vec<String> = watched
        .map(|(key, item)| format!("{key} {:?}", item.unwrap()))
        .collect()
        .await;
    assert_eq!(
        items,
        [
            "1 Pending(1)",
            "2 Pending(2)",
            "1 Pending(1)",
            "1 Done(1)",
            "2 Pending(2)",
            "2 Done(2)"
        ]
    );
    let times: Vec<u128> = fixture.polls.borrow().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 0, 2_000, 4_000, 5_000, 10_000]);
}

#[tokio::test]
async fn poll_rate_reaches_the_limit_without_exceeding_it() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 0.0)));
    let limits = RateLimits::default();
    let watched = fixture.watch(limits, Deadline::never(), entries, ends_after(|_| 60));
    assert_eq!(watched.count().await, fixture.polls.borrow().len());
    let polls = fixture.polls.borrow();
    // No second has more polls than the rate plus the number of concurrent polls.
    for (at, (begin, _)) in polls.iter().enumerate() {
        let within = polls[at..]
            .iter()
            .take_while(|(then, _)| *then < begin + 1_000);
        assert!(within.count() <= 108);
    }
    // The rate is used up, since some job is always due.
    let span = polls.last().unwrap().0;
    let made = polls.len() as u128;
    assert!(made * 1_000 >= span * 99, "{made} polls in {span} ms");
}

#[tokio::test]
async fn concurrent_polls_do_not_exceed_the_limit() {
    let clock = ManualClock::default();
    let in_flight = Rc::new(Cell::new((0, 0)));
    let poller = Poller::default().with_clock(clock.clone());
    let entries = stream::iter((0..50).map(|key| entry(key, 1, 0.0)));
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (3, 0.0);
    let watched = poller.watch_many(
        limits,
        Deadline::never(),
        entries,
        stream::empty::<u32>(),
        |_| {
            let in_flight = Rc::clone(&in_flight);
            async move {
                let (now, most): (u32, u32) = in_flight.get();
                in_flight.set((now + 1, most.max(now + 1)));
                tokio::task::yield_now().await;
                let (now, most) = in_flight.get();
                in_flight.set((now - 1, most));
                Ok::<_, PollError<()>>(Reply::Done(()))
            }
        },
    );
    assert_eq!(watched.count().await, 50);
    assert_eq!(in_flight.get(), (0, 3));
}

#[tokio::test]
async fn likeliest_completions_are_polled_first_and_no_job_starves() {
    let fixture = Fixture::new();
    // The higher the key, the likelier the job has ended. The limit is one poll a second for 100 jobs.
    let entries = stream::iter((0..100).map(|key| entry(key, 50, f64::from(key) / 100.0)));
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (1, 1.0);
    let end = Deadline::after(seconds(3_000), &fixture.clock);
    let watched = fixture.watch(limits, end, entries, ends_after(|_| 10_000));
    assert!(
        watched
            .all(async |(_, item)| item.is_ok() || item == Err(WaitError::Deadline(None)))
            .await
    );
    let order = fixture.order();
    // The first job is polled as soon as it is added; after it, probability decides.
    assert_eq!(order[2..6], [98, 97, 96, 95]);
    let times = |wanted: u32| order.iter().filter(|key| **key == wanted).count();
    assert!(times(99) > 20 && times(0) > 2, "{} {}", times(99), times(0));
}

#[tokio::test]
async fn woken_job_is_polled_at_once() {
    let mut fixture = Fixture::new();
    // Key 3 is not being watched.
    fixture.wake = vec![(5, 2), (7, 3), (7, 2)];
    let entries = stream::iter([entry(1, 3_600, 0.0), entry(2, 3_600, 0.0)]);
    let watched = fixture.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        ends_after(|_| 7),
    );
    let done: Vec<u32> = watched
        .filter_map(async |(key, item)| matches!(item, Ok(Update::Done(_))).then_some(key))
        .collect()
        .await;
    assert_eq!(done, [2, 1]);
    assert_eq!(
        fixture.polls.borrow()[..],
        [(0, 1), (0, 2), (5_000, 2), (7_000, 2), (3_600_000, 1)]
    );
}

#[tokio::test]
async fn retry_after_pauses_the_polls_of_all_jobs() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..10).map(|key| entry(key, 1, 0.0)));
    let mut limits = RateLimits::default();
    limits.at_once = 1;
    let busy = |key: u32, elapsed: Duration| match key == 0 && elapsed.is_zero() {
        true => Err(PollError::new(
            "busy",
            OnError::Retry {
                retry_after: Some(seconds(120)),
            },
        )),
        false => Ok(Reply::Done(key)),
    };
    let watched = fixture.watch(limits, Deadline::never(), entries, busy);
    assert_eq!(watched.count().await, 11);
    let polls = fixture.polls.borrow();
    assert_eq!(polls[0], (0, 0));
    assert!(polls[1..].iter().all(|(at, _)| *at >= 120_000), "{polls:?}");
}

#[tokio::test]
async fn polls_back_off_while_all_fail_and_resume_afterwards() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 0.0)));
    let down = |key: u32, elapsed: Duration| match elapsed < seconds(600) {
        true => Err(PollError::new("down", OnError::Retry { retry_after: None })),
        false => Ok(Reply::Done(key)),
    };
    let watched = fixture.watch(RateLimits::default(), Deadline::never(), entries, down);
    let done = watched.filter(|(_, item)| future::ready(matches!(item, Ok(Update::Done(_)))));
    assert_eq!(done.count().await, 1_000);
    let polls = fixture.polls.borrow();
    let failed = polls.iter().filter(|(at, _)| *at < 600_000).count();
    assert!(failed < 500, "{failed}");
    // The longest back-off, and a second for every hundred jobs.
    assert!(polls.last().unwrap().0 < 600_000 + 30_000 + 12_000);
}

#[tokio::test]
async fn deadline_ends_all_jobs_without_extra_polls() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..500).map(|key| entry(key, 5, 0.0)));
    let end = Deadline::after(seconds(2), &fixture.clock);
    let watched = fixture.watch(RateLimits::default(), end, entries, ends_after(|_| 60));
    let stopped: Vec<_> = watched
        .filter_map(async |(_, item)| item.err())
        .collect()
        .await;
    let polls = fixture.polls.borrow().len();
    assert!((200..220).contains(&polls), "{polls}");
    // Jobs that were polled were pending; the state of the others is unknown.
    let count = |end| stopped.iter().filter(|stopped| **stopped == end).count();
    assert_eq!(count(WaitError::Deadline(None)), polls);
    assert_eq!(count(WaitError::Unanswered), 500 - polls);
}

#[tokio::test]
async fn deadline_ends_all_jobs_during_a_longer_retry_after() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..20).map(|key| entry(key, 1, 0.0)));
    let end = Deadline::after(seconds(3), &fixture.clock);
    let busy = |_, _| {
        let retry_after = Some(seconds(600));
        Err(PollError::new("busy", OnError::Retry { retry_after }))
    };
    let watched = fixture.watch(RateLimits::default(), end, entries, busy);
    let stopped = watched.filter(|(_, item)| future::ready(item.is_err()));
    assert_eq!(stopped.count().await, 20);
    assert_eq!(fixture.clock.elapsed(), seconds(3));
    assert_eq!(fixture.polls.borrow().len(), 1);
}

#[tokio::test]
async fn woken_job_is_polled_before_all_due_jobs() {
    let mut fixture = Fixture::new();
    fixture.wake = vec![(3, 0)];
    // The limit is one poll a second for 100 jobs, and job 0 is the least likely to have ended.
    let entries = stream::iter((0..100).map(|key| entry(key, 1, f64::from(key) / 100.0)));
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (1, 1.0);
    let watched = fixture.watch(limits, Deadline::never(), entries, ends_after(|_| 0));
    assert_eq!(watched.count().await, 100);
    let order = fixture.order();
    let at = order.iter().position(|key| *key == 0).unwrap();
    assert!(at <= 4, "{order:?}");
}

#[tokio::test]
async fn rate_below_one_poll_a_second_holds_in_the_first_minute() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..50).map(|key| entry(key, 1, 0.0)));
    let mut limits = RateLimits::default();
    limits.per_second = 5.0 / 60.0;
    let watched = fixture.watch(limits, Deadline::never(), entries, ends_after(|_| 0));
    assert_eq!(watched.count().await, 50);
    let polls = fixture.polls.borrow();
    let first = polls.iter().filter(|(at, _)| *at < 60_000);
    assert_eq!(first.count(), 5);
}

#[tokio::test]
async fn equally_likely_jobs_are_polled_in_turn() {
    let fixture = Fixture::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 1.0)));
    let end = Deadline::after(seconds(100), &fixture.clock);
    let watched = fixture.watch(RateLimits::default(), end, entries, ends_after(|_| 10_000));
    watched.count().await;
    let mut last = vec![0; 1_000];
    let mut longest = 0;
    for (at, key) in &*fixture.polls.borrow() {
        longest = longest.max(at - last[*key as usize]);
        last[*key as usize] = *at;
    }
    // One round over all jobs takes 10 s.
    assert!(longest < 13_000, "{longest}");
}

#[tokio::test]
async fn jobs_can_be_added_during_the_watch() {
    let fixture = Fixture::new();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut receiver = receiver;
    let entries = stream::poll_fn(move |context| receiver.poll_recv(context));
    sender.send(entry(1, 1, 0.0)).unwrap();
    let mut watched = pin!(fixture.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        ends_after(|_| 0)
    ));
    assert_eq!(watched.next().await, Some((1, Ok(Update::Done(1)))));
    assert!(futures_util::poll!(watched.next()).is_pending());
    // The key of a job that has ended can be added again as a new job.
    for key in [2, 1] {
        sender.send(entry(key, 1, 0.0)).unwrap();
        assert_eq!(watched.next().await, Some((key, Ok(Update::Done(key)))));
    }
    drop(sender);
    assert_eq!(watched.next().await, None);
}

/// The schedule of a job that already had an age when it was first watched.
#[derive(Debug)]
struct Aged {
    schedule: HazardSchedule,
    age: Duration,
}

impl Schedule for Aged {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let now = PollContext::new(now.elapsed + self.age, now.polls);
        self.schedule.gap(now, random)
    }

    fn completion_probability(&self, polled: Duration, now: Duration) -> f64 {
        let polled = if polled.is_zero() {
            polled
        } else {
            polled + self.age
        };
        self.schedule.completion_probability(polled, now + self.age)
    }
}

#[tokio::test]
async fn hazard_schedule_polls_the_oldest_jobs_first() {
    let durations = Durations::new(LogNormal {
        median: seconds(60),
        sigma: 0.2,
    });
    let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(seconds(5)));
    let fixture = Fixture::new();
    // The ages are 0 to 79 s, and the limit is one poll a second.
    let entries = (0..80).map(|key| {
        let mut entry = Entry::new(key, FirstPoll::Now);
        entry.schedule = Some(Arc::new(Aged {
            schedule: schedule.clone(),
            age: seconds(u64::from(key)),
        }));
        entry
    });
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (1, 1.0);
    let watched = fixture.watch(
        limits,
        Deadline::never(),
        stream::iter(entries),
        ends_after(|_| 0),
    );
    assert_eq!(watched.count().await, 80);
    let order = fixture.order();
    assert!(order[2..22].iter().all(|key| *key > 50), "{order:?}");
    assert!(order[60..].iter().all(|key| *key < 30), "{order:?}");
}
