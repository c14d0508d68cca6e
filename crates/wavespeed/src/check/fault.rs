//! What a check finds: faults, and what follows from each.

use std::fmt;
use std::hash::Hash;

use serde::Serialize;
use serde_json::Value;
use strum::IntoStaticStr;

use crate::check::rule::Rule;

/// Something about an input that the vendor would refuse, or would take for something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The input, such as `voice_id`, or `images[2]` in an array.
    pub field: String,
    /// The rule it breaks.
    pub rule: Rule,
    /// The value; null if there is none.
    pub value: Value,
    /// What is wrong and how to mend it.
    pub message: String,
    /// What follows from it.
    pub severity: Severity,
}

/// What follows from a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is sent.
    Refusal,
    /// It is sent, and may not come out as meant.
    Warning,
    /// It would be refused, but the rule was [overridden](override_rules).
    Overridden,
}

impl Severity {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Fault {
    /// A fault for which nothing is sent.
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
            value,
            message: message.into(),
            severity: Severity::Refusal,
        }
    }

    /// The same as a warning.
    pub(crate) fn warning(self) -> Self {
        let severity = Severity::Warning;
        Self { severity, ..self }
    }

    /// Whether nothing is sent for it.
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

/// Overrides these rules: what breaks them is no longer refused, but still told.
pub fn override_rules(faults: &mut [Fault], rules: &[Rule]) {
    let overridden = |fault: &&mut Fault| {
        fault.is_refusal() && fault.rule.can_be_overridden() && rules.contains(&fault.rule)
    };
    for fault in faults.iter_mut().filter(overridden) {
        fault.severity = Severity::Overridden;
    }
}

/// All faults of one input, warnings among them; as an error at least one that is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// These faults as an error, or back if none of them is refused.
    ///
    /// # Errors
    /// If any is.
    pub fn refused(faults: Vec<Fault>) -> Result<Vec<Fault>, Self> {
        if faults.iter().any(Fault::is_refusal) {
            Err(Self(faults))
        } else {
            Ok(faults)
        }
    }

    /// The faults, at least one.
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
        let refused = self.0.iter().filter(|fault| fault.is_refusal());
        for (at, fault) in refused.enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
