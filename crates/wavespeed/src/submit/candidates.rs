//! Predictions that may be the one of a lost submit, and the reason why none of them is adopted.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use wavespeed_client::Prediction;

use crate::call::created_at;

/// The evidence by which a prediction from the vendor's history is adopted for a job whose id was lost.
///
/// A prediction that carries the input of the job is adopted by every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdoptPolicy {
    /// Certain evidence alone: the input in the record equals the one that was sent.
    Certain,
    /// Also the only candidate, if nothing else submits with the account: within an hour before and after
    /// the submit, the history has no prediction that a job of the store does not own. The default.
    #[default]
    Sole,
    /// Also the only candidate while others submit with the account. It may be theirs.
    Single,
}

/// A prediction that may be the one of a lost submit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The prediction.
    pub prediction: Prediction,
    /// The time from the intent of the submit to the creation of the prediction, in seconds: negative if
    /// it was created before. `None` if the creation time cannot be read.
    pub distance: Option<i64>,
}

impl Candidate {
    pub(super) fn new(prediction: &Prediction, intended: Timestamp) -> Self {
        let distance = |at: Timestamp| SignedDuration::as_secs(&at.duration_since(intended));
        Self {
            distance: created_at(prediction).map(distance),
            prediction: prediction.clone(),
        }
    }
}

/// The predictions that may be the one of a lost submit. A person has to decide.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidates {
    /// The predictions, each once, the nearest to the submit first.
    pub found: Vec<Candidate>,
    /// The reason why none of them is adopted.
    pub held_back: HeldBack,
}

impl Candidates {
    pub(super) fn new(mut found: Vec<Candidate>, held_back: HeldBack) -> Self {
        found.sort_by_key(|candidate| candidate.distance.map_or(u64::MAX, i64::unsigned_abs));
        Self { found, held_back }
    }
}

/// The reason why a candidate is not adopted.
///
/// ```
/// use wavespeed::HeldBack;
///
/// assert_eq!(HeldBack::OtherWriter.name(), "other-writer");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum HeldBack {
    /// There are several candidates.
    Several,
    /// Another lost submit of the model is from the same time.
    Rival,
    /// Another program submits with the account.
    OtherWriter,
    /// The offset of this machine's clock at the submit is not known.
    ClockUnknown,
    /// The prediction has no model, no readable creation time, or is outside the window of the submit.
    Unproven,
    /// The history could not be read whole.
    Incomplete,
    /// The window of the submit lies partly before the 7 days that the vendor keeps.
    Expired,
    /// The deadline expired before the history lag was over.
    TooEarly,
    /// The [policy](AdoptPolicy::Certain) wants certain evidence.
    Policy,
}

impl HeldBack {
    /// Returns the name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Several => "several jobs could be the one",
            Self::Rival => "another lost submit could own it just as well",
            Self::OtherWriter => "another program submits with this account",
            Self::ClockUnknown => "the clock of this machine at the submit cannot be compared",
            Self::Unproven => "its model or creation time does not prove it",
            Self::Incomplete => "the history could not be read whole",
            Self::Expired => "the submit is older than the history that the vendor keeps",
            Self::TooEarly => "the history may not be complete yet",
            Self::Policy => "only certain evidence is adopted",
        })
    }
}
