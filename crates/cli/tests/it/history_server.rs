//! A vendor on loopback that loses the answer to the first submit, and whose history a test chooses.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use pollster::FutureExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wavespeed::{
    Account, Claim, Identity, Intended, Intent, JobNumber, Resolution, Settlement, Store as _,
};
use wavespeed_harness::MODEL;
use wavespeed_journal::Journal;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::harness::{ACCOUNT, CLIP, ID, LIPSYNC, Run, Wave, record, runtime};

/// The server. It answers the first submit with 502, and any other with [`ID`].
pub(crate) struct HistoryServer {
    runtime: Runtime,
    server: MockServer,
}

/// An item of the history: a job of the model that was created this many seconds after the first submit.
pub(crate) fn item(id: &str, distance: i64) -> Value {
    json!({"id": id, "model": MODEL, "status": "created", "created_at": distance})
}

/// An item of another model, which shows that another program submits with the account. It is newer than the
/// first job of the store, as older ones show nothing.
pub(crate) fn foreign_item() -> Value {
    let mut foreign = item("of-another-program", 60);
    foreign["model"] = "kwaivgi/kling-v1-tts".into();
    foreign
}

/// An answer with these items as the only page of the history.
pub(crate) fn page(items: &[Value]) -> ResponseTemplate {
    record(json!({"page": 1, "items": items, "has_more": false}))
}

/// Loses the answer to a submit, or gives another one, and keeps the time.
struct LoseAnswer {
    answer: ResponseTemplate,
    submitted: Arc<OnceLock<Timestamp>>,
}

impl Respond for LoseAnswer {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.submitted.get_or_init(Timestamp::now);
        self.answer.clone()
    }
}

/// A history with these items, whose creation times follow from the time of the submit. A process may take any
/// time to start, so they cannot be chosen before.
struct History {
    items: Vec<Value>,
    submitted: Arc<OnceLock<Timestamp>>,
}

impl Respond for History {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let submitted = *self.submitted.get_or_init(Timestamp::now);
        let mut items = self.items.clone();
        for item in &mut items {
            if let Some(distance) = item["created_at"].as_i64() {
                let at = submitted + SignedDuration::from_secs(distance);
                item["created_at"] = at.to_string().into();
            }
        }
        page(&items)
    }
}

impl HistoryServer {
    pub(crate) fn start(items: &[Value]) -> Self {
        Self::after(ResponseTemplate::new(502), items)
    }

    /// A server with this answer to the first submit.
    pub(crate) fn after(answer: ResponseTemplate, items: &[Value]) -> Self {
        let submitted = Arc::default();
        let history = History {
            items: items.to_vec(),
            submitted: Arc::clone(&submitted),
        };
        Self::new(answer, history, submitted)
    }

    /// A server with this answer to a request for the history.
    pub(crate) fn answering(history: ResponseTemplate) -> Self {
        Self::new(ResponseTemplate::new(502), history, Arc::default())
    }

    fn new(
        answer: ResponseTemplate,
        history: impl Respond + 'static,
        submitted: Arc<OnceLock<Timestamp>>,
    ) -> Self {
        let runtime = runtime();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let url = format!("{}/out.mp4", server.uri());
            let done = json!({"id": ID, "status": "completed", "outputs": [url]});
            let file = ResponseTemplate::new(200).set_body_bytes(CLIP);
            let submit = || path(format!("/api/v3/{MODEL}"));
            let mounts = [
                Mock::given(submit())
                    .respond_with(LoseAnswer { answer, submitted })
                    .up_to_n_times(1),
                Mock::given(submit()).respond_with(record(json!({"id": ID, "status": "created"}))),
                Mock::given(path("/api/v3/predictions")).respond_with(history),
                Mock::given(path_regex("/api/v3/predictions/.+/result")).respond_with(record(done)),
                Mock::given(path("/out.mp4"))
                    .and(method("GET"))
                    .respond_with(file),
            ];
            for mock in mounts {
                mock.mount(&server).await;
            }
            server
        });
        Self { runtime, server }
    }

    pub(crate) fn wave(&self) -> Wave {
        Wave::at(&self.server.uri())
    }

    /// Loses the submit of a job, which is then `j1`, without a look at the history.
    pub(crate) fn lose_job(&self) -> Wave {
        let wave = self.wave();
        let run = wave.quick(&[&LIPSYNC[..], &["--no-adopt", "-o", "out.mp4"]].concat());
        assert_eq!((run.exit, self.submits()), (5, 1), "{run}");
        wave
    }

    pub(crate) fn submits(&self) -> usize {
        let requests = self.runtime.block_on(self.server.received_requests());
        let paths = requests.unwrap().into_iter().map(|request| request.url);
        paths.filter(|url| url.path().ends_with(MODEL)).count()
    }
}

/// Resumes `j1`.
pub(crate) fn resume(wave: &Wave, options: &[&str]) -> Run {
    wave.quick(&[&["resume", "j1"], options].concat())
}

impl HistoryServer {
    /// Writes a lost submit of this long ago to the journal, which is then `j1`.
    pub(crate) fn lost_job_of(&self, ago: Duration) -> Wave {
        let (wave, at) = (self.wave(), SystemTime::now() - ago);
        let (journal, _claim) = self.intend(&wave, at);
        let lost = Settlement::from(Resolution::Unknown).lost_at(at);
        journal.settle(JobNumber::new(1), &lost).block_on().unwrap();
        wave
    }

    /// Writes the intent of a process that is about to send to the journal, which is then `j1`.
    pub(crate) fn sending(&self, wave: &Wave) -> (Journal, Claim) {
        self.intend(wave, SystemTime::now())
    }

    fn intend(&self, wave: &Wave, at: SystemTime) -> (Journal, Claim) {
        let account = Account::new(format!("{}/api/v3", self.server.uri()), ACCOUNT);
        let (model, input) = (MODEL.parse().unwrap(), json!({"text": "Hello"}));
        let identity = Identity::new(MODEL, &input, &Default::default());
        let body = input.to_string();
        let mut intent = Intent::new(&account, &model, &body, &identity, at);
        intent.clock_offset = Some(0);
        let journal = Journal::open(wave.journal()).unwrap();
        match journal.intend(&intent).block_on().unwrap() {
            Intended::Recorded { claim, .. } => (journal, claim),
            other => panic!("another job stands in the way: {other:?}"),
        }
    }
}
