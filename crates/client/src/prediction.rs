//! A prediction, of which nothing is lost: typed where it is as the spec says, raw in any case.

use std::ops::Deref;

use serde_json::{Map, Value};

use crate::types;

/// The record of one task. Its fields are those of [`types::Prediction`]; a field that is not of
/// the type the spec names reads as missing, and is still in [`raw`](Self::raw).
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    record: types::Prediction,
    raw: Value,
}

impl Prediction {
    /// Reads the `data` of an answer, or the body of a webhook. `None` if it has no `id`.
    #[must_use]
    pub fn from_json(raw: Value) -> Option<Self> {
        let fields = raw.as_object()?;
        let id = fields.get("id").filter(|id| id.is_string())?;
        let status = fields.get("status").filter(|status| status.is_string());
        let mut readable = Map::new();
        readable.insert("id".into(), id.clone());
        readable.insert(
            "status".into(),
            status.cloned().unwrap_or_else(|| "".into()),
        );
        if let Ok(record) = read(&raw) {
            return Some(Self { record, raw });
        }
        // Something in it is not as the spec says. Each field that is, is kept.
        for (key, value) in fields.iter().filter(|(key, _)| *key != "status") {
            readable.insert(key.clone(), value.clone());
            if read(&Value::Object(readable.clone())).is_err() {
                readable.remove(key);
            }
        }
        let record = read(&Value::Object(readable)).ok()?;
        Some(Self { record, raw })
    }

    /// The JSON as it came.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The outputs, each a URL or whatever else the model makes. Empty before the end. One that
    /// stands alone, not in an array, counts as the only one.
    #[must_use]
    pub fn outputs(&self) -> &[Value] {
        match self.raw.get("outputs") {
            Some(Value::Array(outputs)) => outputs,
            Some(Value::Null) | None => &[],
            Some(output) => std::slice::from_ref(output),
        }
    }

    /// What went wrong, if anything did.
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
