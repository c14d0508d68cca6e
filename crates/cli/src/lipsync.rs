//! The model of `wave lipsync`, and its voices.

use wavespeed::{Choice, Input};

/// The id of the model.
pub(crate) const LIPSYNC: &str = "kwaivgi/kling-lipsync/text-to-video";

/// Returns the input that selects the voice.
pub(crate) fn voice_input() -> Option<&'static Input> {
    wavespeed::model(LIPSYNC)?.input("voice_id")
}

/// Returns the voices.
pub(crate) fn voices() -> impl Iterator<Item = &'static Choice> {
    voice_input()
        .into_iter()
        .flat_map(|input| input.shape.choices())
}

/// Returns the languages in which any voice has a name.
pub(crate) fn languages() -> Vec<&'static str> {
    let mut languages = Vec::new();
    for (language, _) in voices().flat_map(|choice| choice.names) {
        if !languages.contains(language) {
            languages.push(*language);
        }
    }
    languages
}
