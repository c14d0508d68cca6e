//! Quoting for a shell, and for the arguments of this command.

use wavespeed::PredictionId;

/// The prefix of an id that would be read as something else, or refused as a mistake.
pub(crate) const ID_PREFIX: &str = "id:";

/// Quotes a text.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes a text if a shell would change it.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Returns the text that names an id on the command line.
pub(crate) fn id(id: &PredictionId) -> String {
    let text = id.as_str();
    let digits = text.strip_prefix(['j', 'J']).unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match id.has_usual_form() && !is_number && !text.starts_with('-') {
        true => text.to_owned(),
        false => word(&format!("{ID_PREFIX}{text}")),
    }
}
