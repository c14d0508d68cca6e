//! The record of a prediction: typed fields as far as they match the spec, and the JSON as received.

use std::ops::Deref;

use serde_json::{Map, Value};

use crate::generated::types;

/// The vendor's record of a prediction. Dereferences to [`types::Prediction`] for its fields. A field
/// whose type differs from the spec reads as missing, and is still in [`raw`](Self::raw).
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    record: types::Prediction,
    raw: Value,
}

impl Prediction {
    /// Reads a prediction from the `data` of an answer or the body of a webhook. Returns `None` if it
    /// has no `id`.
    #[must_use]
    pub fn from_json(raw: Value) -> Option<Self> {
        let fields = raw.as_object()?;
        let id = fields.get("id").filter(|id| id.is_string())?;
        // Without an id the record is of no use; without a status the job may still be running.
        let status = fields.get("status").filter(|status| status.is_string());
        if let Ok(record) = read(&raw) {
            return Some(Self { record, raw });
        }
        // A field differs from the spec. The record is built up from the two required fields, one
        // further field at a time, and each field that makes it unreadable is left out.
        let mut readable = Map::new();
        readable.insert("id".into(), id.clone());
        readable.insert(
            "status".into(),
            // An empty status is unknown, and an unknown status is not terminal.
            status.cloned().unwrap_or_else(|| "".into()),
        );
        for (key, value) in fields.iter().filter(|(key, _)| *key != "status") {
            readable.insert(key.clone(), value.clone());
            if read(&Value::Object(readable.clone())).is_err() {
                readable.remove(key);
            }
        }
        let record = read(&Value::Object(readable)).ok()?;
        Some(Self { record, raw })
    }

    /// Returns the JSON as it was received.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// Returns the outputs, each a URL or another JSON value, depending on the model. There are none
    /// before the end of the prediction. A value that is not an array counts as the only output.
    #[must_use]
    pub fn outputs(&self) -> &[Value] {
        // From the raw JSON, since the typed field is missing if a single output is not as in the spec.
        match self.raw.get("outputs") {
            Some(Value::Array(outputs)) => outputs,
            Some(Value::Null) | None => &[],
            Some(output) => std::slice::from_ref(output),
        }
    }

    /// Returns the error message of the prediction; `None` if it is missing or empty.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.record
            .error
            .as_deref()
            .filter(|error| !error.is_empty())
    }
}

fn read(raw: &Value) -> serde_json::Result<types::Prediction> {
    serde::Deserialize::deserialize(raw)
}

impl Deref for Prediction {
    type Target = types::Prediction;

    fn deref(&self) -> &types::Prediction {
        &self.record
    }
}
