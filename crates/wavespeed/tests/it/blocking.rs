//! Tests of the blocking client: each on a thread without a runtime, with a server on the runtime of
//! another one.

use std::convert::Infallible;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use wavespeed::blocking::{BlockingError, StartError, Wavespeed};
use wavespeed::poll::ManualClock;
use wavespeed::reqwest::Method;
use wavespeed::types::{BillingsRequest, HistoryRequest};
use wavespeed::{
    Deadline, JobFilter, MemoryStore, Poller, Rule, Stage, Status, Store as _, SubmitError, Target,
};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::{CLIP, ID, KEY, MODEL, envelope, input, raw_input, record, settings};

use crate::emulator::JoinedClock;

/// An emulator on a runtime of its own, and a blocking client for it. Their clocks advance together.
fn emulator() -> (Runtime, Emulator, Wavespeed) {
    let runtime = Runtime::new().unwrap();
    let emulator = Emulator::builder().key(KEY).clock(EmulatorClock::manual());
    let emulator = runtime.block_on(emulator.start()).unwrap();
    let clock = JoinedClock {
        client: ManualClock::default(),
        emulator: emulator.clock().clone(),
    };
    let poller = Poller::default().with_clock(clock).with_random(|| 0.0);
    let client = settings(emulator.origin(), &ManualClock::default())
        .poller(poller)
        .account("tests")
        .store(MemoryStore::default())
        .build_blocking()
        .unwrap();
    (runtime, emulator, client)
}

#[test]
fn whole_run_saves_the_output_and_is_paid_for_once() {
    let (_runtime, emulator, ws) = emulator();
    let folder = tempfile::tempdir().unwrap();
    let (clip, out) = (
        folder.path().join("clip.mp4"),
        folder.path().join("out.mp4"),
    );
    std::fs::write(&clip, CLIP).unwrap();
    let mut input = input();
    input.video = clip.to_str().unwrap().to_owned();
    let before = ws.balance().unwrap();

    let run = || ws.run(&input, |run| run.key("order 17").target(&out));
    let done = run().unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), CLIP);
    assert_eq!(run().unwrap().job.id(), done.job.id());
    assert_eq!(emulator.billed(), 1);
    assert!(ws.balance().unwrap() < before);

    let mut output = ws.open(&done.prediction, 0).unwrap();
    let mut content = Vec::new();
    output.read_to_end(&mut content).unwrap();
    assert_eq!(content, CLIP);
    let again = Target::new(folder.path().join("again.mp4"));
    assert_eq!(ws.download(&done.prediction, &again).unwrap().len(), 1);
    assert_eq!(ws.jobs(JobFilter::All).unwrap()[0].stage, Stage::Saved);
    assert_eq!(ws.flush(Deadline::never()), Ok(true));
}

#[test]
fn steps_and_account_calls_are_those_of_the_async_client() {
    let (_runtime, emulator, ws) = emulator();
    let faults = ws.check(raw_input(MODEL, &json!({})), |check| check);
    assert!(matches!(
        faults,
        Err(BlockingError::Call(SubmitError::Invalid(_)))
    ));
    let fine = ws.check(&input(), |check| check.override_rule(Rule::Url));
    assert_eq!(fine.unwrap(), []);
    assert_eq!(emulator.billed(), 0);

    let job = ws.submit(&input(), |submit| submit.label("one")).unwrap();
    assert_eq!(*job.fetch().unwrap().status(), Status::Created);
    let done = ws.job(job.id()).unwrap().wait().unwrap();
    assert_eq!(*done.status(), Status::Completed);
    let open = ws.jobs(JobFilter::Label("one")).unwrap();
    let resumed = ws.resume(&open[0], Deadline::never()).unwrap();
    assert_eq!(resumed.job.id(), job.id());

    let history: Result<Vec<_>, _> = ws.history(HistoryRequest::default()).collect();
    assert_eq!(history.unwrap()[0].id(), job.id().as_str());
    let billings: Result<Vec<_>, _> = ws.billings(BillingsRequest::default()).collect();
    assert_eq!(billings.unwrap().len(), 1);
    let now = SystemTime::now();
    let hour = Duration::from_secs(60 * 60);
    assert!(ws.usage(now - hour, now, None).is_ok());
    assert!(ws.price(MODEL, &json!(input())).is_ok());
    let answer = ws.call(Method::GET, "/balance", None).unwrap();
    assert!(answer.status.is_success());
    let deleted = ws.delete(std::slice::from_ref(job.id()), true);
    assert_eq!(deleted.unwrap(), 1);
    assert!(ws.forget(open[0].number).unwrap());
}

