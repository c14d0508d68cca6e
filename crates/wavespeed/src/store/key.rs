//! The idempotency key of a job.

use std::fmt;
use std::str::FromStr;

/// The greatest length of an [`IdempotencyKey`], in characters. It leaves room for a path or a URL, and
/// keeps a key short enough for an index and for a line of output.
const MAX_CHARS: usize = 256;

/// The idempotency key of a job: 1 to 256 printable characters that the caller chooses. An account has
/// at most one job per key, so a submit that is repeated with its key is not paid for twice.
///
/// A key neither begins nor ends with a space, and has no character that cannot be seen. Keys are
/// compared character by character, without Unicode normalization: "é" as one character and as "e" with
/// a combining accent are two keys. A program that gets its keys from several sources normalizes them
/// first.
///
/// ```
/// use wavespeed::IdempotencyKey;
///
/// let key: IdempotencyKey = "order-17/clip-3".parse()?;
/// assert_eq!(key.as_str(), "order-17/clip-3");
/// assert!("".parse::<IdempotencyKey>().is_err());
/// # Ok::<(), wavespeed::InvalidIdempotencyKey>(())
/// ```
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(try_from = "String")]
pub struct IdempotencyKey(String);

/// Error of a text that cannot be an [`IdempotencyKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdempotencyKey {
    /// The text is empty.
    #[error("the key is empty; a key has 1 to {MAX_CHARS} printable characters")]
    Empty,
    /// The text has more than 256 characters.
    #[error("the key has {0} characters; a key has 1 to {MAX_CHARS}")]
    TooLong(usize),
    /// A character of the text is not printable: a control character, one that changes how a line is
    /// shown without being visible itself, one that is shown as nothing, or a space at the beginning or
    /// the end.
    #[error("the key contains U+{:04X}, which is not printable; remove it", u32::from(*.0))]
    Unprintable(char),
    /// The text is the API key of the client. A key is written down, and an API key must not be.
    #[error("the key is the API key; choose another text, because keys are written down")]
    ApiKey,
}

impl IdempotencyKey {
    /// Returns the key as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let length = text.chars().count();
        let is_edge = |at| at == 0 || at + 1 == text.len();
        let mut chars = text.char_indices();
        let unprintable = chars.find(|(at, c)| !is_printable(*c) || *c == ' ' && is_edge(*at));
        if let Some((_, unprintable)) = unprintable {
            return Err(InvalidIdempotencyKey::Unprintable(unprintable));
        }
        match length {
            0 => Err(InvalidIdempotencyKey::Empty),
            1..=MAX_CHARS => Ok(Self(text.to_owned())),
            _ => Err(InvalidIdempotencyKey::TooLong(length)),
        }
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidIdempotencyKey;

    fn try_from(text: String) -> Result<Self, InvalidIdempotencyKey> {
        text.parse()
    }
}

impl AsRef<str> for IdempotencyKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `true` if a character is visible, or an ordinary space. Two keys that differ only in
/// characters that no one can see would look the same.
fn is_printable(c: char) -> bool {
    !c.is_control() && !is_invisible(c) && !is_noncharacter(c) && (c == ' ' || !c.is_whitespace())
}

/// Returns `true` for a character that is shown as nothing: the characters with the property
/// `Default_Ignorable_Code_Point` of the Unicode character database, the annotation marks, and the empty
/// Braille pattern.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
            // Hangul fillers, Khmer inherent vowels, Mongolian variation selectors.
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero-width and direction marks, line and paragraph separators, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Empty Braille pattern, Hangul filler, variation selectors, byte order mark.
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            // Halfwidth Hangul filler, reserved characters and annotation marks.
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Controls of shorthand and of music, tags and further variation selectors.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns `true` for the code points that Unicode never assigns to a character.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_256_printable_characters() {
        let longest = "ä".repeat(MAX_CHARS);
        for good in ["a", "order-17/clip 3", "日本", "😀", longest.as_str()] {
            assert_eq!(good.parse::<IdempotencyKey>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(MAX_CHARS + 1);
        for (bad, error) in [
            ("", InvalidIdempotencyKey::Empty),
            (&too_long, InvalidIdempotencyKey::TooLong(257)),
            ("a\nb", InvalidIdempotencyKey::Unprintable('\n')),
            ("\u{202e}a", InvalidIdempotencyKey::Unprintable('\u{202e}')),
            ("a\u{a0}b", InvalidIdempotencyKey::Unprintable('\u{a0}')),
            ("a\u{200b}", InvalidIdempotencyKey::Unprintable('\u{200b}')),
        ] {
            assert_eq!(bad.parse::<IdempotencyKey>(), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn a_key_has_no_character_that_cannot_be_seen() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180f}',
            '\u{2065}',
            '\u{2800}',
            '\u{3164}',
            '\u{fdd0}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{ffff}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{1fffe}',
            '\u{e0041}',
            '\u{e0fff}',
        ] {
            let parsed = format!("a{c}b").parse::<IdempotencyKey>();
            let expected = Err(InvalidIdempotencyKey::Unprintable(c));
            assert_eq!(parsed, expected, "U+{:04X}", u32::from(c));
        }
        for edge in [" a", "a ", " ", "é "] {
            let expected = Err(InvalidIdempotencyKey::Unprintable(' '));
            assert_eq!(edge.parse::<IdempotencyKey>(), expected, "{edge:?}");
        }
    }

    #[test]
    fn keys_are_compared_by_their_characters() {
        let [composed, decomposed] =
            ["\u{e9}", "e\u{301}"].map(|key| key.parse::<IdempotencyKey>());
        assert_ne!(composed.unwrap(), decomposed.unwrap());
    }
}
