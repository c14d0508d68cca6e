//! The waiter for many, on a clock that moves by itself: each poll is answered at once, unless a
//! test says otherwise.

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

/// A fixed gap, and a likelihood that the test gives.
#[derive(Debug)]
struct Likely(Duration, f64);

impl Schedule for Likely {
    fn gap(&self, _: PollContext, _: f64) -> Duration {
        self.0
    }

    fn completion_probability(&self, _: Duration, _: Duration) -> f64 {
        self.1
    }
}

fn entry(key: u32, gap: u64, likely: f64) -> Entry<u32> {
    let mut entry = Entry::new(key, FirstPoll::Now);
    entry.schedule = Some(Arc::new(Likely(seconds(gap), likely)));
    entry
}

/// When each poll was made, in milliseconds, and of which job.
type Polls = Rc<RefCell<Vec<(u128, u32)>>>;

struct Play {
    clock: ManualClock,
    /// Who is woken, and after how many seconds.
    wake: Vec<(u64, u32)>,
    polls: Polls,
}

impl Play {
    fn new() -> Self {
        Self {
            clock: ManualClock::default(),
            wake: Vec::new(),
            polls: Polls::default(),
        }
    }

    /// They come as soon as nothing else is to be done, and move the time.
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

/// The jobs end after so many seconds.
fn after(ends: impl Fn(u32) -> u64) -> impl Fn(u32, Duration) -> Answer {
    move |key, elapsed| {
        Ok(match elapsed >= seconds(ends(key)) {
            true => Reply::Done(key),
            false => Reply::Pending(key),
        })
    }
}

#[tokio::test]
async fn every_job_is_watched_to_its_end_by_its_own_schedule() {
    let play = Play::new();
    let entries = stream::iter([entry(1, 2, 0.0), entry(2, 5, 0.0)]);
    let watched = play.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        after(|key| u64::from(key) * 4),
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
    let times: Vec<u128> = play.polls.borrow().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 0, 2_000, 4_000, 5_000, 10_000]);
}

#[tokio::test]
async fn there_are_never_more_polls_than_the_limit() {
    let play = Play::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 0.0)));
    let limits = RateLimits::default();
    let watched = play.watch(limits, Deadline::never(), entries, after(|_| 60));
    assert_eq!(watched.count().await, play.polls.borrow().len());
    let polls = play.polls.borrow();
    // In no second more than the rate, and what may be on its way at once.
    for (at, (begin, _)) in polls.iter().enumerate() {
        let within = polls[at..]
            .iter()
            .take_while(|(then, _)| *then < begin + 1_000);
        assert!(within.count() <= 108);
    }
    // And none of them is wasted: there is always one that is due.
    let span = polls.last().unwrap().0;
    let made = polls.len() as u128;
    assert!(made * 1_000 >= span * 99, "{made} polls in {span} ms");
}

#[tokio::test]
async fn no_more_are_on_their_way_than_may_be() {
    let clock = ManualClock::default();
    let flying = Rc::new(Cell::new((0, 0)));
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
            let flying = Rc::clone(&flying);
            async move {
                let (now, most): (u32, u32) = flying.get();
                flying.set((now + 1, most.max(now + 1)));
                tokio::task::yield_now().await;
                let (now, most) = flying.get();
                flying.set((now - 1, most));
                Ok::<_, PollError<()>>(Reply::Done(()))
            }
        },
    );
    assert_eq!(watched.count().await, 50);
    assert_eq!(flying.get(), (0, 3));
}

#[tokio::test]
async fn those_most_likely_to_have_ended_come_first_and_nobody_starves() {
    let play = Play::new();
    // Jobs of higher numbers are likelier to have ended; there is a poll a second, for 100 of them.
    let entries = stream::iter((0..100).map(|key| entry(key, 50, f64::from(key) / 100.0)));
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (1, 1.0);
    let end = Deadline::after(seconds(3_000), &play.clock);
    let watched = play.watch(limits, end, entries, after(|_| 10_000));
    assert!(
        watched
            .all(async |(_, item)| item.is_ok() || item == Err(WaitError::Deadline(None)))
            .await
    );
    let order = play.order();
    // The first one is taken as it comes.
    assert_eq!(order[2..6], [98, 97, 96, 95]);
    let times = |wanted: u32| order.iter().filter(|key| **key == wanted).count();
    assert!(times(99) > 20 && times(0) > 2, "{} {}", times(99), times(0));
}

