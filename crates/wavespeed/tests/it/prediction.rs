//! Tests of reading predictions: recorded answers of the vendor, and variants with missing, null or
//! unexpected fields. A server plays each prediction; whatever can be read of it is, and the raw JSON
//! stays available.

use serde_json::{Map, Value, json};
use wavespeed::{Prediction, Status};
use wavespeed_harness::{ID, answer, client, record, serve};

/// A recorded answer to a submit.
const CREATED: &str = include_str!("../fixtures/answers/created.json");
/// A recorded completed prediction with a null field.
const WITH_NULL: &str = include_str!("../fixtures/answers/completed-with-null.json");
/// A recorded completed prediction of the newer format.
const NEW: &str = include_str!("../fixtures/answers/completed-new.json");

/// The field `data` of a recorded answer.
fn data(recorded: &str) -> Value {
    serde_json::from_str::<Value>(recorded).unwrap()["data"].take()
}

/// Fetches the predictions of answers with these data, and checks that the raw JSON is complete.
async fn read_all(data: &[Value]) -> Vec<Prediction> {
    let server = serve(data.iter().map(answer)).await;
    let job = client(&server.uri()).0.job(ID).unwrap();
    let mut records = Vec::new();
    for data in data {
        let record = job.fetch().await.unwrap();
        assert_eq!(record.raw(), data, "the raw JSON is complete");
        records.push(record);
    }
    records
}

async fn read(data: Value) -> Prediction {
    read_all(&[data]).await.remove(0)
}

#[tokio::test]
async fn created_prediction_is_read() {
    let record = read(data(CREATED)).await;
    assert_eq!(record.id(), "6488c2754f6f4dfea924382fa14d11bd");
    assert_eq!(record.model(), Some("alibaba/wan-2.5/text-to-image"));
    assert!(record.outputs().is_empty());
    let get = "https://api.wavespeed.ai/api/v3/predictions/6488c2754f6f4dfea924382fa14d11bd/result";
    assert_eq!(record.get_url(), Some(get));
    assert_eq!(record.has_nsfw_contents(), Some(&[][..]));
    assert_eq!(*record.status(), Status::Created);
    assert_eq!(record.created_at(), Some("2025-09-29T23:09:43.027Z"));
    assert_eq!(record.error(), None);
    assert_eq!(record.execution_ms(), Some(0.0));
    assert_eq!(record.inference_ms(), Some(0.0));
    assert_eq!((record.code(), record.input()), (None, None));
}

#[tokio::test]
async fn completed_prediction_is_read() {
    let record = read(data(WITH_NULL)).await;
    assert_eq!(record.id(), "45bcdc5ff6624ef192b1b0559f4b7b53");
    assert_eq!(record.code(), Some(0));
    assert_eq!(record.get_url(), Some("…/result"));
    assert_eq!(record.error(), None);
    assert_eq!(record.model(), Some("tripo3d/h3.1/image-to-3d"));
    assert_eq!(*record.status(), Status::Completed);
    let url = "https://static.wavespeed.ai/examples/45bcdc5ff6624ef192b1b0559f4b7b53/1.glb";
    assert_eq!(record.outputs(), [url]);
    assert_eq!(record.inference_ms(), Some(140_950.0));
    assert_eq!(record.created_at(), Some("2026-04-17T16:11:27.90675875Z"));
    assert_eq!(record.execution_ms(), Some(140_950.0));
    assert_eq!(record.has_nsfw_contents(), None);

    let record = read(data(NEW)).await;
    assert_eq!(record.id(), "4dadf3b410994538b4b3b3b077c4c192");
    assert_eq!(record.code(), Some(0));
    assert_eq!(record.get_url(), Some("…/result"));
    assert_eq!(record.error(), None);
    assert_eq!(record.model(), Some("wavespeed-ai/trellis-2/image-to-3d"));
    assert_eq!(*record.status(), Status::Completed);
    assert_eq!(
        record.outputs(),
        ["https://static.wavespeed.ai/examples/x.glb"]
    );
    assert_eq!(record.inference_ms(), Some(46_945.0));
    assert_eq!(record.created_at(), Some("2026-09-13T04:10:03.210344148Z"));
    assert_eq!(
        (record.execution_ms(), record.has_nsfw_contents()),
        (None, None)
    );
}

