//! Ids that reach a path of a URL. Percent-encoding does not stop `..`, so nothing becomes an id
//! that could leave the path it is put into.

use std::fmt;
use std::str::FromStr;

use crate::text::shorten;

/// The id of a prediction: 4 to 128 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PredictionId(String);

/// The id of a model: parts of `A-Z a-z 0-9 . _ -` with slashes between them, such as
/// `kwaivgi/kling-lipsync/text-to-video`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(String);

/// A text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// It is not the id of a prediction.
    #[error("{0:?} is not the id of a prediction: those are 4 to 128 letters, digits, `_` or `-`")]
    Prediction(String),
    /// It is not the id of a model.
    #[error("{0:?} is not the id of a model: those look like `provider/model`")]
    Model(String),
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl FromStr for PredictionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (4..=128).contains(&text.len()) && text.bytes().all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::Prediction(shorten(text, 80)))
        }
    }
}

impl FromStr for ModelId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_part = |part: &str| {
            part.bytes().any(is_word) && part.bytes().all(|byte| is_word(byte) || byte == b'.')
        };
        if text.len() <= 256 && text.contains('/') && text.split('/').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::Model(shorten(text, 80)))
        }
    }
}

impl PredictionId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ModelId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PredictionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ModelId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PredictionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_leaves_a_path_is_an_id() {
        for good in ["6488c2754f6f4dfea924382fa14d11bd", "pred_1-A"] {
            assert_eq!(good.parse::<PredictionId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "abc",
            "..",
            "....",
            "a/../b",
            "a%2Fb",
            "abc\n",
            "äöüß",
            &"a".repeat(129),
        ] {
            assert!(bad.parse::<PredictionId>().is_err(), "{bad:?}");
        }
        for good in ["kwaivgi/kling-v1.6-i2v-pro", "a/b/c", "wavespeed-ai/flux_2"] {
            assert_eq!(good.parse::<ModelId>().unwrap().as_str(), good);
        }
        for bad in [
            "", "a", "/a", "a/", "a//b", "../a", "a/..", "a/./b", "a/b?c", "a/b#c", "a/b c",
        ] {
            assert!(bad.parse::<ModelId>().is_err(), "{bad:?}");
        }
    }
}
