//! The list of tasks of the last 7 days: where a client looks for a task of which it lost the id.
//! What a prediction looks like is the business of `predictions`.

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::bundle::Operation;
use crate::predictions;
use crate::routes::Refusal;
use crate::state::{State, Task};

/// Which tasks are wanted.
struct Filter {
    model: Option<String>,
    status: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

/// A page of the predictions that a request wants, or why it is refused.
pub(crate) fn list(state: &State, operation: &Operation, body: &[u8]) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(refusal)?;
    let filter = Filter::new(&request).map_err(refusal)?;
    let mut tasks = state.memory().all_tasks();
    tasks.reverse();
    tasks.retain(|task| filter.wants(task, state));
    let items: Vec<_> = tasks
        .iter()
        .map(|task| predictions::now(task, state))
        .collect();
    Ok(page(&request, &items, state))
}

/// The page that a request wants, and how many items a page has.
pub(crate) fn place(request: &Map<String, Value>) -> (u64, u64) {
    let number = |name| request.get(name).and_then(Value::as_u64).unwrap_or(1);
    (number("page"), number("page_size"))
}

/// A page of all items.
pub(crate) fn page(request: &Map<String, Value>, items: &[Value], state: &State) -> Value {
    let (page, size) = place(request);
    let skipped = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let shown: Vec<_> = items.iter().skip(skipped).take(size as usize).collect();
    let mut answer = json!({ "page": page, "items": shown });
    let optional = &state.settings.optional_fields;
    optional.put(&mut answer, "total", items.len().into());
    answer
}

/// A time in a request.
pub(crate) fn optional_time(
    request: &Map<String, Value>,
    name: &str,
) -> Result<Option<Timestamp>, String> {
    let text = request.get(name).and_then(Value::as_str);
    let read = |text| {
        // A guess: the wording.
        time(text).ok_or_else(|| {
            let got = Value::from(text);
            format!("field \"{name}\" must be an ISO 8601 time, got string {got}")
        })
    };
    text.map(read).transpose()
}

impl Filter {
    fn new(request: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| Some(request.get(name)?.as_str()?.to_owned());
        let time = |name: &str| optional_time(request, name);
        Ok(Self {
            model: text("model"),
            status: text("status"),
            after: time("created_after")?,
            before: time("created_before")?,
        })
    }

    /// Whether a task is one of those that are wanted. A guess: one created at the very moment
    /// that is given is none of them.
    fn wants(&self, task: &Task, state: &State) -> bool {
        let created = created(task, state);
        let status = || predictions::status(task, state);
        self.model.as_ref().is_none_or(|model| *model == task.model)
            && self.status.as_ref().is_none_or(|word| word == status())
            && self.after.is_none_or(|after| created > after)
            && self.before.is_none_or(|before| created < before)
    }
}

/// When a task was created, as exactly as its prediction tells it.
fn created(task: &Task, state: &State) -> Timestamp {
    state.settings.clock.timestamp(task.created)
}

/// A time of ISO 8601. A guess: without an offset it is one of UTC, and a date is its midnight.
fn time(text: &str) -> Option<Timestamp> {
    let in_utc = || {
        let time: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    };
    text.parse().ok().or_else(in_utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_iso_8601_are_read() {
        let expected: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for text in [
            "2026-01-02T00:00:00Z",
            "2026-01-02T00:00:00.000000000Z",
            "2026-01-02T01:30:00+01:30",
            "2026-01-02T00:00:00",
            "2026-01-02",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "1767312000", "2026-13-01"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
