//! The evidence for an id that was not in the answer to a submit.

use crate::store::error::StoreError;

/// The reason why a prediction counts as that of a job whose id was not in the answer to the submit.
///
/// ```
/// use wavespeed::Adoption;
///
/// assert_eq!(Adoption::Inferred.name(), "inferred");
/// ```
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Deserialize,
    serde::Serialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = StoreError,
    parse_err_fn = unknown_adoption
)]
#[non_exhaustive]
pub enum Adoption {
    /// The record of the prediction, or its webhook, proves it.
    Certain,
    /// The prediction was the only one that it could be.
    Inferred,
    /// A person chose the prediction.
    Chosen,
}

impl Adoption {
    /// Returns the name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_adoption(word: &str) -> StoreError {
    StoreError::new(format!("{word:?} is not the reason of an adoption"))
}
