//! Property test of the advice after an unknown outcome: whatever is answered, lost, killed or set, a person
//! who follows the advice, and knows their own job when it is shown, is never billed twice for it.
//!
//! A case is a sequence of processes over one store. Each of them goes on where the one before it was
//! killed, with the vendor's clock at another offset, until one is left alone and comes to an end.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use wavespeed::poll::ManualClock;
use wavespeed::{
    Adoption, Candidates, Deadline, HistorySearch, Job, JobFilter, JobRecord, MemoryStore,
    SubmitError, Wavespeed,
};
use wavespeed_harness::{MODEL, answer, input, runtime, settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// What the vendor does with a submit.
#[derive(Clone, Copy, Debug)]
enum Submit {
    Accept,
    /// The prediction is created, and this is answered.
    CreateAndAnswer(u16),
    /// Nothing is created, and this is answered.
    Answer(u16),
    /// The prediction is created, and the process dies before the answer.
    CreateAndKill,
    /// The process dies before anything is created.
    Kill,
}

/// The circumstances of one process.
#[derive(Clone, Debug)]
struct Life {
    submits: Vec<Submit>,
    /// The seconds by which the vendor's clock is ahead of that of the machine.
    ahead: i64,
    /// The predictions of others that are created when the process starts.
    others: usize,
    /// The number of looks for which the history lags behind.
    lag: usize,
    /// The look at the history during which the process dies, counted from 1.
    killed_at_look: Option<usize>,
    /// `true` if the first look fails.
    fails: bool,
}

fn submit() -> impl Strategy<Value = Submit> {
    prop_oneof![
        2 => Just(Submit::Accept),
        2 => prop::sample::select(vec![200, 303, 408, 409, 499, 500, 502]).prop_map(Submit::CreateAndAnswer),
        2 => prop::sample::select(vec![200, 400, 409, 429, 502]).prop_map(Submit::Answer),
        2 => Just(Submit::CreateAndKill),
        1 => Just(Submit::Kill),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let ahead = prop::sample::select(vec![0, 0, 300, -3_600, 86_400]);
    let submits = prop::collection::vec(submit(), 1..4);
    let killed = prop::option::weighted(0.2, 1..4_usize);
    (
        submits,
        ahead,
        0..3_usize,
        0..3_usize,
        killed,
        proptest::bool::ANY,
    )
        .prop_map(
            |(submits, ahead, others, lag, killed_at_look, fails)| Life {
                submits,
                ahead,
                others,
                lag,
                killed_at_look,
                fails,
            },
        )
}

/// The vendor. Its predictions outlive the processes.
struct Vendor {
    life: Life,
    predictions: Vec<Value>,
    /// The ids of the predictions that were billed for this store's job.
    own: Vec<String>,
    looks: usize,
    death: Arc<Notify>,
}

impl Vendor {
    fn begin(&mut self, life: Life) {
        self.life = life;
        self.looks = 0;
        for _ in 0..self.life.others {
            self.create();
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.life.ahead)
    }

    fn create(&mut self) -> Value {
        let id = format!("prediction-{}", self.predictions.len());
        let created = self.now().to_string();
        let new = json!({ "id": id, "model": MODEL, "status": "created", "created_at": created });
        self.predictions.push(new.clone());
        new
    }

    fn create_own(&mut self) -> Value {
        let new = self.create();
        self.own.push(new["id"].as_str().unwrap().to_owned());
        new
    }

    /// Lets the process die before it gets an answer.
    fn kill(&self) -> ResponseTemplate {
        self.death.notify_one();
        ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(60))
    }

    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        let date = httpdate::fmt_http_date(self.now().into());
        self.respond_without_date(request)
            .insert_header("date", date)
    }

    fn respond_without_date(&mut self, request: &Request) -> ResponseTemplate {
        if request.url.path().ends_with(MODEL) {
            let next = match self.life.submits.is_empty() {
                true => Submit::Accept,
                false => self.life.submits.remove(0),
            };
            return match next {
                Submit::Accept => answer(&self.create_own()),
                Submit::CreateAndAnswer(status) => {
                    self.create_own();
                    ResponseTemplate::new(status)
                }
                Submit::Answer(status) => ResponseTemplate::new(status),
                Submit::CreateAndKill => {
                    self.create_own();
                    self.kill()
                }
                Submit::Kill => self.kill(),
            };
        }
        let query: Value = request.body_json().unwrap();
        if query["page"] != 1 {
            return answer(&json!({ "items": [] }));
        }
        self.looks += 1;
        if self.life.killed_at_look == Some(self.looks) {
            return self.kill();
        }
        if self.life.fails && self.looks == 1 {
            return ResponseTemplate::new(503);
        }
        let time = |name: &str| query[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        let (after, before) = (time("created_after"), time("created_before"));
        let is_shown = |item: &&Value| {
            let created: Timestamp = item["created_at"].as_str().unwrap().parse().unwrap();
            (after..=before).contains(&created)
        };
        let shown = match self.looks > self.life.lag {
            true => self.predictions.iter().filter(is_shown).collect(),
            false => Vec::new(),
        };
        answer(&json!({ "items": shown, "total": shown.len(), "has_more": false }))
    }
}

/// A person at one process, who wants one video and follows the advice.
struct Person {
    client: Wavespeed,
    vendor: Arc<Mutex<Vendor>>,
}

impl Person {
    fn vendor(&self) -> MutexGuard<'_, Vendor> {
        self.vendor.lock().unwrap()
    }

    /// Submits until there is a job. Returns `None` if nothing more can be done in this process.
    async fn submit(&self) -> Option<Job> {
        for _ in 0..20 {
            let error = match self.client.submit(&input()).key("video").await {
                Ok(job) => return Some(job),
                Err(error) => error,
            };
            match error {
                SubmitError::Rejected(_) => {}
                SubmitError::Unknown(unknown) => {
                    let number = unknown.job.unwrap();
                    let record = self.client.jobs(JobFilter::Number(number)).await.unwrap();
                    if let Some(job) = self.decide(&record[0], unknown.search).await {
                        return Some(job);
                    }
                }
                error => panic!("{error}"),
            }
        }
        None
    }

    /// Follows the advice for an unknown outcome, as far as it is not to try again later.
    async fn decide(&self, record: &JobRecord, search: HistorySearch) -> Option<Job> {
        let deadline = Deadline::never();
        match search {
            // Nobody else is there, so the job is not being sent.
            HistorySearch::BeingSent => panic!("{record:?}"),
            HistorySearch::NotFound | HistorySearch::Absent => {
                self.client.resubmit(record, &[], deadline).await.ok()
            }
            HistorySearch::Candidates(candidates) => {
                let ids = ids(&candidates);
                let own = ids
                    .iter()
                    .find(|id| self.vendor().own.contains(id))
                    .cloned();
                match own {
                    Some(own) => {
                        let id = own.parse().unwrap();
                        Some(self.client.adopt(record, id).await.unwrap())
                    }
                    None => {
                        let not: Vec<_> = ids.iter().map(|id| id.parse().unwrap()).collect();
                        self.client.resubmit(record, &not, deadline).await.ok()
                    }
                }
            }
            _ => None,
        }
    }
}