#[tokio::test]
async fn a_job_that_is_woken_is_asked_about_now() {
    let mut play = Play::new();
    // Nobody has heard of the third one.
    play.wake = vec![(5, 2), (7, 3), (7, 2)];
    let entries = stream::iter([entry(1, 3_600, 0.0), entry(2, 3_600, 0.0)]);
    let watched = play.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        after(|_| 7),
    );
    let done: Vec<u32> = watched
        .filter_map(async |(key, item)| matches!(item, Ok(Update::Done(_))).then_some(key))
        .collect()
        .await;
    assert_eq!(done, [2, 1]);
    assert_eq!(
        play.polls.borrow()[..],
        [(0, 1), (0, 2), (5_000, 2), (7_000, 2), (3_600_000, 1)]
    );
}

#[tokio::test]
async fn nothing_is_asked_while_the_other_side_wants_peace() {
    let play = Play::new();
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
    let watched = play.watch(limits, Deadline::never(), entries, busy);
    assert_eq!(watched.count().await, 11);
    let polls = play.polls.borrow();
    assert_eq!(polls[0], (0, 0));
    assert!(polls[1..].iter().all(|(at, _)| *at >= 120_000), "{polls:?}");
}

#[tokio::test]
async fn who_answers_nobody_is_hardly_asked_and_all_go_on_when_that_ends() {
    let play = Play::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 0.0)));
    let down = |key: u32, elapsed: Duration| match elapsed < seconds(600) {
        true => Err(PollError::new("down", OnError::Retry { retry_after: None })),
        false => Ok(Reply::Done(key)),
    };
    let watched = play.watch(RateLimits::default(), Deadline::never(), entries, down);
    let done = watched.filter(|(_, item)| future::ready(matches!(item, Ok(Update::Done(_)))));
    assert_eq!(done.count().await, 1_000);
    let polls = play.polls.borrow();
    let failed = polls.iter().filter(|(at, _)| *at < 600_000).count();
    assert!(failed < 500, "{failed}");
    // The last pause, and a second for each hundred.
    assert!(polls.last().unwrap().0 < 600_000 + 30_000 + 12_000);
}

#[tokio::test]
async fn the_deadline_ends_it_for_all_and_costs_no_polls() {
    let play = Play::new();
    let entries = stream::iter((0..500).map(|key| entry(key, 5, 0.0)));
    let end = Deadline::after(seconds(2), &play.clock);
    let watched = play.watch(RateLimits::default(), end, entries, after(|_| 60));
    let stopped: Vec<_> = watched
        .filter_map(async |(_, item)| item.err())
        .collect()
        .await;
    let polls = play.polls.borrow().len();
    assert!((200..220).contains(&polls), "{polls}");
    // Those that were asked about were running; what the others were, nobody knows.
    let count = |end| stopped.iter().filter(|stopped| **stopped == end).count();
    assert_eq!(count(WaitError::Deadline(None)), polls);
    assert_eq!(count(WaitError::Unanswered), 500 - polls);
}

#[tokio::test]
async fn the_deadline_ends_it_however_long_the_other_side_wants_peace() {
    let play = Play::new();
    let entries = stream::iter((0..20).map(|key| entry(key, 1, 0.0)));
    let end = Deadline::after(seconds(3), &play.clock);
    let busy = |_, _| {
        let retry_after = Some(seconds(600));
        Err(PollError::new("busy", OnError::Retry { retry_after }))
    };
    let watched = play.watch(RateLimits::default(), end, entries, busy);
    let stopped = watched.filter(|(_, item)| future::ready(item.is_err()));
    assert_eq!(stopped.count().await, 20);
    assert_eq!(play.clock.elapsed(), seconds(3));
    assert_eq!(play.polls.borrow().len(), 1);
}

