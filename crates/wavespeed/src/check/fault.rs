//! The faults that a check finds, and the severity of each.

use std::fmt;
use std::hash::Hash;

use serde::Serialize;
use serde_json::Value;
use strum::IntoStaticStr;
use wavespeed_client::text::hide_logins;

use crate::check::rule::Rule;

/// A fault of an input: a value that the vendor would refuse or misunderstand. [`override_rules`] has an
/// example.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The input, such as `voice_id`, or `images[2]` in an array.
    pub field: String,
    /// The rule that the value breaks.
    pub rule: Rule,
    /// The value, or null if it is missing. A URL is without its user name and password.
    pub value: Value,
    /// A clause about the field: the problem, and how to fix it.
    pub message: String,
    /// The consequence.
    pub severity: Severity,
}

/// The consequence of a [`Fault`]. [`override_rules`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// The input is refused, and nothing is sent.
    Refusal,
    /// The input is sent, and its result may not be the expected one.
    Warning,
    /// The input would be refused, but the rule is [overridden](override_rules).
    Overridden,
}

/// A broken rule, its severity, and a message: a fault whose field is not known yet.
pub(crate) type Finding = (Rule, Severity, String);

/// Returns a finding for which the input is refused.
pub(crate) fn refusal(rule: Rule, message: String) -> Finding {
    (rule, Severity::Refusal, message)
}

/// Returns a finding that does not prevent sending.
pub(crate) fn warning(rule: Rule, message: String) -> Finding {
    (rule, Severity::Warning, message)
}

/// Turns findings about a value into faults of a field.
pub(crate) fn to_faults<'a>(
    field: &'a str,
    value: &'a str,
    findings: Vec<Finding>,
) -> impl Iterator<Item = Fault> + 'a {
    findings
        .into_iter()
        .map(move |(rule, severity, message)| Fault {
            severity,
            ..Fault::new(field, rule, value.into(), message)
        })
}

impl Severity {
    /// Returns the name of the severity, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Fault {
    /// Creates a fault for which the input is refused. User names and passwords of URLs are left out.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        rule: Rule,
        value: Value,
        message: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            rule,
            value: match value {
                Value::String(text) => hide_logins(&text).into(),
                value => value,
            },
            message: hide_logins(&message.into()).into_owned(),
            severity: Severity::Refusal,
        }
    }

    /// Returns the same fault as a warning.
    pub(crate) fn warning(self) -> Self {
        let severity = Severity::Warning;
        Self { severity, ..self }
    }

    /// Returns `true` if this fault prevents sending.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Refusal
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Overrides rules: faults that break them no longer prevent sending, but are still reported. Rules
/// that [cannot be overridden](Rule::can_be_overridden) are ignored.
///
/// ```
/// use wavespeed::{Fault, Faults, Rule, Severity, override_rules, serde_json::json};
///
/// let mut faults = vec![Fault::new("text", Rule::Length, json!("…"), "is too long")];
/// assert!(Faults::refused(faults.clone()).is_err());
/// override_rules(&mut faults, &[Rule::Length]);
/// assert_eq!(faults[0].severity, Severity::Overridden);
/// assert!(!faults[0].is_refusal());
/// assert!(Faults::refused(faults).is_ok());
/// ```
pub fn override_rules(faults: &mut [Fault], rules: &[Rule]) {
    let overridden = |fault: &&mut Fault| {
        fault.is_refusal() && fault.rule.can_be_overridden() && rules.contains(&fault.rule)
    };
    for fault in faults.iter_mut().filter(overridden) {
        fault.severity = Severity::Overridden;
    }
}

/// Error of an input that is refused: all of its faults, of which at least one is a refusal and the
/// others may be warnings. [`override_rules`] has an example.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Returns the faults unchanged if none of them prevents sending.
    ///
    /// # Errors
    /// Returns all faults as an error if any of them prevents sending.
    pub fn refused(faults: Vec<Fault>) -> Result<Vec<Fault>, Self> {
        if faults.iter().any(Fault::is_refusal) {
            Err(Self(faults))
        } else {
            Ok(faults)
        }
    }

    /// Returns the faults, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Faults> for Vec<Fault> {
    fn from(faults: Faults) -> Self {
        faults.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Warnings are reported on their own, as they are no reason for the error.
        let refused = self.0.iter().filter(|fault| fault.is_refusal());
        for (at, fault) in refused.enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
