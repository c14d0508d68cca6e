//! The traits of all generated enums: the choices of the inputs, which are strings on the wire.
//!
//! The generator writes only the variants, `ALL` and `as_str`, and one call of [`string_enum`]. The
//! code behind that macro is shared by all enums, so it is compiled once and not for each of them.

// Which of these items a build needs depends on the enabled providers.
#![allow(dead_code, unused_imports, unused_macros)]

use std::fmt;

use crate::text::shorten;

/// The error of parsing a string that is not a choice of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not one of the choices: {choices}")]
#[non_exhaustive]
pub struct InvalidChoice {
    /// The string that was parsed, shortened to 80 characters.
    pub value: String,
    /// The choices, separated by commas.
    pub choices: String,
}

/// An enum whose variants are strings on the wire.
pub(crate) trait StringEnum: Copy + 'static {
    fn variants() -> &'static [Self];
    fn as_wire(self) -> &'static str;
}

pub(crate) fn parse_variant<T: StringEnum>(value: &str) -> Result<T, InvalidChoice> {
    let mut variants = T::variants().iter().copied();
    let found = variants.find(|variant| variant.as_wire() == value);
    found.ok_or_else(|| InvalidChoice {
        value: shorten(value, 80),
        choices: T::variants()
            .iter()
            .map(|variant| variant.as_wire())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

pub(crate) fn fmt_variant<T: StringEnum>(variant: T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Not `write_str`, which would ignore a width.
    f.pad(variant.as_wire())
}

/// Implements `Display`, `FromStr` and `Serialize` for an enum that has `ALL` and `as_str`.
macro_rules! string_enum {
    ($name:ident) => {
        impl $crate::enums::StringEnum for $name {
            fn variants() -> &'static [Self] {
                Self::ALL
            }

            fn as_wire(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::enums::fmt_variant(*self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::enums::InvalidChoice;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                $crate::enums::parse_variant(value)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use string_enum;