#[tokio::test]
async fn optional_fields_may_be_null_or_absent() {
    let null: Map<String, Value> = data(WITH_NULL)
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), Value::Null))
        .chain([("input".to_owned(), Value::Null)])
        .chain(record("completed").as_object().unwrap().clone())
        .collect();
    for read in read_all(&[record("completed"), null.into()]).await {
        assert_eq!((read.id(), read.status()), (ID, &Status::Completed));
        assert!(read.outputs().is_empty());
        assert_eq!(read.error(), None);
        // All other fields are absent, so the serialized prediction has only the id and the status.
        assert_eq!(typed_fields(&read), record("completed"));
    }
}

#[tokio::test]
async fn object_outputs_and_an_unknown_status_are_read() {
    let mut data = data(NEW);
    data["outputs"] = json!([{ "url": "https://a.example/1.mp4", "size": 7 }, "text", 1]);
    data["status"] = "almost_there".into();
    data["mood"] = json!({ "good": true });
    data["timings"]["queue"] = 12.into();
    let record = read(data.clone()).await;
    assert_eq!(Value::from(record.outputs()), data["outputs"]);
    assert_eq!(*record.status(), Status::Unknown("almost_there".into()));
    assert!(!record.status().is_terminal());
    assert_eq!(record.inference_ms(), Some(46_945.0));
}

#[tokio::test]
async fn field_of_an_unexpected_type_is_ignored_alone() {
    let unexpected = [
        ("executionTime", json!("fast")),
        ("timings", json!([])),
        ("urls", json!("…/result")),
        ("has_nsfw_contents", json!("no")),
        ("created_at", json!(1_790_000_000)),
        ("error", json!({ "message": "none" })),
        ("code", json!("0")),
        ("model", json!(["a", "b"])),
        ("outputs", json!("https://a.example/1.mp4")),
        ("input", json!("hidden")),
    ];
    let given = unexpected.clone().map(|(field, value)| {
        let mut given = data(WITH_NULL);
        given[field] = value;
        given
    });
    let read = read_all(&given).await;
    for (((field, _), given), record) in unexpected.iter().zip(&given).zip(read) {
        let mut known = typed_fields(&record);
        // A value that is not a list counts as the only output.
        known.as_object_mut().unwrap().remove(*field);
        let mut expected = given.as_object().unwrap().clone();
        // An empty error reads as none.
        expected.retain(|name, value| name != field && !value.is_null() && *value != "");
        assert!(is_same(&known, &expected.into()), "{field}: {known}");
    }
}

/// Returns the fields that can be read by accessors, without those that are missing.
fn typed_fields(record: &Prediction) -> Value {
    let outputs = (!record.outputs().is_empty()).then(|| record.outputs());
    let mut fields = json!({
        "id": record.id(),
        "status": record.status(),
        "model": record.model(),
        "created_at": record.created_at(),
        "code": record.code(),
        "error": record.error(),
        "urls": record.get_url().map(|url| json!({ "get": url })),
        "has_nsfw_contents": record.has_nsfw_contents(),
        "timings": record.inference_ms().map(|time| json!({ "inference": time })),
        "executionTime": record.execution_ms(),
        "input": record.input(),
        "outputs": outputs,
    });
    let known = fields.as_object_mut().unwrap();
    known.retain(|_, value| !value.is_null());
    fields
}

/// Returns `true` if the values are equal, where 1 equals 1.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}

#[tokio::test]
async fn status_of_an_unexpected_type_is_not_terminal() {
    let given = [json!(null), json!(3), json!(["completed"])].map(|status| {
        let mut given = data(NEW);
        given["status"] = status;
        given
    });
    for record in read_all(&given).await {
        assert_eq!(*record.status(), Status::Unknown(String::new()));
        let output = "https://static.wavespeed.ai/examples/x.glb";
        assert_eq!(record.outputs(), [output]);
    }
}
