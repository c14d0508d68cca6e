//! The number of a job.

use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use wavespeed_client::text::shorten;

/// The number a [`Store`](crate::Store) gave to a job, shown as `j17`. It is there before the vendor's id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobNumber(u64);

impl JobNumber {
    /// The job of this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}", self.0)
    }
}

/// A text that is not the number of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the number of a job: those look like j17")]
pub struct NotJobNumber(String);

impl FromStr for JobNumber {
    type Err = NotJobNumber;

    fn from_str(text: &str) -> Result<Self, NotJobNumber> {
        let digits = text
            .strip_prefix('j')
            .filter(|digits| !digits.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| NotJobNumber(shorten(text, 80)))
    }
}
