//! Suggestions for a name that is not known ("did you mean").

/// Returns the known name that is most similar to an unknown one, if any is similar enough.
///
/// ```
/// use wavespeed::nearest;
///
/// assert_eq!(nearest("voice", ["text", "voice_id"]), Some("voice_id"));
/// assert_eq!(nearest("seed", ["text", "voice_id"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Case and separators are ignored, as they do not change which name is meant.
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let name = plain(name);
    let near = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, &plain(known)), known));
    // The Jaro-Winkler similarity is between 0 and 1. Below 0.8 a suggestion would mislead.
    near.filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
