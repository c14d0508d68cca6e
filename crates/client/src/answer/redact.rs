//! Removing secrets from the texts of an answer. A server may repeat the request, with the API key in it, and
//! a URL may contain a password.

use serde_json::{Map, Value};

/// Replaces the texts of a JSON value, and the names of its fields, by `hide`. Values that are used and not
/// only shown stay as they are: ids, URLs, inputs and outputs.
pub(crate) fn redact(value: &mut Value, hide: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = hide(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, hide)),
        Value::Object(fields) => redact_fields(fields, hide),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces the texts in the fields of an object; see [`redact`].
pub(super) fn redact_fields(fields: &mut Map<String, Value>, hide: &impl Fn(&str) -> String) {
    let unredacted = std::mem::take(fields).into_iter();
    fields.extend(unredacted.map(|(name, mut value)| {
        if !is_used(&name) {
            redact(&mut value, hide);
        }
        (hide(&name), value)
    }));
}

/// Returns `true` if the value of a field with this name is used.
fn is_used(name: &str) -> bool {
    matches!(
        name,
        "id" | "ids" | "uuid" | "model" | "url" | "urls" | "input" | "outputs"
    ) || ["_id", "_ids", "_uuid", "_url"]
        .iter()
        .any(|end| name.ends_with(end))
}
