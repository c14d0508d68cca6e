//! Serialization of the generated input types. A derived `Serialize` would generate the same code for
//! each of a thousand types. The shared function takes a third of the time to compile.

// Which of these items a build needs depends on the enabled providers.
#![allow(dead_code)]

use serde::Serialize;
use serde::ser::{Error as _, SerializeMap as _, Serializer};

/// The name and the value of a field; no value if the field is not sent.
pub(crate) type Field<'a> = (&'static str, Option<&'a dyn ToJson>);

/// A value that converts to JSON. Unlike `Serialize`, this trait can be used as a `dyn` type.
pub(crate) trait ToJson {
    fn to_json(&self) -> serde_json::Result<serde_json::Value>;
}

impl<T: Serialize> ToJson for T {
    fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }
}

/// Returns a field that is always sent.
pub(crate) fn required<'a>(name: &'static str, value: &'a dyn ToJson) -> Field<'a> {
    (name, Some(value))
}

/// Returns a field that is sent if it is set.
pub(crate) fn optional<'a, T: Serialize>(name: &'static str, value: &'a Option<T>) -> Field<'a> {
    (name, value.as_ref().map(|value| value as &dyn ToJson))
}

/// Returns a list or a map that is sent unless it is empty.
pub(crate) fn unless_empty<'a>(
    name: &'static str,
    value: &'a dyn ToJson,
    empty: bool,
) -> Field<'a> {
    (name, if empty { None } else { Some(value) })
}

/// Serializes the fields as a map, in the given order.
pub(crate) fn serialize_fields<S: Serializer>(
    serializer: S,
    fields: &[Field<'_>],
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in fields {
        if let Some(value) = value {
            let json = value.to_json().map_err(S::Error::custom)?;
            map.serialize_entry(name, &json)?;
        }
    }
    map.end()
}
