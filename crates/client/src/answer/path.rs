//! Reading one string from JSON that may be cut off.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Returns the string, or the whole number as a string, at a path of keys. The JSON may be cut off or
/// invalid after it.
pub(super) fn string_at_path(json: &[u8], keys: &'static [&'static str]) -> Option<String> {
    let mut found = None;
    let path = StringAtPath {
        keys,
        found: &mut found,
    };
    // JSON that is cut off ends in an error, but the string may have been found before it.
    _ = path.deserialize(&mut serde_json::Deserializer::from_slice(json));
    found
}

/// A visitor that stores the string at a path of keys as soon as the parser reaches it. A derived type
/// would only give a value at the end of the JSON, which may be missing.
struct StringAtPath<'a> {
    /// The keys that are left of the path.
    keys: &'static [&'static str],
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for StringAtPath<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StringAtPath<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object or a string")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.keys.split_first() {
                Some((first, rest)) if key == *first => {
                    map.next_value_seed(StringAtPath {
                        keys: rest,
                        found: self.found,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.keys.is_empty() {
            *self.found = Some(text.to_owned());
        }
        Ok(())
    }

    // An id may be sent as a number.
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }
}
