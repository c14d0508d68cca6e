//! Tests of the conclusions from the vendor's history: a table of histories that page, lag, omit, repeat,
//! reorder, drop fields, or have a second writer, with the conclusion from each. The jobs are put into the
//! store directly, so their times are those of the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Account, AdoptPolicy, Deadline, HistorySearch, Identity, Intended, Intent, JobFilter,
    JobNumber, JobRecord, MemoryStore, Reconciled, Resolution, Settlement, Store as _, Wavespeed,
};
use wavespeed_harness::{MODEL, answer, settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A history. The default one is empty, tells the truth, and has pages of the size that is asked for.
#[derive(Clone, Default)]
struct History {
    items: Vec<Value>,
    /// The most items of a page.
    page_size: Option<usize>,
    /// The number of looks for which an item, by its index, is not yet shown.
    lags: BTreeMap<usize, usize>,
    /// Changes the data of a page.
    edit: Option<fn(&mut Value)>,
    /// `true` if the filter by time is ignored.
    is_unfiltered: bool,
}

impl History {
    fn new(items: impl IntoIterator<Item = Value>) -> Self {
        let items = items.into_iter().collect();
        Self {
            items,
            ..Self::default()
        }
    }

    /// Returns a page. A look begins with the first page.
    fn page(&self, query: &Value, look: usize) -> Value {
        let time = |name: &str| query[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        let (after, before) = (time("created_after"), time("created_before"));
        let is_shown = |(index, item): &(usize, &Value)| {
            let created = item["created_at"]
                .as_str()
                .and_then(|at| at.parse::<Timestamp>().ok());
            let is_within = created.is_none_or(|at| (after..=before).contains(&at));
            let lag = self.lags.get(index).copied().unwrap_or_default();
            (self.is_unfiltered || is_within) && look > lag
        };
        let items: Vec<&Value> = self
            .items
            .iter()
            .enumerate()
            .filter(is_shown)
            .map(|(_, item)| item)
            .collect();
        let asked = usize::try_from(query["page_size"].as_u64().unwrap()).unwrap();
        let size = self.page_size.unwrap_or(asked).min(asked);
        let page = usize::try_from(query["page"].as_u64().unwrap()).unwrap();
        let (first, total) = ((page - 1) * size, items.len());
        let shown: Vec<_> = items.into_iter().skip(first).take(size).collect();
        let has_more = first + shown.len() < total;
        let mut data =
            json!({ "page": page, "items": shown, "total": total, "has_more": has_more });
        if let Some(edit) = self.edit {
            edit(&mut data);
        }
        data
    }

    async fn serve(self) -> MockServer {
        let (server, looks) = (MockServer::start().await, Mutex::new(0));
        let respond = move |request: &Request| {
            if !request.url.path().ends_with("/predictions") {
                return ResponseTemplate::new(404);
            }
            let query: Value = request.body_json().unwrap();
            let mut looks = looks.lock().unwrap();
            *looks += usize::from(query["page"] == 1);
            answer(&self.page(&query, *looks))
        };
        Mock::given(any())
            .respond_with(respond)
            .mount(&server)
            .await;
        server
    }
}

/// A lost submit, by the times of its record in seconds from now.
#[derive(Clone, Copy)]
struct Lost {
    at: i64,
    lost_at: i64,
    clock_offset: Option<i64>,
}

/// Two minutes ago, for three seconds, on a machine whose clock is right.
const LOST: Lost = Lost {
    at: -120,
    lost_at: -117,
    clock_offset: Some(0),
};

fn from_now(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

/// Returns an item of the history that was created this many seconds from now.
fn item(id: &str, created: i64) -> Value {
    json!({ "id": id, "model": MODEL, "status": "completed", "created_at": from_now(created).to_string() })
}

fn of_model(model: &str, mut item: Value) -> Value {
    item["model"] = model.into();
    item
}

fn without(field: &str, mut item: Value) -> Value {
    item.as_object_mut().unwrap().remove(field);
    item
}

fn with_input(text: &str, mut item: Value) -> Value {
    item["input"] = json!({ "text": text });
    item
}

/// Returns many items of another writer, one a second from then on.
fn others(count: i64, from: i64) -> impl Iterator<Item = Value> {
    (0..count).map(move |n| item(&format!("other-{n}"), from + n))
}

/// A store with jobs.
struct Jobs {
    store: Arc<MemoryStore>,
    account: Account,
}

impl Jobs {
    async fn add(&self, text: &str, lost: Lost, end: Option<&str>) -> JobNumber {
        let (model, input) = (MODEL.parse().unwrap(), json!({ "text": text }));
        let identity = Identity::new(MODEL, &input, &BTreeMap::new());
        let (body, at) = (input.to_string(), SystemTime::from(from_now(lost.at)));
        let mut intent = Intent::new(&self.account, &model, &body, &identity, at);
        intent.clock_offset = lost.clock_offset;
        let Intended::Recorded { job, .. } = self.store.intend(&intent).await.unwrap() else {
            panic!("no job is equal")
        };
        let resolution = match end {
            Some(id) => Resolution::Accepted(id.parse().unwrap()),
            None => Resolution::Unknown,
        };
        let settlement = Settlement::from(resolution).lost_at(from_now(lost.lost_at).into());
        self.store.settle(job, &settlement).await.unwrap();
        job
    }

    async fn record(&self, job: JobNumber) -> JobRecord {
        let jobs = self.store.jobs(&self.account, JobFilter::Number(job));
        jobs.await.unwrap().remove(0)
    }
}

fn client(server: &MockServer, jobs: &Jobs, policy: AdoptPolicy) -> Wavespeed {
    let settings = settings(&server.uri(), &ManualClock::default());
    let settings = settings.store(Arc::clone(&jobs.store)).adopt_policy(policy);
    settings.account(&jobs.account.name).build().unwrap()
}

/// Searches for a lost submit, and returns the conclusion in words.
async fn conclusion(lost: Lost, history: History, policy: AdoptPolicy) -> String {
    let server = history.serve().await;
    let account = Account::new(format!("{}/api/v3", server.uri()), "default");
    let jobs = Jobs {
        store: Arc::default(),
        account,
    };
    // The store is older than the look, and has a job that ended.
    jobs.add(
        "Before",
        Lost {
            at: -3 * DAY,
            lost_at: -3 * DAY,
            ..LOST
        },
        Some("before"),
    )
    .await;
    let job = jobs.add("Hello", lost, None).await;
    let client = client(&server, &jobs, policy);
    reconciled(&client, &jobs.record(job).await).await
}

async fn reconciled(client: &Wavespeed, record: &JobRecord) -> String {
    match client.reconcile(record, Deadline::never()).await.unwrap() {
        Reconciled::Adopted(job) => format!("{:?} {}", job.adoption().unwrap(), job.id()),
        Reconciled::Unresolved(HistorySearch::Candidates(candidates)) => {
            let found = candidates.found.iter();
            let ids: Vec<_> = found.map(|found| found.prediction.id()).collect();
            match ids.len() {
                0..4 => format!("{:?} {}", candidates.held_back, ids.join(" ")),
                many => format!("{:?} {many}", candidates.held_back),
            }
        }
        Reconciled::Unresolved(search) => format!("{search:?}"),
        other => panic!("{other:?}"),
    }
}

/// A look is right only if it reads all of the window, whatever form the history has.
#[tokio::test]
async fn the_window_is_read_whole() {
    let own = || item("own-1", -118);
    let paged = |history: History, page_size| History {
        page_size: Some(page_size),
        ..history
    };
    let edited = |history: History, edit| History {
        edit: Some(edit),
        ..history
    };
    let newer = || others(150, -100).chain([own()]);
    let rows = [
        ("the job alone", History::new([own()]), "Inferred own-1"),
        ("no job", History::new([]), "NotFound"),
        (
            "150 newer jobs of another writer",
            History::new(newer()),
            "OtherWriter own-1",
        ),
        (
            "150 newer jobs, and not the own one",
            History::new(others(150, -100)),
            "Several 150",
        ),
        (
            "jobs of more than an hour before",
            History::new(others(150, -2 * HOUR)),
            "NotFound",
        ),
        (
            "a filter that does nothing",
            History {
                is_unfiltered: true,
                ..History::new([item("old", -9 * DAY), own()])
            },
            "Inferred own-1",
        ),
        (
            "pages of one item",
            paged(History::new([own(), own(), own()]), 1),
            "Inferred own-1",
        ),
        (
            "short pages without an end",
            edited(paged(History::new(newer()), 7), |data| {
                let data = data.as_object_mut().unwrap();
                data.remove("has_more");
                data.remove("total");
            }),
            "OtherWriter own-1",
        ),
        (
            "a total that is never reached",
            edited(History::new([own()]), |data| data["total"] = 2.into()),
            "Incomplete own-1",
        ),
        (
            "a page that never ends",
            edited(History::new([own()]), |data| {
                data["has_more"] = true.into();
                data["total"] = Value::Null;
                data["items"] = json!([{ "id": "same", "model": "a/b", "status": "completed" }]);
            }),
            "Incomplete",
        ),
        (
            "an item that cannot be read",
            edited(History::new([own()]), |data| {
                data["items"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "status": "completed" }));
                data["total"] = Value::Null;
            }),
            "Incomplete own-1",
        ),
        (
            "the newest item last",
            History::new([item("later", -5), own()]),
            "OtherWriter own-1",
        ),
    ];
    for (name, history, expected) in rows {
        let found = conclusion(LOST, history, AdoptPolicy::Sole).await;
        assert_eq!(found, expected, "{name}");
    }
}

/// The window is that of the submit, in the vendor's time.
#[tokio::test]
async fn the_window_is_that_of_the_submit() {
    let rows = [
        ("before the submit", LOST, -125, "Unproven own-1"),
        ("after the outcome was lost", LOST, -110, "Unproven own-1"),
        (
            "a laptop that slept before the POST",
            Lost {
                at: -HOUR,
                lost_at: -MINUTE,
                ..LOST
            },
            -2 * MINUTE,
            "Inferred own-1",
        ),
        (
            "a clock that was an hour behind",
            Lost {
                clock_offset: Some(HOUR),
                ..LOST
            },
            HOUR - 119,
            "Inferred own-1",
        ),
        (
            "a clock that was an hour ahead",
            Lost {
                clock_offset: Some(-HOUR),
                ..LOST
            },
            -HOUR - 119,
            "Inferred own-1",
        ),
        (
            "a clock that was a day ahead",
            Lost {
                clock_offset: Some(-DAY),
                ..LOST
            },
            -DAY - 119,
            "Inferred own-1",
        ),
        (
            "a clock that was not compared",
            Lost {
                clock_offset: None,
                ..LOST
            },
            -119,
            "ClockUnknown own-1",
        ),
        (
            "a clock that was not compared, and is a day off",
            Lost {
                clock_offset: None,
                ..LOST
            },
            -DAY,
            "ClockUnknown own-1",
        ),
        (
            "a week ago",
            Lost {
                at: -7 * DAY - MINUTE,
                lost_at: -7 * DAY,
                ..LOST
            },
            -7 * DAY - 30,
            "Expired own-1",
        ),
    ];
    for (name, lost, created, expected) in rows {
        let history = History::new([item("own-1", created)]);
        let found = conclusion(lost, history, AdoptPolicy::Sole).await;
        assert_eq!(found, expected, "{name}");
    }
    let lost = Lost {
        at: -8 * DAY,
        lost_at: -8 * DAY,
        ..LOST
    };
    let nothing = conclusion(lost, History::new([]), AdoptPolicy::Sole).await;
    assert_eq!(
        nothing, "Expired",
        "an empty history of a week ago says nothing"
    );
}

#[tokio::test]
async fn a_candidate_is_adopted_only_by_evidence() {
    use AdoptPolicy::{Certain, Single, Sole};
    let own = || item("own-1", -118);
    let other = |created| of_model("a/other", item("other", created));
    let rows = [
        (
            "no model",
            vec![without("model", own())],
            Sole,
            "Unproven own-1",
        ),
        (
            "no time",
            vec![without("created_at", own())],
            Sole,
            "Unproven own-1",
        ),
        (
            "a time without an offset",
            vec![
                json!({ "id": "own-1", "model": MODEL, "status": "completed", "created_at": "2026-11-24 08:00:00" }),
            ],
            Single,
            "Unproven own-1",
        ),
        (
            "two in the window",
            vec![own(), item("two-2", -119)],
            Single,
            "Several two-2 own-1",
        ),
        (
            "one more without a model",
            vec![own(), without("model", item("two-2", -119))],
            Single,
            "Several two-2 own-1",
        ),
        (
            "another model in the window",
            vec![own(), other(-118)],
            Sole,
            "OtherWriter own-1",
        ),
        (
            "another model an hour before",
            vec![own(), other(-HOUR)],
            Sole,
            "OtherWriter own-1",
        ),
        (
            "another model two hours before",
            vec![own(), other(-2 * HOUR)],
            Sole,
            "Inferred own-1",
        ),
        (
            "the policy that takes a single one",
            vec![own(), other(-118)],
            Single,
            "Inferred own-1",
        ),
        (
            "the policy that takes certain ones",
            vec![own()],
            Certain,
            "Policy own-1",
        ),
        (
            "the same input",
            vec![with_input("Hello", own()), item("two-2", -119)],
            Certain,
            "Certain own-1",
        ),
        (
            "the same input without a model",
            vec![with_input("Hello", without("model", own()))],
            Certain,
            "Certain own-1",
        ),
        (
            "another input",
            vec![with_input("Good-bye", own())],
            Single,
            "NotFound",
        ),
        (
            "the same input twice",
            vec![
                with_input("Hello", own()),
                with_input("Hello", item("two-2", -119)),
            ],
            Single,
            "Several two-2 own-1",
        ),
        (
            "the id of another job",
            vec![own(), item("before", -118)],
            Sole,
            "Inferred own-1",
        ),
        (
            "only the id of another job",
            vec![item("before", -118)],
            Single,
            "NotFound",
        ),
    ];
    for (name, items, policy, expected) in rows {
        let found = conclusion(LOST, History::new(items), policy).await;
        assert_eq!(found, expected, "{name}");
    }
}

/// A history that lags shows the job of a stranger before that of the submit.
#[tokio::test]
async fn nothing_is_adopted_before_the_history_lag_is_over() {
    let now = Lost {
        at: -1,
        lost_at: 0,
        clock_offset: Some(0),
    };
    let lags = |items: Vec<Value>, lags: &[(usize, usize)]| History {
        lags: lags.iter().copied().collect(),
        ..History::new(items)
    };
    let own = || item("own-1", 0);
    let stranger = || item("stranger", 0);
    let rows = [
        (
            "the job at the fourth look",
            lags(vec![own()], &[(0, 3)]),
            "Inferred own-1",
        ),
        (
            "a stranger's job at once",
            lags(vec![stranger(), own()], &[(1, 3)]),
            "Several stranger own-1",
        ),
        (
            "a certain job at once",
            lags(vec![with_input("Hello", own()), stranger()], &[(1, 1)]),
            "Certain own-1",
        ),
        (
            "a certain job later",
            lags(vec![with_input("Hello", own()), stranger()], &[(0, 3)]),
            "Certain own-1",
        ),
    ];
    // The clock of this machine was an hour behind, and was set since: the submit was a second ago.
    let before_the_step = Lost {
        at: -HOUR - 1,
        lost_at: -HOUR,
        clock_offset: Some(HOUR),
    };
    let late = lags(vec![stranger(), own()], &[(1, 3)]);
    let found = conclusion(before_the_step, late, AdoptPolicy::Single).await;
    assert_eq!(found, "Several stranger own-1");
    for (name, history, expected) in rows {
        let found = conclusion(now, history, AdoptPolicy::Single).await;
        assert_eq!(found, expected, "{name}");
    }
}
