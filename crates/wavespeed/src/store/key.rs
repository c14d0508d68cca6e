//! The idempotency key of a job.

use std::fmt;
use std::str::FromStr;

/// The greatest length of an [`IdempotencyKey`], in characters. It leaves room for a path or a URL, and
/// keeps a key short enough for an index and for a line of output.
const MAX_CHARS: usize = 256;

/// The idempotency key of a job: 1 to 256 printable characters that the caller chooses. An account has
/// at most one job per key, so a submit that is repeated with its key is not paid for twice.
///
/// ```
/// use wavespeed::IdempotencyKey;
///
/// let key: IdempotencyKey = "order-17/clip-3".parse()?;
/// assert_eq!(key.as_str(), "order-17/clip-3");
/// assert!("".parse::<IdempotencyKey>().is_err());
/// # Ok::<(), wavespeed::InvalidIdempotencyKey>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// A character of the text is not printable: a control character, or one that changes how a line
    /// is shown without being visible itself.
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
        if let Some(unprintable) = text.chars().find(|c| !is_printable(*c)) {
            return Err(InvalidIdempotencyKey::Unprintable(unprintable));
        }
        match length {
            0 => Err(InvalidIdempotencyKey::Empty),
            1..=MAX_CHARS => Ok(Self(text.to_owned())),
            _ => Err(InvalidIdempotencyKey::TooLong(length)),
        }
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
    // Soft hyphen, Arabic letter mark, Mongolian vowel separator, zero-width and direction marks, line
    // and paragraph separators, invisible operators, byte order mark, and annotation marks.
    let is_invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    );
    !c.is_control() && !is_invisible && (c == ' ' || !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_256_printable_characters() {
        let longest = "ä".repeat(MAX_CHARS);
        for good in ["a", "order-17/clip 3", "日本", longest.as_str()] {
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
}
