//! Tests of dropped futures: each test polls a future 1, 2, 3, … times, drops it, and checks that the
//! job can be resumed, until the future completes by itself. A dropped submit leaves nothing or a job whose
//! id is in the store; a dropped wait or download leaves nothing behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wavespeed::poll::{Geometric, Poller};
use wavespeed::{
    Deadline, Job, JobFilter, JobRecord, Prediction, Stage, Status, Store as _, StoreFuture,
    Target, Wavespeed,
};
use wavespeed_emulator::Emulator;
use wavespeed_harness::store::{Hook, HookedStore};
use wavespeed_harness::{CLIP, KEY, MODEL, raw_input};

/// Limit on polls: more than any future here needs to complete.
const MAX_POLLS: usize = 1000;

/// Calls are carried out at once, and their futures complete only when polled again, so that they can be
/// dropped in between.
#[derive(Clone, Debug, Default)]
struct Slow;

impl Hook for Slow {
    fn reply<T: Send + 'static>(&self, _: &str, reply: StoreFuture<T>) -> StoreFuture<T> {
        Box::pin(async {
            tokio::task::yield_now().await;
            reply.await
        })
    }
}

/// A client and its emulator on one thread, so that the order of polls is the same in every run.
struct Fixture {
    runtime: Runtime,
    emulator: Emulator,
    client: Wavespeed,
    store: HookedStore<Slow>,
}

impl Fixture {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let emulator = Emulator::builder()
            .key(KEY)
            .task_time(Duration::from_millis(15));
        let emulator = runtime.block_on(emulator.start()).unwrap();
        let poller =
            Poller::default().with_schedule(Geometric::from_floor(Duration::from_millis(5)));
        let store = HookedStore::<Slow>::default();
        let client = Wavespeed::builder()
            .key(KEY)
            .base_url(emulator.origin())
            .check_urls(false)
            .poller(poller)
            .store(store.clone())
            .history_lag(Duration::from_millis(100))
            .build()
            .unwrap();
        Self {
            runtime,
            emulator,
            client,
            store,
        }
    }

    async fn submit(&self) -> Job {
        let input = json!({
            "video": "https://example.com/clip.mp4",
            "text": "Hello",
            "voice_id": "genshin_klee2",
        });
        // The key and the price are looked up before the submit.
        let submit = self.client.submit(raw_input(MODEL, &input));
        submit.key("clip 3").max_price(100.0).await.unwrap()
    }

    fn posts(&self) -> usize {
        let requests = self.emulator.requests();
        let posts = requests
            .iter()
            .filter(|request| request.path.ends_with(MODEL));
        posts.count()
    }

    fn jobs(&self) -> Vec<JobRecord> {
        // The store in memory never has to be waited for.
        let jobs = self
            .store
            .memory
            .jobs(self.client.account(), JobFilter::All);
        let jobs = jobs.now_or_never();
        jobs.unwrap().unwrap()
    }
}

/// Polls a future up to `polls` times and then drops it. Returns its output if it completed.
async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // After the last poll, drop the future at once instead of when it is woken.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Calls `is_done` with 1, 2, 3, … polls, until it returns `true`.
fn at_every_await(mut is_done: impl FnMut(usize) -> bool) {
    let polls = (1..MAX_POLLS).find(|polls| is_done(*polls));
    assert!(
        polls.expect("the future completes") > 2,
        "the future must have several awaits"
    );
}

#[test]
fn dropped_submit_leaves_the_id_in_the_store() {
    at_every_await(|polls| {
        let fixture = Fixture::new();
        let done = fixture.runtime.block_on(async {
            let done = drop_after(polls, fixture.submit()).await.is_some();
            assert!(fixture.client.flush(Deadline::never()).await);
            match &fixture.jobs()[..] {
                [] => assert!(!done),
                [job] => {
                    assert_eq!(job.stage, Stage::Submitted, "after {polls} polls");
                    let job = fixture.client.job(job.id.as_ref().unwrap()).unwrap();
                    assert_eq!(*job.wait().await.unwrap().status(), Status::Completed);
                }
                jobs => panic!("{jobs:?}"),
            }
            done
        });
        // A submit that was dropped before its intent sends nothing.
        assert_eq!(fixture.posts(), fixture.jobs().len(), "after {polls} polls");
        assert_eq!(
            fixture.emulator.billed() as usize,
            fixture.posts(),
            "after {polls} polls"
        );
        done
    });
}

#[test]
fn dropped_wait_can_be_repeated() {
    at_every_await(|polls| {
        let fixture = Fixture::new();
        fixture.runtime.block_on(async {
            let job = fixture.submit().await;
            let done = drop_after(polls, job.wait()).await.is_some();
            assert_eq!(*job.wait().await.unwrap().status(), Status::Completed);
            assert_eq!(fixture.jobs()[0].stage, Stage::Ended);
            done
        })
    });
}

#[test]
fn dropped_download_can_be_repeated() {
    at_every_await(|polls| {
        let fixture = Fixture::new();
        let folder = TempDir::new().unwrap();
        let target = Target::new(folder.path().join("out.mp4"));
        let done = fixture.runtime.block_on(async {
            let record: Prediction = fixture.submit().await.wait().await.unwrap();
            let download = || fixture.client.download(&record, &target);
            let done = drop_after(polls, download()).await.is_some();
            let again = download().await.unwrap();
            assert_eq!(again[0].bytes, CLIP.len() as u64);
            assert_eq!(fixture.jobs()[0].stage, Stage::Saved);
            done
        });
        assert_eq!(std::fs::read(target.as_path()).unwrap(), CLIP);
        // Dropping the runtime waits for its blocking tasks.
        drop(fixture);
        let left = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(left.count(), 1, "after {polls} polls");
        done
    });
}
