//! A future that is dropped at any await leaves nothing that cannot be gone on with: a submit at
//! worst an intent that the vendor's history explains, a wait and a download nothing at all.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wavespeed::poll::{Geometric, Poller};
use wavespeed::{
    Deadline, Job, JobFilter, JobRecord, MemoryStore, Prediction, Reconciled, Stage, Status,
    Target, Wavespeed,
};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{CLIP, KEY, MODEL};

/// More awaits than any future here has.
const MANY: usize = 1000;

/// A client and its emulator in one thread, so that polls come in the same order every time.
struct Place {
    runtime: Runtime,
    emulator: Emulator,
    client: Wavespeed,
}

impl Place {
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
        let client = Wavespeed::builder()
            .key(KEY)
            .base_url(emulator.origin())
            .poller(poller)
            .store(MemoryStore::default())
            .settle_time(Duration::from_millis(100))
            .build()
            .unwrap();
        Self {
            runtime,
            emulator,
            client,
        }
    }

    async fn submit(&self) -> Job {
        let input = json!({
            "video": "https://example.com/clip.mp4",
            "text": "Hello",
            "voice_id": "genshin_klee2",
        });
        self.client.submit_raw(MODEL, &input).await.unwrap()
    }

    fn posts(&self) -> usize {
        let requests = self.emulator.requests();
        let posts = requests
            .iter()
            .filter(|request| request.path.ends_with(MODEL));
        posts.count()
    }

    fn jobs(&self) -> Vec<JobRecord> {
        self.client.jobs(JobFilter::All).unwrap()
    }
}

/// Polls a future so often and drops it; what it yields, if that was enough.
async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // After the last one it is dropped at once, not when it would be polled again.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Does it after 1, 2, 3 … polls, until a future is done by then.
fn at_every_await(mut done: impl FnMut(usize) -> bool) {
    let polls = (1..MANY).find(|polls| done(*polls));
    assert!(polls.expect("it comes to an end") > 2, "it has awaits");
}

/// What a dropped submit has left, found out from the store and the vendor.
async fn explain(place: &Place, job: &JobRecord) {
    assert!(job.is_open(), "{job:?}");
    let found = place.client.reconcile(job, Deadline::never()).await;
    match found.unwrap() {
        Reconciled::Adopted(found) => {
            assert_eq!(place.emulator.billed(), 1);
            assert_eq!(found.wait().await.unwrap().status, Status::Completed);
        }
        Reconciled::Nothing => {
            assert_eq!(job.stage, Stage::Intended);
            assert_eq!(place.emulator.billed(), 0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dropped_submit_can_be_explained() {
    at_every_await(|polls| {
        let place = Place::new();
        let done = place.runtime.block_on(async {
            let done = dropped_after(polls, place.submit()).await.is_some();
            match &place.jobs()[..] {
                [] => assert!(!done),
                [job] => explain(&place, job).await,
                jobs => panic!("{jobs:?}"),
            }
            done
        });
        assert!(place.posts() <= 1, "after {polls} polls");
        assert_eq!(
            place.emulator.billed() as usize,
            place.posts(),
            "after {polls} polls"
        );
        done
    });
}

#[test]
fn a_dropped_wait_is_waited_again() {
    at_every_await(|polls| {
        let place = Place::new();
        place.runtime.block_on(async {
            let job = place.submit().await;
            let done = dropped_after(polls, job.wait()).await.is_some();
            assert_eq!(job.wait().await.unwrap().status, Status::Completed);
            assert_eq!(place.jobs()[0].stage, Stage::Ended);
            done
        })
    });
}

#[test]
fn a_dropped_download_is_done_again() {
    at_every_await(|polls| {
        let place = Place::new();
        let folder = TempDir::new().unwrap();
        let target = Target::new(folder.path().join("out.mp4"));
        let done = place.runtime.block_on(async {
            let record: Prediction = place.submit().await.wait().await.unwrap();
            let download = || place.client.download(&record, &target);
            let done = dropped_after(polls, download()).await.is_some();
            let again = download().await.unwrap();
            assert_eq!(again[0].bytes, CLIP.len() as u64);
            assert_eq!(place.jobs()[0].stage, Stage::Saved);
            done
        });
        assert_eq!(std::fs::read(target.as_path()).unwrap(), CLIP);
        // What still works in the background is done when the runtime is gone.
        drop(place);
        let left = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(left.count(), 1, "after {polls} polls");
        done
    });
}
