//! What the account can be asked beside its tasks: what was paid, how much was used, the secret of
//! its webhooks, and which models there are.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::bundle::Operation;
use crate::history::{self, page};
use crate::predictions;
use crate::routes::Refusal;
use crate::state::{Memory, State, Task};

const MILLION: f64 = 1_000_000.0;
/// When what a failed task has cost comes back: the vendor says within about 3 hours.
const REFUND: Duration = Duration::from_secs(3 * 60 * 60);
/// The longest time that usage is told of.
const LONGEST: i64 = 31 * 24 * 60 * 60;

/// Something that was paid, or that came back.
struct Record<'a> {
    task: &'a Task,
    kind: &'static str,
    at: Duration,
}

/// Deletes predictions that have ended. A guess: they are as if they had never been.
pub(crate) fn delete(state: &State, operation: &Operation, body: &[u8]) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(refusal)?;
    let ids = request["ids"].as_array().into_iter().flatten();
    let mut memory = state.memory();
    let mut deleted = 0;
    for id in ids.filter_map(Value::as_str) {
        let ended = |task: &Task| predictions::has_ended(task, state);
        if memory.tasks.get(id).is_some_and(ended) {
            memory.tasks.remove(id);
            deleted += 1;
        }
    }
    Ok(json!({ "deleted_count": deleted }))
}

/// A page of what was paid and what came back, newest first.
pub(crate) fn billings(
    state: &State,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(refusal)?;
    let time = |name| history::optional_time(&request, name).map_err(refusal);
    let (from, to) = (time("start_time")?, time("end_time")?);
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let tasks = request.get("prediction_uuids").and_then(Value::as_array);
    let memory = state.memory();
    let mut records = records(&memory, state);
    records.retain(|record| {
        let at = state.settings.clock.timestamp(record.at);
        text("billing_type").is_none_or(|kind| kind == record.kind)
            && text("model_uuid").is_none_or(|model| model == record.task.model)
            && tasks.is_none_or(|ids| ids.iter().any(|id| *id == record.task.id))
            && from.is_none_or(|from| at >= from)
            && to.is_none_or(|to| at <= to)
    });
    let price = state.settings.credit.paid() as f64 / MILLION;
    let items: Vec<Value> = records
        .iter()
        .map(|record| {
            let Task { id, model, .. } = record.task;
            json!({
                "uuid": format!("{}-{id}", record.kind),
                "billing_type": record.kind,
                "price": price,
                "created_at": state.settings.clock.rfc3339(record.at),
                "order": {},
                "prediction": {
                    "uuid": id, "model_uuid": model, "status": predictions::status(record.task, state),
                },
            })
        })
        .collect();
    let mut answer = page(&request, &items, state);
    let (number, size) = history::place(&request);
    let more = number.saturating_mul(size) < items.len() as u64;
    state
        .settings
        .optional_fields
        .put(&mut answer, "has_more", more.into());
    Ok(answer)
}

/// How much was used. Guesses: what the sums of a model and of a day look like.
pub(crate) fn usage(state: &State, operation: &Operation, body: &[u8]) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(refusal)?;
    let time = |name| {
        let time = history::optional_time(&request, name).map_err(refusal)?;
        time.ok_or_else(|| refusal(format!("field \"{name}\" is required")))
    };
    let (from, to) = (time("start_time")?, time("end_time")?);
    if to.as_second() - from.as_second() > LONGEST {
        return Err(refusal(
            "the time range must not be longer than 31 days".to_owned(),
        ));
    }
    let model = request.get("model_uuid").and_then(Value::as_str);
    let memory = state.memory();
    let mut sums = Sums::default();
    let (mut models, mut days): (BTreeMap<String, Sums>, BTreeMap<String, Sums>) =
        Default::default();
    for record in records(&memory, state) {
        let at = state.settings.clock.timestamp(record.at);
        let wanted = model.is_none_or(|model| model == record.task.model);
        if wanted && (from..=to).contains(&at) {
            let cost = state.settings.credit.paid();
            sums.add(&record, cost, state);
            models
                .entry(record.task.model.clone())
                .or_default()
                .add(&record, cost, state);
            days.entry(day(at)).or_default().add(&record, cost, state);
        }
    }
    let list = |name: &str, all: BTreeMap<String, Sums>| -> Vec<Value> {
        let entries = all.into_iter().map(|(key, sums)| {
            let mut entry = sums.json();
            entry[name] = key.into();
            entry
        });
        entries.collect()
    };
    Ok(json!({
        "summary": sums.json(),
        "per_model_usage": list("model_uuid", models),
        "daily_usage": list("date", days),
    }))
}