fn ids(candidates: &Candidates) -> Vec<String> {
    let found = candidates.found.iter();
    found
        .map(|found| found.prediction.id().to_owned())
        .collect()
}

/// Runs a case, and returns the job with its record in the end.
fn run(lives: &[Life]) -> (Vec<String>, JobRecord) {
    let servers = runtime();
    let death = Arc::new(Notify::new());
    let last = Life {
        submits: vec![],
        ahead: 0,
        others: 0,
        lag: 0,
        killed_at_look: None,
        fails: false,
    };
    let vendor = Arc::new(Mutex::new(Vendor {
        life: last.clone(),
        predictions: Vec::new(),
        own: Vec::new(),
        looks: 0,
        death: Arc::clone(&death),
    }));
    let shared = Arc::clone(&vendor);
    let respond = move |request: &Request| shared.lock().unwrap().respond(request);
    let server = servers.block_on(async {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(respond)
            .mount(&server)
            .await;
        server
    });
    let store = Arc::new(MemoryStore::default());
    for life in lives.iter().chain([&last]) {
        vendor.lock().unwrap().begin(life.clone());
        let process = Builder::new_current_thread().enable_all().build().unwrap();
        let client = settings(&server.uri(), &ManualClock::default());
        let client = client.store(Arc::clone(&store)).build().unwrap();
        let person = Person {
            client,
            vendor: Arc::clone(&vendor),
        };
        process.block_on(async {
            tokio::select! {
                _ = person.submit() => {}
                () = death.notified() => {}
            }
        });
        // What the process was doing ends with it.
        drop(process);
    }
    let own = vendor.lock().unwrap().own.clone();
    let process = Builder::new_current_thread().enable_all().build().unwrap();
    let client = settings(&server.uri(), &ManualClock::default());
    let client = client.store(store).build().unwrap();
    let record = process
        .block_on(client.jobs(JobFilter::All))
        .unwrap()
        .remove(0);
    (own, record)
}

#[test]
fn who_follows_the_advice_is_billed_once() {
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let lives = prop::collection::vec(life(), 1..5);
    runner
        .run(&lives, |lives| {
            let (own, record) = run(&lives);
            prop_assert!(own.len() <= 1, "billed twice: {own:?} {record:?}");
            let id = record.id.as_ref().map(ToString::to_string);
            let Some(id) = id else {
                prop_assert!(
                    record.is_open(),
                    "a job without an id stays open: {record:?}"
                );
                return Ok(());
            };
            // Only an inferred id can be that of somebody else, and the record says that it is one.
            let is_own = own.contains(&id);
            prop_assert!(
                is_own || record.adopted == Some(Adoption::Inferred),
                "{own:?} {record:?}"
            );
            Ok(())
        })
        .unwrap();
}
