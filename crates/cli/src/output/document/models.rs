//! The documents of `wave models` and `wave voices`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wavespeed::Model;

/// A model of `wave models`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ModelDocument {
    /// The id.
    pub(crate) id: String,
    /// The vendor's name of the model.
    pub(crate) name: String,
    /// The type, such as `text-to-video`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The vendor's description.
    pub(crate) description: String,
    /// The vendor's page.
    pub(crate) docs: Option<&'static str>,
}

impl From<&Model> for ModelDocument {
    fn from(model: &Model) -> Self {
        Self {
            id: model.id.to_owned(),
            name: model.name.to_owned(),
            kind: model.kind.to_owned(),
            description: model.about.to_owned(),
            docs: model.docs,
        }
    }
}

impl ModelDocument {
    /// Reads an entry of the vendor's list of models. Returns `None` without an id.
    pub(crate) fn from_entry(entry: &Value) -> Option<Self> {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().trim().to_owned();
        let id = entry["model_id"].as_str()?;
        Some(Self {
            id: id.to_owned(),
            name: text("name"),
            kind: text("type"),
            description: text("description"),
            docs: wavespeed::model(id).and_then(|model| model.docs),
        })
    }

    /// Returns the part of the id before the first slash.
    pub(crate) fn provider(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}

/// A voice of `wave voices`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct VoiceDocument {
    /// The value for `--voice-id`.
    pub(crate) id: String,
    /// The names by language. A voice supports the languages in which it has a name.
    pub(crate) names: BTreeMap<&'static str, &'static str>,
    /// True for the voice of a run without `--voice-id`.
    pub(crate) default: bool,
}
