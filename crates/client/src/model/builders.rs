//! What the generated catalogue is written with, so that it says only what is not so of most.

// Which of these a build needs depends on the providers that are turned on.
#![allow(dead_code, unused_imports)]

pub(crate) use crate::model::{Bounds, Choice, Input, Literal, Media, MediaKind, Model, Shape};

/// An input of which nothing is said: the generated table says only what differs.
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

/// A text without rules.
pub(crate) const STRING: Shape = choice(&[]);

/// A file without limits.
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

/// No limits.
pub(crate) const UNBOUNDED: Bounds = Bounds {
    min: None,
    max: None,
    advised_max: None,
};

/// A text that is one of some.
pub(crate) const fn choice(choices: &'static [Choice]) -> Shape {
    Shape::String {
        min_chars: None,
        max_chars: None,
        choices,
    }
}

/// A choice that is called as it is sent.
pub(crate) const fn text(value: &'static str) -> Choice {
    named(value, &[])
}

/// A choice with names.
pub(crate) const fn named(
    value: &'static str,
    names: &'static [(&'static str, &'static str)],
) -> Choice {
    Choice {
        value: Literal::String(value),
        names,
    }
}
