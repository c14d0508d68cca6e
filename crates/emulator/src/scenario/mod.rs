//! The language in which faults are ordered: what it can say, and its documentation. How a text is
//! read is the business of `parse`, which call a rule strikes that of `faults`, and what then
//! happens that of `strike`.

mod parse;
mod words;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;

use crate::settings::Ending;

pub use parse::ScenarioError;

/// Which calls go wrong, and how: a text of rules, one a line.
///
/// ```
/// use wavespeed_emulator::{Emulator, Scenario};
///
/// let scenario: Scenario = "
///     ## The first two submits come too early, the third one's answer is lost.
///     submit  first 2  status 429 retry-after 7
///     submit  nth 3    lose-answer
///     result  20%      status 502 html
///     output  once     cut 1000
/// "
/// .parse()?;
/// let emulator = Emulator::builder().scenario(scenario).seed(7);
///
/// let error = "submit twice drop-before".parse::<Scenario>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 1, `submit twice drop-before`: `twice` is not an occurrence; take once, first N, \
///      nth N, every or P%"
/// );
/// # Ok::<(), wavespeed_emulator::ScenarioError>(())
/// ```
///
#[doc = include_str!("language.md")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    pub(crate) rules: Vec<Rule>,
}

impl Scenario {
    /// What the language can say, for people: the same text as above.
    pub const LANGUAGE: &str = include_str!("language.md");
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        parse::scenario(text)
    }
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Submit,
    Result,
    History,
    Ticket,
    Price,
    Balance,
    Form,
    Put,
    Output,
    Account,
    Webhook,
}

impl Call {
    const ALL: [Self; 11] = [
        Self::Submit,
        Self::Result,
        Self::History,
        Self::Ticket,
        Self::Price,
        Self::Balance,
        Self::Form,
        Self::Put,
        Self::Output,
        Self::Account,
        Self::Webhook,
    ];

    /// Whether it is one of the API: JSON, with a key.
    pub(crate) fn is_api(self) -> bool {
        !matches!(self, Self::Put | Self::Output | Self::Webhook)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Result => "result",
            Self::History => "history",
            Self::Ticket => "ticket",
            Self::Price => "price",
            Self::Balance => "balance",
            Self::Form => "form",
            Self::Account => "account",
            Self::Put => "put",
            Self::Output => "output",
            Self::Webhook => "webhook",
        })
    }
}

/// A line of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Absent for `any`.
    pub(crate) call: Option<Call>,
    pub(crate) occurrence: Occurrence,
    pub(crate) fault: Fault,
}

impl Rule {
    /// Whether it is about such calls.
    pub(crate) fn concerns(&self, call: Call) -> bool {
        self.call.is_none_or(|own| own == call) && self.fault.is_possible(call)
    }
}

/// Which of the calls that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurrence {
    First(u64),
    Nth(u64),
    Every,
    Percent(u8),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    DropBefore,
    LoseAnswer,
    StallBefore,
    Stall,
    Delay(Duration),
    Status(Refused),
    Redirect(String),
    Html,
    Cut(u64),
    WrongLength,
    Empty,
    Huge,
    Truncated,
    NullData { done: bool },
    NoId,
    UnknownStatus(String),
    Ending(Ending),
    Expired,
    NoRanges,
    Twice,
    Forged,
}

/// A status instead of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<RetryAfter>,
    pub(crate) html: bool,
    /// Whether the call is done nevertheless.
    pub(crate) done: bool,
}

/// What `Retry-After` says, in seconds from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Seconds(u32),
    Date(u32),
}

impl Fault {
    /// Whether it can befall such a call.
    fn is_possible(&self, call: Call) -> bool {
        if call == Call::Webhook {
            return matches!(
                self,
                Self::DropBefore | Self::Delay(_) | Self::Twice | Self::Forged
            );
        }
        match self {
            Self::Twice | Self::Forged => false,
            Self::DropBefore
            | Self::LoseAnswer
            | Self::StallBefore
            | Self::Delay(_)
            | Self::Status(_)
            | Self::Redirect(_)
            | Self::Html => true,
            // The answer to a PUT has no body.
            Self::Stall | Self::Cut(_) | Self::WrongLength | Self::Empty | Self::Huge => {
                call != Call::Put
            }
            Self::Truncated | Self::NullData { .. } => call.is_api(),
            Self::NoId | Self::Ending(_) => matches!(call, Call::Submit | Call::Result),
            Self::UnknownStatus(_) => matches!(call, Call::Submit | Call::Result | Call::History),
            Self::Expired | Self::NoRanges => call == Call::Output,
        }
    }

    /// Whether the call is done all the same.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::DropBefore | Self::Redirect(_) => false,
            Self::Status(refused) => refused.done,
            Self::NullData { done } => *done,
            _ => true,
        }
    }
}
