//! The vendor's own list of models, for what the catalogue does not have yet.

use serde_json::Value;
use wavespeed_client::{Answer, Model};

use crate::call::{FetchError, answered, data, refused};
use crate::client::Wavespeed;

/// The vendor's list of models.
#[derive(Clone, Debug, Default)]
pub struct LiveModels(Vec<Value>);

impl Wavespeed {
    /// Asks for every model of the vendor, with the schemas of their inputs: some 2 MB.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn live_models(&self) -> Result<LiveModels, FetchError> {
        let call = async { Answer::of(self.0.api.list_models().await).await };
        let answer = answered(self, call).await?;
        match data(&answer) {
            Some(Value::Array(entries)) => Ok(LiveModels(entries)),
            _ => Err(refused(&answer)),
        }
    }
}

impl LiveModels {
    /// A list that was kept as JSON.
    #[must_use]
    pub fn from_json(list: Value) -> Option<Self> {
        match list {
            Value::Array(entries) => Some(Self(entries)),
            _ => None,
        }
    }

    /// The list as JSON, to be kept.
    #[must_use]
    pub fn as_json(&self) -> &[Value] {
        &self.0
    }

    /// The ids of all entries that have one.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|entry| entry["model_id"].as_str())
    }

    /// The entry of a model, in the vendor's words.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Value> {
        self.0.iter().find(|entry| entry["model_id"] == id)
    }

    /// A model in the terms of the catalogue, so that everything that takes one takes it; see
    /// [`Model::from_list`] for what the list does not say. Nothing if the list does not have it,
    /// or says nothing of its inputs.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&'static Model> {
        Model::from_list(self.entry(id)?)
    }
}