#[test]
fn iterator_ends_after_an_error() {
    let (runtime, emulator, ws) = emulator();
    runtime.block_on(emulator.shutdown());
    let found: Vec<_> = ws.history(HistoryRequest::default()).collect();
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0], Err(BlockingError::Call(_))));
}

#[test]
fn call_inside_a_runtime_is_an_error_and_sends_nothing() {
    let (runtime, emulator, ws) = emulator();
    let sent = emulator.requests().len();
    let job = ws.job(ID).unwrap();
    runtime.block_on(async {
        let built = wavespeed::Wavespeed::builder().key(KEY).build_blocking();
        assert!(matches!(built, Err(StartError::InsideRuntime)));
        let submit = ws.submit(&input(), |submit| submit);
        assert!(matches!(submit, Err(BlockingError::InsideRuntime)));
        assert_eq!(job.fetch(), Err(BlockingError::InsideRuntime));
        assert_eq!(ws.balance(), Err(BlockingError::InsideRuntime));
        let flush = ws.flush(Deadline::never());
        assert_eq!(flush, Err(BlockingError::InsideRuntime));
        let found: Vec<_> = ws.history(HistoryRequest::default()).collect();
        assert_eq!(found, [Err(BlockingError::InsideRuntime)]);
        // The last handle of a client may be dropped here, too.
        drop((ws, job));
    });
    assert_eq!(emulator.requests().len(), sent);
}

#[test]
fn threads_share_one_client() {
    let (_runtime, emulator, _) = emulator();
    // The real clock: a thread that sleeps must not move the time of the others.
    let ws = settings(emulator.origin(), &ManualClock::default())
        .poller(Poller::default())
        .store(MemoryStore::default())
        .build_blocking()
        .unwrap();
    // Two threads for each key: the second one gets the job of the first.
    let submits = (0..16).map(|number| {
        let ws = ws.clone();
        std::thread::spawn(move || {
            let key = format!("order {}", number / 2);
            let job = ws.submit(&input(), |submit| submit.key(key)).unwrap();
            assert_eq!(job.fetch().unwrap().id(), job.id().as_str());
            job.id().clone()
        })
    });
    let threads: Vec<_> = submits.collect();
    let ids: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    for pair in ids.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    assert_eq!(emulator.billed(), 8);
}

#[test]
fn call_that_panics_leaves_the_client_usable() {
    let (_runtime, _emulator, ws) = emulator();
    let calls = || ws.block(async |_| -> Result<(), Infallible> { panic!("in a call") });
    assert!(catch_unwind(AssertUnwindSafe(calls)).is_err());
    assert!(ws.balance().is_ok());
}

#[test]
fn dropped_client_waits_for_the_answer_that_has_the_id() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let vendor = (Arc::clone(&arrived), Arc::clone(&release));
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let answer = post(async move || {
        vendor.0.notify_one();
        vendor.1.notified().await;
        envelope(&record("created")).to_string()
    });
    let router = Router::new().route(&format!("/api/v3/{MODEL}"), answer);
    runtime.spawn(async move { axum::serve(listener, router).await });

    let store = Arc::new(MemoryStore::default());
    let settings = settings(&origin, &ManualClock::default()).account("tests");
    let ws = settings.store(Arc::clone(&store)).build_blocking().unwrap();
    // The call is given up while the request is in flight.
    let account = ws.as_async().account().clone();
    let given_up = ws.block(async |ws| {
        let input = input();
        tokio::select! {
            _ = ws.submit(&input) => Err("the vendor has not answered"),
            () = arrived.notified() => Ok(()),
        }
    });
    assert_eq!(given_up, Ok(()));
    let jobs = || {
        runtime
            .block_on(store.jobs(&account, JobFilter::All))
            .unwrap()
    };
    assert_eq!(jobs()[0].stage, Stage::Intended);

    release.notify_one();
    drop(ws);
    assert_eq!(jobs()[0].id.as_ref().unwrap().as_str(), ID);
}
