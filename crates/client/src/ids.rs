//! Ids that become part of the path of a URL. Percent-encoding does not change `..`, so a string that
//! could leave the path is rejected when the id is parsed.
//!
//! An id of a prediction that was billed must be usable whatever the vendor makes of it, so nearly every text
//! is one. The id of a model is typed by people, and only the vendor's form is accepted.

use std::fmt;
use std::str::FromStr;

use crate::answer::record::id_in_url;
use crate::text::shorten;

/// The longest id of a prediction, in bytes. Percent-encoded it triples, and servers accept URLs of 8 KiB
/// or more.
const MAX_PREDICTION_ID: usize = 2_048;

/// The id of a prediction: 1 to 2,048 bytes of printable text, except `.` and `..`, which would change the
/// path of a URL. Today's ids are 32 hex digits, but nothing here depends on that.
///
/// An id may contain any character of a shell or a path, so it has to be quoted in a command line, and must
/// not become the name of a file as it is.
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
    #[error(
        "{0:?} is not the id of a prediction: an id is 1 to {MAX_PREDICTION_ID} bytes of printable text other \
         than `.` and `..`"
    )]
    Prediction(String),
    /// The string is not the id of a model.
    #[error("{0:?} is not the id of a model: an id has the form `provider/model`")]
    Model(String),
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Returns `true` if a text is shown as it is: it has no control character, no mark that changes the
/// direction of a line, no space but the ordinary one, and nothing else that `Debug` escapes.
fn is_printable(text: &str) -> bool {
    // Quotes and backslashes are printable, but `Debug` escapes them as well.
    let plain: String = text.replace(['"', '\'', '\\'], "");
    plain.escape_debug().eq(plain.chars())
}

impl FromStr for PredictionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_dots = matches!(text, "." | "..");
        if text.len() <= MAX_PREDICTION_ID
            && !text.trim().is_empty()
            && !is_dots
            && is_printable(text)
        {
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
    /// Returns `true` if the id has the form that the vendor documents: 4 to 128 characters of
    /// `A-Z a-z 0-9 _ -`. From a person, a text in another form is more likely a mistake than an id.
    #[must_use]
    pub fn has_usual_form(&self) -> bool {
        (4..=128).contains(&self.0.len()) && self.0.bytes().all(is_word_byte)
    }

    /// Returns the id in the URL of a prediction, or in its path, such as
    /// `https://api.wavespeed.ai/api/v3/predictions/ID/result`, which people copy in place of the id.
    #[must_use]
    pub fn from_url(url: &str) -> Option<Self> {
        id_in_url(url)?.parse().ok()
    }

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
    fn any_printable_text_but_dots_is_the_id_of_a_prediction() {
        let longest = "a".repeat(MAX_PREDICTION_ID);
        for good in [
            "7",
            "-rf",
            "...",
            "a/../b",
            "a%2Fb",
            "a b",
            r#""a" 'b' \c"#,
            "äöüß",
            "नमस्ते",
            &longest,
        ] {
            let id: PredictionId = good.parse().unwrap();
            assert_eq!((id.as_str(), id.has_usual_form()), (good, false));
        }
        for usual in ["6488c2754f6f4dfea924382fa14d11bd", "pred_1-A", "-abc"] {
            let id: PredictionId = usual.parse().unwrap();
            assert_eq!((id.as_str(), id.has_usual_form()), (usual, true));
        }
        for bad in [
            "",
            " ",
            ".",
            "..",
            "abc\n",
            "abc\u{1b}[2J",
            "abc\u{202e}",
            "abc\u{200b}",
            "abc\u{a0}",
            &"a".repeat(MAX_PREDICTION_ID + 1),
        ] {
            assert!(bad.parse::<PredictionId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn id_in_a_url_is_decoded() {
        for (url, id) in [
            (
                "https://a.example/api/v3/predictions/pred_1/result?x=1",
                Some("pred_1"),
            ),
            ("http://a.example/predictions/a%2Fb%20c", Some("a/b c")),
            ("/predictions/-rf/result", Some("-rf")),
            ("https://a.example/predictions/%2E%2E/result", None),
            ("https://a.example/predictions/%ff/result", None),
            ("https://a.example/predictions", None),
            ("https://a.example/pred_1", None),
            ("pred_1", None),
        ] {
            let found = PredictionId::from_url(url);
            assert_eq!(found.as_ref().map(PredictionId::as_str), id, "{url}");
        }
    }

    #[test]
    fn model_ids_that_leave_a_path_are_rejected() {
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
