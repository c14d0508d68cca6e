//! Default values and constructors for the generated catalogue, so that the table lists only the
//! fields that differ from the defaults.

// Which of these items a build needs depends on the enabled providers.
#![allow(dead_code, unused_imports)]

pub(crate) use crate::model::{Bounds, Choice, Input, Literal, Media, MediaKind, Model, Shape};

/// An optional input of any type, without rules.
pub(crate) const INPUT: Input = Input {
    name: "",
    flag: "",
    about: "",
    required: false,
    hidden: false,
    nullable: false,
    default: None,
    shape: Shape::Any,
    media: None,
    language: None,
};

/// The shape of a string without rules.
pub(crate) const STRING: Shape = choice(&[]);

/// An image file without limits.
pub(crate) const MEDIA: Media = Media {
    kind: MediaKind::Image,
    containers: &[],
    bytes: UNBOUNDED,
    seconds: UNBOUNDED,
    side_px: UNBOUNDED,
    aspect: UNBOUNDED,
    inline: false,
    advised_lines: &[],
};

/// Bounds that allow every value.
pub(crate) const UNBOUNDED: Bounds = Bounds {
    min: None,
    max: None,
    advised_max: None,
};

/// Returns the shape of a string that is one of the choices; any string if there are none.
pub(crate) const fn choice(choices: &'static [Choice]) -> Shape {
    Shape::String {
        min_chars: None,
        max_chars: None,
        choices,
    }
}

/// Returns a choice without names.
pub(crate) const fn text(value: &'static str) -> Choice {
    named(value, &[])
}

/// Returns a choice with its names, by language.
pub(crate) const fn named(
    value: &'static str,
    names: &'static [(&'static str, &'static str)],
) -> Choice {
    Choice {
        value: Literal::String(value),
        names,
    }
}