#[tokio::test]
async fn a_job_that_is_woken_comes_before_all_that_are_due() {
    let mut play = Play::new();
    play.wake = vec![(3, 0)];
    // There is a poll a second for 100 jobs, and that one is the least likely to have ended.
    let entries = stream::iter((0..100).map(|key| entry(key, 1, f64::from(key) / 100.0)));
    let mut limits = RateLimits::default();
    (limits.at_once, limits.per_second) = (1, 1.0);
    let watched = play.watch(limits, Deadline::never(), entries, after(|_| 0));
    assert_eq!(watched.count().await, 100);
    let order = play.order();
    let at = order.iter().position(|key| *key == 0).unwrap();
    assert!(at <= 4, "{order:?}");
}

#[tokio::test]
async fn a_few_polls_a_minute_are_no_more_in_the_first() {
    let play = Play::new();
    let entries = stream::iter((0..50).map(|key| entry(key, 1, 0.0)));
    let mut limits = RateLimits::default();
    limits.per_second = 5.0 / 60.0;
    let watched = play.watch(limits, Deadline::never(), entries, after(|_| 0));
    assert_eq!(watched.count().await, 50);
    let first = play.polls.borrow();
    let first = first.iter().filter(|(at, _)| *at < 60_000);
    assert_eq!(first.count(), 5);
}

#[tokio::test]
async fn those_that_are_as_likely_as_others_are_asked_about_in_turn() {
    let play = Play::new();
    let entries = stream::iter((0..1_000).map(|key| entry(key, 1, 1.0)));
    let end = Deadline::after(seconds(100), &play.clock);
    let watched = play.watch(RateLimits::default(), end, entries, after(|_| 10_000));
    watched.count().await;
    let mut last = vec![0; 1_000];
    let mut longest = 0;
    for (at, key) in &*play.polls.borrow() {
        longest = longest.max(at - last[*key as usize]);
        last[*key as usize] = *at;
    }
    // A round takes 10 s.
    assert!(longest < 13_000, "{longest}");
}

#[tokio::test]
async fn jobs_can_be_added_at_any_time() {
    let play = Play::new();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut receiver = receiver;
    let entries = stream::poll_fn(move |context| receiver.poll_recv(context));
    sender.send(entry(1, 1, 0.0)).unwrap();
    let mut watched = pin!(play.watch(
        RateLimits::default(),
        Deadline::never(),
        entries,
        after(|_| 0)
    ));
    assert_eq!(watched.next().await, Some((1, Ok(Update::Done(1)))));
    assert!(futures_util::poll!(watched.next()).is_pending());
    // One that has ended is a new one if it comes again.
    for key in [2, 1] {
        sender.send(entry(key, 1, 0.0)).unwrap();
        assert_eq!(watched.next().await, Some((key, Ok(Update::Done(key)))));
    }
    drop(sender);
    assert_eq!(watched.next().await, None);
}

/// The schedule of a job that had this age when it was first watched.
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

    fn completion_probability(&self, asked: Duration, now: Duration) -> f64 {
        let asked = if asked.is_zero() {
            asked
        } else {
            asked + self.age
        };
        self.schedule.completion_probability(asked, now + self.age)
    }
}

#[tokio::test]
async fn a_learned_schedule_asks_first_about_those_that_tend_to_be_done() {
    let durations = Durations::new(LogNormal {
        median: seconds(60),
        sigma: 0.2,
    });
    let schedule = HazardSchedule::new(&durations, CostModel::MeanGap(seconds(5)));
    let play = Play::new();
    // Their ages are 0 to 79 s; a poll a second.
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
    let watched = play.watch(
        limits,
        Deadline::never(),
        stream::iter(entries),
        after(|_| 0),
    );
    assert_eq!(watched.count().await, 80);
    let order = play.order();
    assert!(order[2..22].iter().all(|key| *key > 50), "{order:?}");
    assert!(order[60..].iter().all(|key| *key < 30), "{order:?}");
}
