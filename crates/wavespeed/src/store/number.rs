//! The number of a job in a store.

use std::fmt;
use std::str::FromStr;

use wavespeed_client::text::shorten;

/// The number that a [`Store`](crate::Store) gave to a job, shown as `j17`. A job has its number
/// before the vendor assigns an id.
///
/// ```
/// use wavespeed::JobNumber;
///
/// let number: JobNumber = "j17".parse()?;
/// assert_eq!((number, number.get()), (JobNumber::new(17), 17));
/// # Ok::<(), wavespeed::InvalidJobNumber>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct JobNumber(u64);

impl JobNumber {
    /// Creates the number of a job.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number, unless it is 0, the number that a store which keeps no jobs gives.
    pub(crate) fn known(self) -> Option<Self> {
        Some(self).filter(|number| number.0 > 0)
    }
}

impl fmt::Display for JobNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}", self.0)
    }
}

impl From<JobNumber> for String {
    fn from(number: JobNumber) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for JobNumber {
    type Error = InvalidJobNumber;

    fn try_from(text: String) -> Result<Self, InvalidJobNumber> {
        text.parse()
    }
}

/// Error of parsing a text as a [`JobNumber`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the number of a job: job numbers look like j17")]
pub struct InvalidJobNumber(String);

impl FromStr for JobNumber {
    type Err = InvalidJobNumber;

    fn from_str(text: &str) -> Result<Self, InvalidJobNumber> {
        let digits = text.strip_prefix('j');
        // `u64` also parses a leading plus, which no job number has.
        let digits = digits.filter(|digits| !digits.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| InvalidJobNumber(shorten(text, 80)))
    }
}
