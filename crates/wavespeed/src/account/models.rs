//! The vendor's own list of models, for models that the catalogue does not have yet.

use serde_json::Value;
use wavespeed_client::Model;

use crate::call::{FetchError, data, read, refused};
use crate::client::Wavespeed;

/// The vendor's list of models.
///
/// It can be stored and read again:
///
/// ```
/// use wavespeed::{LiveModels, serde_json::json};
///
/// let stored = json!([{ "model_id": "vendor/model" }]);
/// let models = LiveModels::from_json(stored).ok_or("not a list")?;
/// assert_eq!(models.ids().collect::<Vec<_>>(), ["vendor/model"]);
/// assert_eq!(models.entry("vendor/model"), models.as_json().first());
/// assert!(models.model("vendor/model").is_none()); // it has no inputs
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LiveModels(Vec<Value>);

impl Wavespeed {
    /// Fetches the list of all models, with the schemas of their inputs. The answer has about 2 MB.
    ///
    /// # Errors
    /// Returns an error if the call fails or the answer is not a list.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use wavespeed::{RawInput, serde_json::json};
    ///
    /// let models = ws.live_models().await?;
    /// let model = models.model("vendor/new-model").ok_or("no such model")?;
    /// let input = RawInput::new(model.id, json!({ "prompt": "a boat at dawn" }));
    /// let job = ws.submit(input).model_schema(model).await?;
    /// # Ok(()) }
    /// ```
    pub async fn live_models(&self) -> Result<LiveModels, FetchError> {
        let answer = read(self, |api| async move { api.list_models().await });
        let answer = answer.await?;
        match data(&answer) {
            Some(Value::Array(entries)) => Ok(LiveModels(entries)),
            _ => Err(refused(&answer)),
        }
    }
}

impl LiveModels {
    /// Creates a list from the JSON of [`as_json`](Self::as_json), or returns `None` if it is not an
    /// array.
    #[must_use]
    pub fn from_json(list: Value) -> Option<Self> {
        match list {
            Value::Array(entries) => Some(Self(entries)),
            _ => None,
        }
    }

    /// Returns the list as JSON, to be stored.
    #[must_use]
    pub fn as_json(&self) -> &[Value] {
        &self.0
    }

    /// Returns the ids of all entries that have one.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|entry| entry["model_id"].as_str())
    }

    /// Returns the vendor's entry of a model.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Value> {
        self.0.iter().find(|entry| entry["model_id"] == id)
    }

    /// Returns a model as the catalogue has it, so that it can be used wherever a [`Model`] is taken.
    /// See [`Model::from_list`] for what the list leaves out. Returns `None` if the list does not
    /// have the model or its inputs.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&'static Model> {
        Model::from_list(self.entry(id)?)
    }
}
