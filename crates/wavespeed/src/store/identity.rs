//! The identity of a submit: what makes two submits the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The number of hex digits that are kept of the SHA-256 of a part: 128 bits, which no two different
/// values of one input share by accident.
const PART_DIGITS: usize = 32;

/// The version of the text that the digest is made of. Digests of different versions are never equal.
const VERSION: u32 = 1;

/// The name of the part that holds the model. No JSON pointer of an input is equal to it, because a
/// pointer is empty or begins with a slash.
const MODEL: &str = "model";

/// The identity of a submit: the model and the input, with each local file replaced by the SHA-256 of its
/// content. Two submits with equal identities ask for the same job.
///
/// An identity consists of one hash per value of the input, at any depth, so that the first difference between two
/// submits can be named, and of the digest over all of them. Values are compared by these hashes and
/// never by a number that was written down and parsed again.
///
/// [`Store`](crate::Store) has an example.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Identity {
    digest: String,
    parts: BTreeMap<String, String>,
}

impl Identity {
    /// Creates the identity of an input. `files` has the SHA-256 of each local file that the input
    /// names, by the JSON pointer of its value.
    #[must_use]
    pub fn new(model: &str, input: &Value, files: &BTreeMap<String, String>) -> Self {
        let mut parts = BTreeMap::new();
        parts.insert(MODEL.to_owned(), hash(model.as_bytes(), PART_DIGITS));
        add_parts(input, String::new(), files, &mut parts);
        // A name may contain any character. In JSON a name ends where its string ends, so no two maps
        // of parts have the same text.
        let text = serde_json::json!([VERSION, parts]).to_string();
        let digest = hash(text.as_bytes(), 64);
        Self { digest, parts }
    }

    /// Creates an identity from what a store has kept of it.
    #[must_use]
    pub fn from_parts(digest: impl Into<String>, parts: BTreeMap<String, String>) -> Self {
        let digest = digest.into();
        Self { digest, parts }
    }

    /// Returns the digest, 64 hex digits. Equal submits have equal digests.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the hash of each value, by the JSON pointer of the value in the input, and that of the
    /// model as `model`.
    #[must_use]
    pub fn parts(&self) -> &BTreeMap<String, String> {
        &self.parts
    }

    /// Returns the name of the first part in which two identities differ, or `None` if they differ in
    /// none. Parts whose name is in `ignored` are left out.
    pub(crate) fn first_difference(
        &self,
        other: &Self,
        ignored: &BTreeSet<String>,
    ) -> Option<String> {
        let differs = |name: &&String| {
            !ignored.contains(*name) && self.parts.get(*name) != other.parts.get(*name)
        };
        // The model comes first: inputs of different models have nothing to compare.
        let model = MODEL.to_owned();
        let names = [&model].into_iter();
        let names = names.chain(self.parts.keys()).chain(other.parts.keys());
        names.into_iter().find(differs).cloned()
    }
}

fn add_parts(
    value: &Value,
    pointer: String,
    files: &BTreeMap<String, String>,
    parts: &mut BTreeMap<String, String>,
) {
    let text = match value {
        _ if files.contains_key(&pointer) => format!("sha256:{}", files[&pointer]),
        // A container has a part of its own: `["x"]` and `{ "0": "x" }` have the same pointers. Its
        // text is the same whatever it contains, so that a difference is named by the inner value.
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                add_parts(value, format!("{pointer}/{name}"), files, parts);
            }
            "{}".to_owned()
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                add_parts(item, format!("{pointer}/{at}"), files, parts);
            }
            "[]".to_owned()
        }
        value => canonical(value),
    };
    parts.insert(pointer, hash(text.as_bytes(), PART_DIGITS));
}

/// Returns the name of a part as faults name a field: `images[2]` for `/images/2`, and `input` for the
/// whole input.
pub(crate) fn field_name(part: &str) -> String {
    if part.is_empty() {
        return "input".to_owned();
    }
    let mut name = String::new();
    for field in part.trim_start_matches('/').split('/') {
        if !name.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit()) {
            _ = write!(name, "[{field}]");
        } else {
            let dot = if name.is_empty() { "" } else { "." };
            _ = write!(name, "{dot}{}", field.replace("~1", "/").replace("~0", "~"));
        }
    }
    name
}

