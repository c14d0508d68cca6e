//! The form of texts: in NFC, and with at least one visible character.
//!
//! A text may be written in several ways that look the same: `é` is one code point, or `e` and an accent.
//! The vendor counts code points, so texts are sent in NFC, the shortest of these forms without a change
//! of meaning. The identity of a submit is made of the same form, so that the same text is the same job.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::Value;
use wavespeed_client::{Input, Model, Shape};

/// Brings the texts of an input into Unicode Normalization Form C, as [`Wavespeed::submit`] and
/// [`Wavespeed::run`] do before they send it. Choices stay as they are, and so do paths and URLs, which
/// name a file by their exact characters.
///
/// [`Wavespeed::submit`]: crate::Wavespeed::submit
/// [`Wavespeed::run`]: crate::Wavespeed::run
///
/// ```
/// use wavespeed::{model, normalize_texts, serde_json::json};
///
/// let model = model("kwaivgi/kling-lipsync/text-to-video").ok_or("no such model")?;
/// let mut input = json!({ "video": "cafe\u{301}.mp4", "text": "Cafe\u{301}" });
/// normalize_texts(model, &mut input);
/// assert_eq!(input, json!({ "video": "cafe\u{301}.mp4", "text": "Café" }));
/// # Ok::<(), &str>(())
/// ```
pub fn normalize_texts(model: &Model, input: &mut Value) {
    normalize_object(model.inputs, input);
}

fn normalize_object(known: &[Input], object: &mut Value) {
    let texts = known.iter().filter(|input| input.media.is_none());
    for input in texts {
        if let Some(value) = object.get_mut(input.name) {
            normalize(&input.shape, value);
        }
    }
}

fn normalize(shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::String { choices: [], .. }, Value::String(text)) => {
            if let Cow::Owned(normal) = nfc(text) {
                *text = normal;
            }
        }
        (Shape::Array { items, .. }, Value::Array(values)) => {
            for value in values {
                normalize(items, value);
            }
        }
        (Shape::Object { fields }, object) => normalize_object(fields, object),
        _ => {}
    }
}

/// Returns a text in Normalization Form C.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    NFC.normalize(text)
}

/// Returns `true` if a text has no visible character: it is empty, or has only white space, line ends,
/// control characters and characters of no width.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        let is_invisible = matches!(
            c,
            // The soft hyphen, the grapheme joiner, and the marks and embeddings of directions.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Zero-width space and joiners, and the byte order mark.
            | '\u{200b}'..='\u{200d}' | '\u{180b}'..='\u{180f}' | '\u{feff}'
            // Fillers of Hangul, and the Braille cell without a dot.
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
            // Variation selectors and tags, which change the character before them.
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
        );
        c.is_whitespace() || c.is_control() || is_invisible
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_characters_of_no_width_are_blank() {
        for text in [
            "",
            " ",
            "\r\n\t",
            "\u{a0}\u{3000}\u{2028}",
            "\u{200b}\u{200d}\u{2060}\u{feff}",
            "\u{202e} \u{fe0f}\u{ad}",
            "\0",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " . ", "\u{301}", "👩\u{200d}👩", "好", "\u{200b}-"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
