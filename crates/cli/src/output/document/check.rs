//! The document of `wave check`.

use schemars::JsonSchema;
use serde::Serialize;
use wavespeed::media::Facts;
use wavespeed::{Fault, Inspection};

use super::FaultDocument;

/// A file of `wave check`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct CheckDocument {
    /// The path or URL.
    pub(crate) file: String,
    /// The kind of the file, by its content; null if the content could not be read.
    pub(crate) kind: Option<String>,
    /// The size in bytes.
    pub(crate) bytes: Option<u64>,
    /// The duration of the video track, or else of the longest track or the movie, in seconds.
    pub(crate) seconds: Option<f64>,
    /// The width of the video as displayed, in pixels.
    pub(crate) width: Option<u32>,
    /// The height of the video as displayed, in pixels.
    pub(crate) height: Option<u32>,
    /// The codec of the video.
    pub(crate) codec: Option<String>,
    /// The consequence of the faults.
    pub(crate) verdict: Verdict,
    /// The faults of the file for the model.
    pub(crate) faults: Vec<FaultDocument>,
}

/// The consequence of the faults of a file.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The file has no faults.
    Fine,
    /// All faults are warnings.
    Warning,
    /// A run would refuse the file.
    Refused,
}

impl Verdict {
    fn of(faults: &[Fault]) -> Self {
        match faults {
            faults if faults.iter().any(Fault::is_refusal) => Self::Refused,
            [] => Self::Fine,
            _ => Self::Warning,
        }
    }

    /// Returns the word for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }
}

impl CheckDocument {
    pub(crate) fn new(file: &str, inspection: &Inspection) -> Self {
        let facts = inspection.facts.as_ref();
        let video = facts.and_then(Facts::video);
        let size = video.and_then(|video| video.size);
        let seconds = video.and_then(|video| video.duration);
        // Sound has no video track, and a track may not state its duration.
        let seconds = seconds
            .or_else(|| facts?.longest())
            .or(facts.and_then(|facts| facts.movie));
        Self {
            file: file.to_owned(),
            kind: facts.map(|facts| facts.container.to_string()),
            bytes: inspection.bytes,
            seconds: seconds.map(|time| time.as_secs_f64()),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            codec: video.and_then(|video| video.codec.clone()),
            verdict: Verdict::of(&inspection.faults),
            faults: inspection.faults.iter().map(FaultDocument::from).collect(),
        }
    }
}
