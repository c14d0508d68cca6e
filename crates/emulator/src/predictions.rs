//! Tasks: submitting one to a model, and the prediction it has at a moment. A task does nothing
//! by itself; where it stands follows from its age.

use std::time::Duration;

use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::bundle::Operation;
use crate::files::File;
use crate::routes::Refusal;
use crate::sample::Sample;
use crate::settings::{Ending, Limits, OptionalFields};
use crate::state::{Memory, State, Task};
use crate::{credit, uploads};

/// What submits are counted by.
const MINUTE: Duration = Duration::from_secs(60);
/// Where outputs are.
const OUTPUTS: &str = "/outputs/";

/// Where a task stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Created,
    Processing,
    Ended,
}

/// Submits a task to `model`; its prediction, or why it is refused.
pub(crate) fn submit(
    state: &State,
    operation: &Operation,
    model: &str,
    parts: &Parts,
    body: &[u8],
) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let input = operation.accept(body).map_err(refusal)?;
    let webhook = webhook(&parts.uri).map_err(refusal)?;
    let mut memory = state.memory();
    check_limits(state, &memory)?;
    credit::check(state, &memory)?;
    let makes = operation.makes;
    let video = input.get("video").and_then(Value::as_str);
    let video = video.filter(|_| makes == Sample::Video);
    let task = Task {
        id: memory.new_id(),
        model: model.to_owned(),
        number: memory.billed,
        created: state.now(),
        takes: memory.task_time(&state.settings),
        ending: ordered(parts).unwrap_or(&state.settings.ending).clone(),
        expired: 0,
        makes,
        source: video.and_then(|url| uploads::find(&memory, &state.origin, url)),
        input,
        webhook,
    };
    memory.billed += 1;
    // Also of a task that takes no time, as it is with the vendor.
    let prediction = prediction(&task, Stage::Created, state);
    memory.paid.push(task.clone());
    if task.webhook.is_some() {
        // Whoever takes it is there as long as the emulator is.
        _ = state.reports.send(task.id.clone());
    }
    memory.tasks.insert(task.id.clone(), task);
    Ok(prediction)
}

/// Whether one more task may be created. Guesses: that requests which are wrong are not counted,
/// and what comes after the quoted beginnings of these texts.
fn check_limits(state: &State, memory: &Memory) -> Result<(), Refusal> {
    let refuse = |message| Err((StatusCode::TOO_MANY_REQUESTS, message));
    let count = |counts: &dyn Fn(&Task) -> bool| {
        let tasks = memory.tasks.values().filter(|task| counts(task));
        tasks.count() as u64
    };
    let Limits {
        per_minute,
        running,
    } = state.settings.limits;
    if let Some(limit) = per_minute
        && count(&|task| state.now() < task.created + MINUTE) >= limit
    {
        return refuse(format!(
            "You have reached your rate limit of {limit} predictions per 1 minute."
        ));
    }
    if let Some(limit) = running
        && count(&|task| stage(task, state) != Stage::Ended) >= limit
    {
        return refuse(format!(
            "You have reached your concurrency limit: {limit} predictions running at once."
        ));
    }
    Ok(())
}

/// The ending that a fault has ordered for the task of this call.
fn ordered(parts: &Parts) -> Option<&Ending> {
    parts.extensions.get()
}

/// The prediction of the task `id`.
pub(crate) fn result(state: &State, id: &str, parts: &Parts) -> Result<Value, Refusal> {
    let task = state.memory().tasks.get_mut(id).map(|task| {
        if let Some(ending) = ordered(parts) {
            task.ending = ending.clone();
        }
        task.clone()
    });
    let task = task.ok_or((StatusCode::NOT_FOUND, "Prediction not found.".to_owned()))?;
    Ok(now(&task, state))
}

/// The prediction of a task at this moment.
pub(crate) fn now(task: &Task, state: &State) -> Value {
    prediction(task, stage(task, state), state)
}

/// The status of a task at this moment.
pub(crate) fn status<'a>(task: &'a Task, state: &State) -> &'a str {
    match stage(task, state) {
        Stage::Created => "created",
        Stage::Processing => "processing",
        Stage::Ended => &task.ending.status,
    }
}

/// Whether nothing changes any more.
pub(crate) fn has_ended(task: &Task, state: &State) -> bool {
    stage(task, state) == Stage::Ended
}

