//! The rules that an input must follow. Each has a name, by which it can be overridden.

use std::hash::Hash;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

/// A rule that a [`Fault`](crate::Fault) breaks.
///
/// ```
/// use wavespeed::Rule;
///
/// let overridable = Rule::ALL.iter().filter(|rule| rule.can_be_overridden());
/// let names: Vec<&str> = overridable.map(|rule| rule.name()).collect();
/// assert!(names.contains(&"choice") && !names.contains(&"file"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, Serialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// A required input is present.
    Required,
    /// The model has an input of this name.
    Known,
    /// A value has the type of its input.
    Type,
    /// A value is one of the choices.
    Choice,
    /// A choice, such as a voice, speaks the language that another input names.
    Language,
    /// The length of a text is within its limits.
    Length,
    /// A number is within its range.
    Range,
    /// A number is a multiple of its step.
    Multiple,
    /// The number of elements of an array is within its limits.
    Items,
    /// A file is given as an http or https URL.
    Url,
    /// A text is not the path of a local file, which would be sent instead of the file.
    Local,
    /// A local file exists and can be read.
    File,
    /// A file is of a kind that the model accepts.
    Container,
    /// The size of a file is within its limits.
    Size,
    /// A file is complete.
    Whole,
    /// A video has a video track with pictures, and a sound file a track with sound.
    Track,
    /// The pictures or sound of a file are in a codec that is known, and not encrypted.
    Codec,
    /// The duration of a video or sound is within its limits.
    Duration,
    /// Width, height and aspect ratio of a video or picture are within their limits.
    Side,
    /// A video has a recommended resolution.
    Resolution,
    /// The file behind a URL can be fetched and read.
    Reachable,
    /// The target of the output can be written.
    Output,
}

impl Rule {
    /// All rules.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns `true` if an input that breaks this rule is refused but can be sent on request. A file
    /// that cannot be read cannot be sent, and an output without a target cannot be saved.
    #[must_use]
    pub fn can_be_overridden(self) -> bool {
        // These two only warn, so there is nothing to override.
        let never_refused = matches!(self, Self::Language | Self::Resolution);
        !never_refused && !matches!(self, Self::File | Self::Output)
    }

    /// Returns the name of the rule, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
