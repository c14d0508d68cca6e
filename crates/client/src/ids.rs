//! Ids that become part of the path of a URL. Percent-encoding does not change `..`, so a string that
//! could leave the path is rejected when the id is parsed.

use std::fmt;
use std::str::FromStr;

use crate::text::shorten;

/// The id of a prediction: 4 to 128 characters of `A-Z a-z 0-9 _ -`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(try_from = "String")]
pub struct PredictionId(String);

/// The id of a model: at least two parts of `A-Z a-z 0-9 . _ -`, separated by slashes, such as
/// `kwaivgi/kling-lipsync/text-to-video`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(try_from = "String")]
pub struct ModelId(String);

/// The error of parsing a string that is not an id. Holds the string, shortened to 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// The string is not the id of a prediction.
    #[error("{0:?} is not the id of a prediction: an id has 4 to 128 letters, digits, `_` or `-`")]
    Prediction(String),
    /// The string is not the id of a model.
    #[error("{0:?} is not the id of a model: an id has the form `provider/model`")]
    Model(String),
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl FromStr for PredictionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (4..=128).contains(&text.len()) && text.bytes().all(is_word_byte) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::Prediction(shorten(text, 80)))
        }
    }
}

impl FromStr for ModelId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // A part needs a byte that is not a dot: `.` and `..` would change the path.
        let is_part = |part: &str| {
            part.bytes().any(is_word_byte)
                && part.bytes().all(|byte| is_word_byte(byte) || byte == b'.')
        };
        if text.len() <= 256 && text.contains('/') && text.split('/').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::Model(shorten(text, 80)))
        }
    }
}

impl TryFrom<String> for PredictionId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl TryFrom<String> for ModelId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl PredictionId {
    /// Returns the id as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ModelId {
    /// Returns the id as a string.
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
    fn ids_are_strings_in_json_and_are_checked_there() {
        let id: PredictionId = "pred_1-A".parse().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, r#""pred_1-A""#);
        assert_eq!(serde_json::from_str::<PredictionId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<PredictionId>(r#""..""#).is_err());
        assert!(serde_json::from_str::<ModelId>(r#""a/..""#).is_err());
    }

    #[test]
    fn ids_that_leave_a_path_are_rejected() {
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
