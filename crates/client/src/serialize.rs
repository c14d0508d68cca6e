//! How inputs are sent. One function does what a derived `Serialize` would say anew for each of a
//! thousand types, at a third of what it costs to compile.

// Which of these a build needs depends on the providers that are turned on.
#![allow(dead_code)]

use serde::Serialize;
use serde::ser::{Error as _, SerializeMap as _, Serializer};

/// A field, if it is to be sent.
pub(crate) type Field<'a> = (&'static str, Option<&'a dyn Json>);

/// What can be sent.
pub(crate) trait Json {
    fn json(&self) -> serde_json::Result<serde_json::Value>;
}

impl<T: Serialize> Json for T {
    fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }
}

/// A field that is always sent.
pub(crate) fn always<'a>(name: &'static str, value: &'a dyn Json) -> Field<'a> {
    (name, Some(value))
}

/// A field that is sent if it is set.
pub(crate) fn if_some<'a, T: Serialize>(name: &'static str, value: &'a Option<T>) -> Field<'a> {
    (name, value.as_ref().map(|value| value as &dyn Json))
}

/// A list or a map that is sent if there is something in it.
pub(crate) fn unless<'a>(name: &'static str, value: &'a dyn Json, empty: bool) -> Field<'a> {
    (name, if empty { None } else { Some(value) })
}

/// Sends the fields in their order.
pub(crate) fn send<S: Serializer>(serializer: S, fields: &[Field<'_>]) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in fields {
        if let Some(value) = value {
            let json = value.json().map_err(S::Error::custom)?;
            map.serialize_entry(name, &json)?;
        }
    }
    map.end()
}