/// The output that a URL refers to, once there is one; `Err` if the URL has expired.
pub(crate) fn output(state: &State, uri: &Uri) -> Result<Option<File>, Refusal> {
    let (id, version) = read_output_path(uri);
    let task = state.memory().tasks.get(id).cloned();
    let task = task.filter(|task| has_output(stage(task, state), task));
    let Some(task) = task else { return Ok(None) };
    if version < task.expired {
        // A guess: the words; the status is that of common storage services.
        return Err((StatusCode::FORBIDDEN, "the URL has expired".to_owned()));
    }
    let tag = format!("\"{id}\"");
    Ok(Some(match task.source {
        Some(source) => File::stored(source, task.makes.content_type(), tag),
        None => File::built_in(task.makes.bytes(), task.makes.content_type(), tag),
    }))
}

/// Lets the URL of an output expire.
pub(crate) fn expire(state: &State, uri: &Uri) {
    let (id, version) = read_output_path(uri);
    if let Some(task) = state.memory().tasks.get_mut(id)
        && version == task.expired
    {
        task.expired += 1;
    }
}

/// The path of a task's output. Only the first one needs no number.
fn output_path(task: &Task) -> String {
    let Task { id, expired, .. } = task;
    let extension = task.makes.extension();
    let query = (*expired > 0).then(|| format!("?version={expired}"));
    format!("{OUTPUTS}{id}.{extension}{}", query.unwrap_or_default())
}

/// The id of the task, and how many of its URLs came before this one.
fn read_output_path(uri: &Uri) -> (&str, u64) {
    let name = uri.path().strip_prefix(OUTPUTS);
    let id = name.and_then(|name| Some(name.rsplit_once('.')?.0));
    let version = uri.query().and_then(|query| query.strip_prefix("version="));
    let version = version.and_then(|version| version.parse().ok());
    (id.unwrap_or_default(), version.unwrap_or_default())
}

/// The URL in the query, if it can be one.
fn webhook(uri: &Uri) -> Result<Option<String>, String> {
    // A guess: how the vendor words it, and whether it looks at all.
    let refusal = |got: &str| format!("field \"webhook\" must be an http or https URL, got {got}");
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| refusal("a query that cannot be read"))?;
    let Some((_, url)) = query.into_iter().find(|(name, _)| name == "webhook") else {
        return Ok(None);
    };
    let is_http = url.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
    });
    if is_http {
        Ok(Some(url))
    } else {
        Err(refusal(&format!("string {}", Value::from(url))))
    }
}

fn stage(task: &Task, state: &State) -> Stage {
    let age = state.now().saturating_sub(task.created);
    if age >= task.takes {
        Stage::Ended
    } else if age >= task.takes / 4 {
        Stage::Processing
    } else {
        Stage::Created
    }
}

fn has_output(stage: Stage, task: &Task) -> bool {
    stage == Stage::Ended && task.ending.is_completed()
}

/// The prediction of a task at a stage, with the fields and the values of the vendor's recorded
/// answers.
fn prediction(task: &Task, stage: Stage, state: &State) -> Value {
    let clock = &state.settings.clock;
    let Task {
        id, model, ending, ..
    } = task;
    let origin = &state.origin;
    let (status, took, error, code) = match stage {
        Stage::Created => ("created", Duration::ZERO, "", None),
        Stage::Processing => ("processing", Duration::ZERO, "", None),
        Stage::Ended => (&*ending.status, task.takes, &*ending.error, ending.code()),
    };
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let outputs: Vec<_> = has_output(stage, task)
        .then(|| format!("{origin}{}", output_path(task)))
        .into_iter()
        .collect();
    let mut fields = json!({
        "id": id,
        "status": status,
        "emulated": true,
        "model": model,
        "urls": { "get": format!("{origin}/api/v3/predictions/{id}/result") },
        "has_nsfw_contents": vec![false; outputs.len()],
        "outputs": outputs,
        "created_at": clock.rfc3339(task.created),
        "error": error,
        "executionTime": took,
        "timings": { "inference": took },
    });
    if let Some(code) = code {
        fields["code"] = code.into();
    }
    thin_out(&mut fields, state.settings.optional_fields);
    fields
}

/// Takes the optional fields away, as the setting says, but what the task ended with.
fn thin_out(fields: &mut Value, mode: OptionalFields) {
    let Value::Object(fields) = fields else {
        return;
    };
    let says_nothing = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        other => *other == json!(0),
    };
    let stays = |name: &str, value: &Value| match name {
        "id" | "status" | "emulated" => true,
        "outputs" | "error" | "code" => !says_nothing(value),
        _ => false,
    };
    match mode {
        OptionalFields::Present => {}
        OptionalFields::Absent => fields.retain(|name, value| stays(name, value)),
        OptionalFields::Null => {
            for (name, value) in fields.iter_mut() {
                if !stays(name, value) {
                    *value = Value::Null;
                }
            }
        }
    }
}