/// Returns a scalar as a text that is the same for equal values.
fn canonical(value: &Value) -> String {
    /// The integers up to this one are exact as `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        // Typed inputs have `1.0` where JSON that was written by hand has `1`.
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < EXACT => {
            format!("{number:.0}")
        }
        _ => value.to_string(),
    }
}

/// Returns the first hex digits of the SHA-256 of a text.
fn hash(text: &[u8], digits: usize) -> String {
    let mut hash = base16ct::lower::encode_string(&Sha256::digest(text));
    hash.truncate(digits);
    hash
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(input: &Value) -> Identity {
        Identity::new("a/b", input, &BTreeMap::new())
    }

    fn difference(one: &Value, other: &Value) -> Option<String> {
        identity(one).first_difference(&identity(other), &BTreeSet::new())
    }

    #[test]
    fn the_order_of_fields_and_the_form_of_numbers_are_no_difference() {
        let one = json!({ "text": "a", "speed": 1, "list": [1.5, "x"] });
        let other = json!({ "list": [1.5, "x"], "speed": 1.0, "text": "a" });
        assert_eq!(identity(&one), identity(&other));
        assert_eq!(identity(&json!({ "a": -0.0 })).digest().len(), 64);
    }

    #[test]
    fn every_other_value_is_a_difference_that_is_named() {
        let base = json!({ "text": "a", "list": [1, 2] });
        for (other, name) in [
            (json!({ "text": "b", "list": [1, 2] }), "/text"),
            (json!({ "text": "a", "list": [1, 3] }), "/list/1"),
            (json!({ "text": "a", "list": [1] }), "/list/1"),
            (json!({ "text": "a", "list": [] }), "/list/0"),
            (json!({ "text": "a", "list": [1, 2], "x": null }), "/x"),
            (json!({ "text": "a", "list": ["1", 2] }), "/list/0"),
            (json!({ "text": "a", "list": { "0": 1, "1": 2 } }), "/list"),
        ] {
            assert_eq!(difference(&base, &other).as_deref(), Some(name), "{other}");
            assert_ne!(identity(&base).digest(), identity(&other).digest());
        }
        let other = Identity::new("a/c", &base, &BTreeMap::new());
        let named = identity(&base).first_difference(&other, &BTreeSet::new());
        assert_eq!(named.as_deref(), Some("model"));
        assert_ne!(other.digest(), identity(&base).digest());
    }

    #[test]
    fn a_name_that_looks_like_two_parts_is_one() {
        let two = identity(&json!({ "a": 1, "b": 2 }));
        for separator in ["\n", "\",\"", "\":\""] {
            let name = format!("a{separator}{} ", two.parts()["/b"]);
            let one = identity(&json!({ name: { "b": 1 } }));
            assert_ne!(one.digest(), two.digest(), "{separator:?}");
        }
    }

    #[test]
    fn a_part_has_the_name_of_its_field() {
        for (part, name) in [
            ("model", "model"),
            ("", "input"),
            ("/text", "text"),
            ("/images/2", "images[2]"),
            ("/a/b~1c", "a.b/c"),
        ] {
            assert_eq!(field_name(part), name);
        }
    }

    #[test]
    fn a_file_counts_by_its_content_and_not_by_its_name() {
        let with = |name: &str, sha256: &str| {
            let files = BTreeMap::from([("/video".to_owned(), sha256.to_owned())]);
            Identity::new("a/b", &json!({ "video": name }), &files)
        };
        assert_eq!(with("a.mp4", "00"), with("b.mp4", "00"));
        assert_ne!(with("a.mp4", "00"), with("a.mp4", "01"));
        // A text that looks like the hash of a file is still a text.
        assert_ne!(
            with("a.mp4", "00"),
            identity(&json!({ "video": "sha256:00" }))
        );
        let ignored = BTreeSet::from(["/video".to_owned()]);
        let gone = identity(&json!({ "video": "a.mp4" }));
        assert_eq!(with("a.mp4", "00").first_difference(&gone, &ignored), None);
    }
}