/// The secret of this key: the same as long as the key is.
pub(crate) fn secret(state: &State) -> Value {
    let key = state.settings.key.0.bytes();
    let sum = key.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    json!({ "secret": format!("whsec_{sum:016x}{:016x}", !sum) })
}

/// What the vendor's list says of the models of a bundle.
pub(crate) fn listing(bundle: &Value) -> Value {
    let paths = bundle["paths"].as_object().into_iter().flatten();
    let submits = paths.filter_map(|(path, methods)| Some((path, methods.get("post")?)));
    let entries = submits.filter_map(|(path, submit)| {
        let model = submit.get("x-model")?;
        let body = submit.pointer("/requestBody/content/application~1json/schema/$ref")?;
        let schema = bundle.pointer(body.as_str()?.strip_prefix('#')?)?;
        let mut schema = schema.as_object()?.clone();
        schema.remove("description");
        let names = schema.get("properties")?.as_object()?.keys();
        let names: Vec<Value> = names.map(|name| name.as_str().into()).collect();
        schema.insert("x-order-properties".to_owned(), names.into());
        schema.insert("additionalProperties".to_owned(), false.into());
        Some(json!({
            "model_id": model["id"],
            "name": model["id"],
            "description": submit["description"],
            "type": model["type"],
            "api_schema": { "api_schemas": [{
                "type": "model_run",
                "method": "POST",
                "server": "https://api.wavespeed.ai",
                "api_path": format!("/api/v3{path}"),
                "request_schema": schema,
            }] },
        }))
    });
    entries.collect()
}

/// What was paid for the tasks that are remembered, and what came back, newest first.
fn records<'a>(memory: &'a Memory, state: &State) -> Vec<Record<'a>> {
    let mut records = Vec::new();
    for paid in &memory.paid {
        // What it was paid as, if it is gone by now; else what has become of it.
        let task = memory.tasks.get(&paid.id).unwrap_or(paid);
        let deduct = Record {
            task,
            kind: "deduct",
            at: task.created,
        };
        records.push(deduct);
        let at = task.created + task.takes + REFUND;
        if !task.ending.is_completed() && at <= state.now() {
            records.push(Record {
                task,
                kind: "refund",
                at,
            });
        }
    }
    records.sort_by_key(|record| std::cmp::Reverse((record.at, record.task.number)));
    records
}

/// How many tasks were paid back by now.
pub(crate) fn refunds(memory: &Memory, state: &State) -> u64 {
    let records = records(memory, state);
    records
        .iter()
        .filter(|record| record.kind == "refund")
        .count() as u64
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[derive(Default)]
struct Sums {
    cost: i64,
    requests: u64,
    completed: u64,
}

impl Sums {
    fn add(&mut self, record: &Record<'_>, cost: i64, state: &State) {
        if record.kind == "refund" {
            self.cost -= cost;
            return;
        }
        self.cost += cost;
        self.requests += 1;
        self.completed += u64::from(predictions::status(record.task, state) == "completed");
    }

    fn json(&self) -> Value {
        let fields = [
            ("total_cost", json!(self.cost as f64 / MILLION)),
            ("total_requests", self.requests.into()),
            ("success_requests", self.completed.into()),
        ];
        Value::Object(Map::from_iter(
            fields.map(|(name, value)| (name.to_owned(), value)),
        ))
    }
}
