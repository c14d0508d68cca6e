//! Tests of a store that fails: each call of a whole run fails in turn. Nothing is sent without a recorded
//! intent, nothing is sent twice, and no id is lost.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use wavespeed::{Finished, RunError, StoreError, StoreFuture, SubmitError};
use wavespeed_harness::store::{Hook, HookedStore};
use wavespeed_harness::{MODEL, raw_input};

use crate::vendor::Vendor;

/// Fails the call with this number, counted from 0. The store has carried the call out or not.
#[derive(Clone, Debug)]
struct FailAt {
    call: usize,
    calls: Arc<AtomicUsize>,
    failed: Arc<std::sync::Mutex<Option<String>>>,
}

impl Hook for FailAt {
    fn reply<T: Send + 'static>(&self, method: &str, reply: StoreFuture<T>) -> StoreFuture<T> {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.call {
            return reply;
        }
        *self.failed.lock().unwrap() = Some(method.to_owned());
        Box::pin(ready(Err(StoreError::new("the disk is full"))))
    }
}

fn input() -> Value {
    json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

/// Asserts what a run whose store failed in this method may end with.
fn assert_result(method: &str, result: &Result<Finished, RunError>, submits: usize) {
    match (method, result) {
        // The key is looked up, or the intent is written. In both cases nothing may be sent.
        ("jobs", Err(RunError::Submit(SubmitError::Lookup(error)))) => {
            assert!(error.to_string().contains("the disk is full"), "{error}");
            assert_eq!(submits, 0);
        }
        ("intend", Err(RunError::Submit(error @ SubmitError::Store(_)))) => {
            let step = "the submit could not be recorded, so it was not sent";
            assert!(error.to_string().starts_with(step), "{error}");
            assert_eq!(submits, 0);
        }
        // The outcome is known, so the run continues. Recording it is retried.
        ("jobs" | "settle" | "durations" | "record_end" | "record_saved", Ok(done)) => {
            assert!(done.job.store_error().is_none());
            assert_eq!((done.job.id().as_str(), submits), ("pred_1", 1));
        }
        (_, result) => panic!("{method}: {result:?}"),
    }
}

#[tokio::test]
async fn each_call_of_the_store_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let mut methods = Vec::new();
    for call in 0.. {
        let hook = FailAt {
            call,
            calls: Arc::default(),
            failed: Arc::default(),
        };
        let vendor = Vendor::start().await;
        let memory = Arc::default();
        let failing = HookedStore {
            memory: Arc::clone(&memory),
            hook: hook.clone(),
        };
        let client = vendor.settings(failing).build().unwrap();
        let target = folder.path().join(format!("{call}.mp4"));
        let run = client.run(raw_input(MODEL, &input()));
        let result = run.key("clip 3").target(&target).await;
        let Some(method) = hook.failed.lock().unwrap().take() else {
            assert!(result.is_ok());
            break;
        };
        assert_result(&method, &result, vendor.submits());
        // The same call with a store that works again: nothing is billed that could have been sent.
        let again = vendor.settings(memory).build().unwrap();
        let run = again.run(raw_input(MODEL, &input()));
        let again = run.key("clip 3").target(&target).await;
        match &again {
            // The process could not say what became of the job, so it is looked for and not sent.
            Err(RunError::Submit(SubmitError::Unknown(_))) => {
                assert!(["intend", "settle"].contains(&&*method), "{method}");
            }
            Ok(_) => assert_eq!(vendor.submits(), 1, "{method}"),
            Err(error) => panic!("{method}: {error}"),
        }
        assert!(vendor.submits() <= 1, "{method}");
        methods.push(method);
    }
    for method in ["jobs", "intend", "settle", "record_end", "record_saved"] {
        assert!(methods.iter().any(|seen| seen == method), "{methods:?}");
    }
}
