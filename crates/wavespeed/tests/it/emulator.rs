//! The client against the emulator, and the emulator against nothing of ours but plain HTTP.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wavespeed::poll::{Clock, ManualClock, Sleep};
use wavespeed::{Deadline, Files, Poller, Status, Target, UploadOptions, Wavespeed, check};
use wavespeed_emulator::{Clock as EmulatorClock, Emulator};
use wavespeed_harness::{CLIP, KEY, MODEL};

const TASK_TIME: Duration = Duration::from_secs(60);

async fn emulator() -> Emulator {
    let settings = Emulator::builder().key(KEY).task_time(TASK_TIME);
    settings
        .clock(EmulatorClock::manual())
        .start()
        .await
        .unwrap()
}

/// The client's time, with which the emulator's goes along.
#[derive(Clone, Debug)]
pub(super) struct Together {
    pub(super) here: ManualClock,
    pub(super) there: EmulatorClock,
}

impl Clock for Together {
    fn now(&self) -> Instant {
        self.here.now()
    }

    fn sleep_until(&self, until: Instant) -> Sleep {
        self.there
            .advance(until.saturating_duration_since(self.here.now()));
        self.here.sleep_until(until)
    }

    fn timeout_at(&self, limit: Instant) -> Sleep {
        self.here.timeout_at(limit)
    }
}

#[tokio::test]
async fn a_clip_goes_all_the_way() {
    let emulator = emulator().await;
    let clock = Together {
        here: ManualClock::default(),
        there: emulator.clock().clone(),
    };
    let poller = Poller::default()
        .with_clock(clock.clone())
        .with_random(|| 0.0);
    let builder = Wavespeed::builder().key(KEY).base_url(emulator.origin());
    let client = builder.poller(poller).build().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    // Of several pieces.
    let free = [&200_008u32.to_be_bytes()[..], b"free", &[7; 200_000]].concat();
    let content = [CLIP, &free].concat();
    std::fs::write(&clip, &content).unwrap();
    let model = wavespeed::model(MODEL).unwrap();
    let mut input = json!({ "video": clip, "text": "Hello", "voice_id": "AOT" });
    assert_eq!(check(model, &input, Files::UrlOrPath), []);
    client
        .upload_inputs(model, &mut input, &UploadOptions::new(Deadline::never()))
        .await
        .unwrap();
    let job = client.submit_raw(MODEL, &input).await.unwrap();

    let states: Vec<_> = job.watch().try_collect().await.unwrap();
    let mut words: Vec<_> = states.iter().map(|state| state.status.clone()).collect();
    words.dedup();
    assert_eq!(
        words,
        [Status::Created, Status::Processing, Status::Completed]
    );
    assert!((TASK_TIME..TASK_TIME + Duration::from_secs(5)).contains(&clock.here.elapsed()));

    let target = Target::new(folder.path().join("out.mp4"));
    let saved = client
        .download(&states[states.len() - 1], &target)
        .await
        .unwrap();
    assert!(std::fs::read(&saved[0].path).unwrap() == content);
    assert_eq!(emulator.billed(), 1);
}

/// A call with the key, and its status and body.
async fn call(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.bearer_auth(KEY).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_emulator_answers_plain_http() {
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
    let task = &body["data"];
    assert_eq!(
        (&task["status"], &task["outputs"]),
        (&json!("created"), &json!([]))
    );
    let result = task["urls"]["get"].as_str().unwrap().to_owned();
    for (seconds, expected) in [(0, "created"), (15, "processing"), (45, "completed")] {
        emulator.clock().advance(Duration::from_secs(seconds));
        let (status, body) = call(http.get(&result)).await;
        assert_eq!((status, &body["data"]["status"]), (200, &json!(expected)));
        assert_eq!(body["data"]["id"], task["id"]);
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
