//! The search for a model in the catalogue.

use crate::catalogue::CATALOGUE;
use crate::model::Model;

/// Returns the model with this id from the [`CATALOGUE`].
#[must_use]
pub fn model(id: &str) -> Option<&'static Model> {
    // The generator sorts the catalogue by id.
    CATALOGUE
        .binary_search_by(|model| model.id.cmp(id))
        .ok()
        .map(|at| &CATALOGUE[at])
}

#[cfg(all(test, feature = "kwaivgi"))]
mod tests {
    use super::*;

    #[test]
    fn model_finds_every_model_of_the_catalogue() {
        assert!(!CATALOGUE.is_empty());
        for known in CATALOGUE.iter() {
            assert_eq!(model(known.id), Some(known));
        }
        assert_eq!(model("kwaivgi/nothing"), None);
    }
}
