//! Tests of the whole path with the emulator: once with the client, from the check of a local file to
//! the downloaded output, and once with plain HTTP requests, so that the emulator is not only tested by
//! the client. The manual clocks of both sides advance together.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wavespeed::poll::{Clock, ManualClock, Sleep};
use wavespeed::{Files, Poller, Status, Target, Wavespeed, check};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::{CLIP, KEY, MODEL, raw_input};

const JOB_DURATION: Duration = Duration::from_secs(60);

/// An emulator with a manual clock.
async fn emulator() -> Emulator {
    let settings = Emulator::builder().key(KEY).task_time(JOB_DURATION);
    settings
        .clock(EmulatorClock::manual())
        .start()
        .await
        .unwrap()
}

/// A manual clock for the client that also advances the clock of the emulator.
#[derive(Clone, Debug)]
pub(super) struct JoinedClock {
    pub(super) client: ManualClock,
    pub(super) emulator: EmulatorClock,
}

impl Clock for JoinedClock {
    fn now(&self) -> Instant {
        self.client.now()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        self.emulator
            .advance(until.saturating_duration_since(self.client.now()));
        self.client.sleep_until(until)
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        self.client.timeout_at(limit)
    }
}

#[tokio::test]
async fn local_file_is_checked_uploaded_submitted_and_downloaded() {
    let emulator = emulator().await;
    let clock = JoinedClock {
        client: ManualClock::default(),
        emulator: emulator.clock().clone(),
    };
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_random(|| 0.0);
    let builder = Wavespeed::builder()
        .key(KEY)
        .base_url(emulator.origin())
        .check_urls(false);
    let client = builder.poller(poller).build().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    // Large enough for several chunks.
    let free = [&200_008u32.to_be_bytes()[..], b"free", &[7; 200_000]].concat();
    let content = [CLIP, &free].concat();
    std::fs::write(&clip, &content).unwrap();
    let model = wavespeed::model(MODEL).unwrap();
    let input = json!({ "video": clip, "text": "Hello", "voice_id": "AOT" });
    assert_eq!(check(model, &input, Files::UrlOrPath), []);
    let job = client.submit(raw_input(MODEL, &input)).await.unwrap();

    let states: Vec<_> = job.watch().try_collect().await.unwrap();
    let mut statuses: Vec<_> = states.iter().map(|state| state.status().clone()).collect();
    statuses.dedup();
    assert_eq!(
        statuses,
        [Status::Created, Status::Processing, Status::Completed]
    );
    assert!(
        (JOB_DURATION..JOB_DURATION + Duration::from_secs(5)).contains(&clock.client.elapsed())
    );

    let target = Target::new(folder.path().join("out.mp4"));
    let saved = client
        .download(&states[states.len() - 1], &target)
        .await
        .unwrap();
    assert!(std::fs::read(&saved[0].path).unwrap() == content);
    assert_eq!(emulator.billed(), 1);
}

/// Sends a request with the API key. Returns the HTTP status and the body.
async fn call(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.bearer_auth(KEY).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn emulator_answers_plain_http_requests() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = emulator().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let api = format!("{}/api/v3", emulator.origin());
    let submit = http.post(format!("{api}/{MODEL}"));
    let good = json!({ "video": "https://a.example/clip.mp4", "text": "Hello", "voice_id": "AOT" });

    let answer = submit
        .try_clone()
        .unwrap()
        .json(&good)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], 401);
    let mut bad = good.clone();
    bad["voice_id"] = "nobody".into();
    let (status, body) = call(submit.try_clone().unwrap().json(&bad)).await;
    assert_eq!((status, &body["code"]), (400, &json!(400)));
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("field \"voice_id\" must be one of ["),
        "{message}"
    );
    assert_eq!(emulator.billed(), 0);
    let (status, body) = call(http.post(format!("{api}/no/such-model")).json(&good)).await;
    let message = "Model \"no/such-model\" not found. Please check the model identifier.";
    assert_eq!(
        (status, body),
        (404, json!({ "code": 404, "message": message }))
    );
    let (status, body) = call(http.get(format!("{api}/predictions/abcd/result"))).await;
    assert_eq!(
        (status, body),
        (
            404,
            json!({ "code": 404, "message": "Prediction not found." })
        )
    );

    let (status, body) = call(submit.json(&good)).await;
    assert_eq!(
        (status, &body["code"], &body["message"]),
        (200, &json!(200), &json!("success"))
    );
    let prediction = &body["data"];
    assert_eq!(
        (&prediction["status"], &prediction["outputs"]),
        (&json!("created"), &json!([]))
    );
    let result = prediction["urls"]["get"].as_str().unwrap().to_owned();
    for (seconds, expected) in [(0, "created"), (15, "processing"), (45, "completed")] {
        emulator.clock().advance(Duration::from_secs(seconds));
        let (status, body) = call(http.get(&result)).await;
        assert_eq!((status, &body["data"]["status"]), (200, &json!(expected)));
        assert_eq!(body["data"]["id"], prediction["id"]);
    }
    let (_, body) = call(http.get(&result)).await;
    let output = http
        .get(body["data"]["outputs"][0].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(output.status(), 200);
    assert_eq!(&output.bytes().await.unwrap()[4..8], b"ftyp");
    assert_eq!(emulator.billed(), 1);
}
