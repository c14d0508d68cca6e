//! What every choice of an input can do, so that the generated types need not say it each time.

// Which of these a build needs depends on the providers that are turned on.
#![allow(dead_code, unused_imports, unused_macros)]

use std::fmt;

use crate::text::shorten;

/// A text that is not one of the choices of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not one of the choices: {choices}")]
#[non_exhaustive]
pub struct InvalidChoice {
    /// What was given.
    pub value: String,
    /// What can be chosen, with commas between.
    pub choices: String,
}

/// An enum that is a text on the wire.
pub(crate) trait Text: Copy + 'static {
    fn all() -> &'static [Self];
    fn text(self) -> &'static str;
}

pub(crate) fn parse<T: Text>(value: &str) -> Result<T, InvalidChoice> {
    let found = T::all().iter().find(|choice| choice.text() == value);
    found.copied().ok_or_else(|| InvalidChoice {
        value: shorten(value, 80),
        choices: T::all()
            .iter()
            .map(|choice| choice.text())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

pub(crate) fn show<T: Text>(choice: T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.pad(choice.text())
}

/// Reads, shows and sends an enum that has `ALL` and `as_str`.
macro_rules! text {
    ($name:ident) => {
        impl $crate::enums::Text for $name {
            fn all() -> &'static [Self] {
                Self::ALL
            }

            fn text(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::enums::show(*self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidChoice;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                $crate::enums::parse(value)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use text;
