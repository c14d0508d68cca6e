//! The record of a prediction: typed fields as far as they match the spec, and the JSON as received.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::answer::record::id_in_url;
use crate::answer::redact::redact;
use crate::generated::types;
use crate::key::ApiKey;
use crate::status::Status;
use crate::text::hide_logins;

/// The vendor's record of a prediction. Each field of the spec has an accessor. A field whose type differs
/// from the spec reads as missing, and is still in [`raw`](Self::raw), as are fields that the vendor adds.
///
/// One that comes from an answer is [redacted](crate::Answer).
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    record: types::Prediction,
    raw: Value,
}

impl Prediction {
    /// Reads a prediction from the `data` of an answer or the body of a webhook. Returns `None` if it
    /// has no `id`, neither as a text, nor as a number, nor in the URL `urls.get`.
    #[must_use]
    pub fn from_json(raw: Value) -> Option<Self> {
        let fields = raw.as_object()?;
        let id: Value = match &fields.get("id") {
            Some(Value::String(id)) => id.as_str().into(),
            Some(Value::Number(id)) => id.to_string().into(),
            _ => id_in_url(fields.get("urls")?.get("get")?.as_str()?)?.into(),
        };
        // Without an id the record is of no use; without a status the job may still be running.
        let status = fields.get("status").filter(|status| status.is_string());
        if let Ok(record) = read(&raw) {
            return Some(Self { record, raw });
        }
        // A field differs from the spec. The record is built up from the two required fields, one
        // further field at a time, and each field that makes it unreadable is left out.
        let mut readable = Map::new();
        readable.insert("id".into(), id);
        readable.insert(
            "status".into(),
            // An empty status is unknown, and an unknown status is not terminal.
            status.cloned().unwrap_or_else(|| "".into()),
        );
        let others = fields.iter();
        for (key, value) in others.filter(|(key, _)| !matches!(key.as_str(), "id" | "status")) {
            readable.insert(key.clone(), value.clone());
            if read(&Value::Object(readable.clone())).is_err() {
                readable.remove(key);
            }
        }
        let record = read(&Value::Object(readable)).ok()?;
        Some(Self { record, raw })
    }

    /// Returns the prediction without this API key in its texts, and without the passwords of URLs there.
    /// Values that are used stay as they are: ids, URLs, inputs and outputs.
    #[must_use]
    pub fn without_key(&self, key: &ApiKey) -> Self {
        let mut raw = self.raw.clone();
        redact(&mut raw, &|text| key.redact(&hide_logins(text)));
        match raw == self.raw {
            true => self.clone(),
            false => Self::from_json(raw).unwrap_or_else(|| self.clone()),
        }
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Returns the status. A status that is not in the spec is not terminal.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.record.status
    }

    /// Returns the id of the model that ran. It can differ from the one that was submitted to.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.record.model.as_deref()
    }

    /// Returns the creation time, in RFC 3339.
    #[must_use]
    pub fn created_at(&self) -> Option<&str> {
        self.record.created_at.as_deref()
    }

    /// Returns the vendor's code of a failure. 0 is no failure; older predictions have no code.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.record.code
    }

    /// Returns the URL of the record, which polls read.
    #[must_use]
    pub fn get_url(&self) -> Option<&str> {
        self.record.urls.as_ref()?.get.as_deref()
    }

    /// Returns for each output whether NSFW content was detected in it.
    #[must_use]
    pub fn has_nsfw_contents(&self) -> Option<&[bool]> {
        self.record.has_nsfw_contents.as_deref()
    }

    /// Returns the time of the inference in milliseconds: 0 before the end, and missing in older
    /// predictions.
    #[must_use]
    pub fn inference_ms(&self) -> Option<f64> {
        self.record.timings.as_ref()?.inference
    }

    /// Returns the time of execution in milliseconds: 0 before the end, and missing in newer
    /// predictions.
    #[must_use]
    pub fn execution_ms(&self) -> Option<f64> {
        self.record.execution_time
    }

    /// Returns the input. The vendor sends it in webhooks and in some older answers only.
    #[must_use]
    pub fn input(&self) -> Option<&Map<String, Value>> {
        self.record.input.as_ref()
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

    /// Returns the outputs of a completed prediction.
    ///
    /// # Errors
    /// Returns the status, the code and the error message if the prediction failed, was cancelled, timed
    /// out or was deleted, or if it has not ended yet.
    pub fn completed(&self) -> Result<&[Value], NotCompleted> {
        if *self.status() == Status::Completed {
            return Ok(self.outputs());
        }
        Err(NotCompleted {
            id: self.id().to_owned(),
            status: self.status().clone(),
            code: self.code(),
            error: self.error().map(str::to_owned),
        })
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

/// A prediction that has no outputs to use, because it is not completed; see [`Prediction::completed`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct NotCompleted {
    /// The id of the prediction.
    pub id: String,
    /// The status.
    pub status: Status,
    /// The vendor's code of the failure, if there is one.
    pub code: Option<i64>,
    /// The error message, if there is one.
    pub error: Option<String>,
}

impl NotCompleted {
    fn text(&self) -> String {
        let Self { id, status, .. } = self;
        if !status.is_terminal() {
            return format!("{id} has not ended: its status is {status}");
        }
        let code = self.code.map(|code| format!(" (code {code})"));
        let error = self.error.as_ref().map(|error| format!(": {error}"));
        let (code, error) = (code.unwrap_or_default(), error.unwrap_or_default());
        format!("{id} ended as {status}{code}{error}")
    }
}

fn read(raw: &Value) -> serde_json::Result<types::Prediction> {
    Deserialize::deserialize(raw)
}

/// Writes the JSON as it was received.
impl Serialize for Prediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Prediction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        Self::from_json(raw).ok_or_else(|| serde::de::Error::custom("a prediction needs an id"))
    }
}
