//! What can be set on an emulator, as plain values. The builder fills them in; the parts that
//! answer calls read them.

use std::fmt;
use std::time::Duration;

use crate::clock::Clock;
use crate::scenario::Scenario;

/// How the optional fields of a prediction are sent: a client has to manage with all three.
///
/// Only `id` and `status` are always there. In the last two modes what a task ended with is still
/// told: `outputs` of a completed one, `error` and `code` of a failed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionalFields {
    /// With their values.
    #[default]
    Present,
    /// As `null`.
    Null,
    /// Not at all.
    Absent,
}

impl OptionalFields {
    /// Puts an optional field into an answer, in this way.
    pub(crate) fn put(self, answer: &mut serde_json::Value, name: &str, value: serde_json::Value) {
        match self {
            Self::Present => answer[name] = value,
            Self::Null => answer[name] = serde_json::Value::Null,
            Self::Absent => {}
        }
    }
}

/// What tasks cost, and what there is to pay with. The prices are made up.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Credit {
    /// The price of a task without a discount, in USD.
    pub price: f64,
    /// Percent of it that are paid; 100 is no discount.
    pub rate: f64,
    /// The credit of the account when the emulator starts, in USD.
    pub balance: f64,
}

impl Credit {
    /// Tasks cost this much, and the account has so much, both in USD.
    #[must_use]
    pub fn new(price: f64, balance: f64) -> Self {
        let rate = 100.0;
        Self {
            price,
            rate,
            balance,
        }
    }

    /// Only so many percent of the price are paid.
    #[must_use]
    pub fn rate(mut self, percent: f64) -> Self {
        self.rate = percent;
        self
    }

    /// What a task costs, in millionths of a dollar: whole numbers add up.
    pub(crate) fn paid(&self) -> i64 {
        (self.price * self.rate * 10_000.0).round() as i64
    }
}

/// A price that nobody takes for a real one, and more credit than any test spends.
impl Default for Credit {
    fn default() -> Self {
        Self::new(0.123, 1_000_000.0)
    }
}

/// How tasks end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// The status, such as `completed`; any word will do, also one the vendor does not have.
    pub status: String,
    /// The text of the prediction's `error`; empty if nothing went wrong.
    pub error: String,
}

impl Ending {
    /// Tasks end with this status and this error text.
    #[must_use]
    pub fn new(status: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            status: status.into(),
            error: error.into(),
        }
    }

    /// Tasks are completed and have an output.
    #[must_use]
    pub fn completed() -> Self {
        Self::new("completed", "")
    }

    /// Tasks fail with this error text and the business code 1403.
    #[must_use]
    pub fn failed(error: impl Into<String>) -> Self {
        Self::new("failed", error)
    }

    /// Whether a task that ended this way has outputs.
    pub(crate) fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    /// The business code of a task that ended this way, where the vendor says what it is.
    pub(crate) fn code(&self) -> Option<i64> {
        match self.status.as_str() {
            "completed" => Some(0),
            "failed" => Some(1403),
            _ => None,
        }
    }
}

/// How much an account may do; each is without a limit by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(crate) per_minute: Option<u64>,
    pub(crate) running: Option<u64>,
}

impl Limits {
    /// So many tasks may be created within a minute.
    pub fn per_minute(mut self, tasks: u64) -> Self {
        self.per_minute = Some(tasks);
        self
    }

    /// So many tasks may run at once.
    pub fn running(mut self, tasks: u64) -> Self {
        self.running = Some(tasks);
        self
    }
}

/// The key that calls must carry. It may be somebody's own, so it is not shown.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) key: Key,
    pub(crate) task_time: Duration,
    pub(crate) spread: f64,
    pub(crate) clock: Clock,
    pub(crate) optional_fields: OptionalFields,
    pub(crate) ending: Ending,
    pub(crate) limits: Limits,
    pub(crate) credit: Credit,
    pub(crate) tickets: bool,
    pub(crate) scenario: Scenario,
}
