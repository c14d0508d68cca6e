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
/// A rule is `CALL OCCURRENCE FAULT`; `#` begins a comment, at the start of a line or after a space.
///
/// | CALL | |
/// |---|---|
/// | `submit`, `result`, `history`, `ticket`, `price`, `balance` | a call of the API |
/// | `form` | the upload of the bytes as a form, another one |
/// | `put` | the upload of the bytes |
/// | `output` | the download of an output, GET or HEAD |
/// | `any` | each of these on which the fault is possible |
///
/// Every rule counts its own calls, whatever other rules do with them, from 1.
///
/// | OCCURRENCE | |
/// |---|---|
/// | `once` | the first |
/// | `first N` | the first N |
/// | `nth N` | only the N-th |
/// | `every` | all |
/// | `P%` | each with this probability; the same ones with the same [seed](crate::Builder::seed) |
///
/// | FAULT | on | |
/// |---|---|---|
/// | `drop-before` | all | the request is read, then the connection closed; nothing is done |
/// | `lose-answer` | all | it is done, then the connection closed without a byte |
/// | `stall-before` | all | it is done, and no byte comes until the client leaves |
/// | `stall` | all but `put` | it is done; the head of the answer comes, then nothing until the client leaves |
/// | `delay TIME` | all | it is done at once; the answer comes this much later by the emulator's clock (`500ms`, `3s`, `2m`) |
/// | `status CODE …` | all | this status, 300 to 599; see below |
/// | `redirect URL` | all | 307 to there; nothing is done |
/// | `html` | all | it is done; 200 with an HTML page |
/// | `cut N` | all but `put` | the answer breaks off after N bytes of its body; its `Content-Length` announces the whole |
/// | `wrong-length` | all but `put` | the whole body, of which one byte more was announced |
/// | `empty` | all but `put` | an empty body |
/// | `huge` | all but `put` | a body without an end |
/// | `truncated` | the API | half of the JSON, as if it were whole |
/// | `null-data` | the API | it is done; 200 with the code 5003 and `data` null. `null-data before`: it is not done |
/// | `no-id` | `submit`, `result` | neither `id` nor `urls` |
/// | `unknown-status WORD` | `submit`, `result`, `history` | tasks that have not ended have this status |
/// | `ending STATUS TEXT` | `submit`, `result` | no fault of the answer: the task ends so, with this `error` (or none) |
/// | `expired` | `output` | 403 for this URL, for ever; the next result has one that works |
/// | `no-ranges` | `output` | no `Accept-Ranges`, and `Range` is ignored |
///
/// What may follow a `status CODE`, in any order: `retry-after SECONDS`, or `retry-after-date
/// SECONDS` for a date this far from now; `html` for an HTML page instead of JSON; `after` if the
/// call is done nevertheless (a submit creates its task), `before` if not, which goes without
/// saying.
///
/// If several rules strike one call, delays add up, the last ending counts, and of other faults the
/// first one happens.
///
/// A header `x-emulator-fault` on a request holds a FAULT (or a whole rule) for that request alone,
/// and goes before all rules: `x-emulator-fault: lose-answer`. One that cannot be read, or is not
/// possible on that call, is refused with 400, and then nothing is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    pub(crate) rules: Vec<Rule>,
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
}

impl Call {
    const ALL: [Self; 9] = [
        Self::Submit,
        Self::Result,
        Self::History,
        Self::Ticket,
        Self::Price,
        Self::Balance,
        Self::Form,
        Self::Put,
        Self::Output,
    ];

    /// Whether it is one of the API: JSON, with a key.
    pub(crate) fn is_api(self) -> bool {
        !matches!(self, Self::Put | Self::Output)
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
            Self::Put => "put",
            Self::Output => "output",
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
        match self {
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
