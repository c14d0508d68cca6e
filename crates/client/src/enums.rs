//! The traits of all generated enums: the choices of the inputs, which are strings on the wire.
//!
//! The enums are open: a value that is not known to this crate is kept in the variant `Other`, so a
//! choice that the vendor adds later can be sent without an update. Conversions and comparisons go by
//! the value on the wire. The generator writes only the variants, `ALL` and `as_str`, and one call of
//! [`open_enum`]. The code behind that macro is shared by all enums, so it is compiled once and not
//! for each of them.

// Which of these items a build needs depends on the enabled providers.
#![allow(dead_code, unused_imports, unused_macros)]

use std::borrow::Cow;
use std::fmt;

/// An enum whose variants are strings on the wire, with a variant for any other string.
pub(crate) trait OpenEnum: Clone + 'static {
    /// All variants but the one for other strings.
    const KNOWN: &'static [Self];

    /// Returns the string on the wire.
    fn as_wire(&self) -> &str;

    /// Returns the variant for other strings.
    fn other(value: String) -> Self;
}

/// Returns the known variant of a string, or else the one for other strings.
pub(crate) fn from_wire<T: OpenEnum>(value: Cow<'_, str>) -> T {
    let known = T::KNOWN.iter().find(|known| known.as_wire() == value);
    match known {
        Some(known) => known.clone(),
        None => T::other(value.into_owned()),
    }
}

pub(crate) fn fmt_wire<T: OpenEnum>(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Not `write_str`, which would ignore a width.
    f.pad(value.as_wire())
}

/// Implements the conversions from and to strings, serde's traits and comparisons for an enum that has
/// `ALL`, `as_str` and the variant `Other`.
macro_rules! open_enum {
    ($name:ident) => {
        impl $crate::enums::OpenEnum for $name {
            const KNOWN: &'static [Self] = Self::ALL;

            fn as_wire(&self) -> &str {
                self.as_str()
            }

            fn other(value: String) -> Self {
                Self::Other(value)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                $crate::enums::from_wire(value.into())
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                $crate::enums::from_wire(value.into())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(value))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::enums::fmt_wire(self, f)
            }
        }

        // Not derived: a value is equal to the variant that is sent as the same string.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(input).map(Self::from)
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    /// A generated enum, in short.
    #[derive(Clone, Debug)]
    enum Voice {
        Klee,
        Aot,
        Other(String),
    }

    impl Voice {
        const ALL: &'static [Self] = &[Self::Klee, Self::Aot];

        const fn as_str(&self) -> &str {
            match self {
                Self::Klee => "genshin_klee2",
                Self::Aot => "AOT",
                Self::Other(value) => value.as_str(),
            }
        }
    }

    open_enum!(Voice);

    #[test]
    fn known_value_gives_its_variant_and_any_other_is_kept() {
        for (value, is_known) in [
            ("AOT", true),
            ("genshin_klee2", true),
            ("aot", false),
            ("", false),
            ("new \"voice\"\n", false),
        ] {
            let voices = [
                Voice::from(value),
                Voice::from(value.to_owned()),
                value.parse().unwrap(),
                serde_json::from_value(json!(value)).unwrap(),
            ];
            for voice in voices {
                assert_eq!(!matches!(voice, Voice::Other(_)), is_known, "{voice:?}");
                assert_eq!(voice.as_str(), value);
                assert_eq!(voice.to_string(), value);
                assert_eq!(serde_json::to_value(&voice).unwrap(), json!(value));
            }
        }
        assert_eq!(
            format!("{:>5}|{:<5}", Voice::Aot, Voice::Aot),
            "  AOT|AOT  "
        );
        assert!(serde_json::from_value::<Voice>(json!(1)).is_err());
    }

    #[test]
    fn equality_goes_by_the_value_on_the_wire() {
        let by_hand = Voice::Other("AOT".into());
        assert_eq!(by_hand, Voice::Aot);
        assert_ne!(by_hand, Voice::Klee);
        assert_eq!(HashSet::from([by_hand, Voice::Aot]).len(), 1);
    }
}
