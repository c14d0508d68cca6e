//! The rules that an input can break.

use std::hash::Hash;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

/// The rules a [`Fault`](crate::Fault) can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, Serialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// It has to be there.
    Required,
    /// The model has an input of this name.
    Known,
    /// It is of this type.
    Type,
    /// It is one of the choices.
    Choice,
    /// A choice speaks the language that another input names.
    Language,
    /// A text is as long as it may be.
    Length,
    /// A number is in its range.
    Range,
    /// A number is a multiple of another.
    Multiple,
    /// An array has as many elements as it may have.
    Items,
    /// It is an http or https URL.
    Url,
    /// A text is no local file: its path would be sent instead of it.
    Local,
    /// A local file is there and can be read.
    File,
    /// A file is of a kind the model takes.
    Container,
    /// A file is as large as it may be.
    Size,
    /// A file is all there.
    Whole,
    /// A video has a video track.
    Track,
    /// A video or a sound is as long as it may be.
    Duration,
    /// Each side of a video is as long as it may be.
    Side,
    /// A video has one of the numbers of lines that are advised.
    Resolution,
    /// What is behind a URL can be had, and looked at.
    Reachable,
    /// The place for the output can be written to.
    Output,
}

impl Rule {
    /// Every rule.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Whether an input that breaks it is refused, but could be sent all the same. A file that
    /// cannot be read cannot, nor can an output that has no place.
    #[must_use]
    pub fn can_be_overridden(self) -> bool {
        let never_refused = matches!(self, Self::Language | Self::Resolution);
        !never_refused && !matches!(self, Self::File | Self::Output)
    }

    /// The name of the rule, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
