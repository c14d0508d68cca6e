//! A model and an input for it, from typed Rust or from JSON.

use serde_json::Value;
use wavespeed_client::ModelInput;

/// A model and an input for it: what [`Wavespeed::submit`](crate::Wavespeed::submit) and
/// [`Wavespeed::run`](crate::Wavespeed::run) take. A reference to a typed input becomes one by itself.
///
/// ```
/// use wavespeed::{RawInput, serde_json::json};
///
/// let input = RawInput::new("vendor/model", json!({ "prompt": "a boat at dawn" }));
/// ```
#[derive(Debug)]
pub struct RawInput {
    pub(crate) model: String,
    pub(crate) value: Result<Value, serde_json::Error>,
}

impl RawInput {
    /// Creates a JSON input for a model, which need not be in the catalogue.
    #[must_use]
    pub fn new(model: impl Into<String>, input: Value) -> Self {
        Self {
            model: model.into(),
            value: Ok(input),
        }
    }
}

impl<I: ModelInput> From<&I> for RawInput {
    fn from(input: &I) -> Self {
        Self {
            model: I::MODEL.to_owned(),
            value: serde_json::to_value(input),
        }
    }
}
