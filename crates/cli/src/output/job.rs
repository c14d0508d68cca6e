//! The result of one job.

use std::path::PathBuf;

use wavespeed::{Adoption, Model, Next};

use super::document::{Document, Kind};
use super::failure::Failure;
use super::{candidates, next_step};

/// The result of one job, which grows while the command runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobReport {
    pub(crate) document: Document,
    /// The lines on stdout without `--json`.
    pub(crate) lines: Vec<String>,
    pub(crate) failure: Option<Failure>,
    /// Warnings that are no failure.
    pub(crate) notes: Vec<String>,
    /// `true` if the journal has the output path.
    pub(crate) saves: bool,
    /// The output path of the command line, if the journal does not have it.
    pub(crate) output: Option<PathBuf>,
    /// The next step if the command ends while the outcome of the submit is unknown.
    pub(crate) if_unknown: Option<Next>,
    /// `true` if the id is only what the user typed, until the vendor has answered about it.
    pub(crate) is_unverified: bool,
    /// The model whose flags name the inputs.
    pub(crate) model: Option<&'static Model>,
}

impl JobReport {
    /// Sets the failure. A job to wait for is resumed instead, if the journal has its output path.
    pub(crate) fn fail(mut self, mut failure: Failure) -> Self {
        // wave wait would print the URLs only.
        if let (Next::Wait(_), Some(number), true) = (&failure.next, self.document.job, self.saves)
        {
            failure.next = Next::Resume(number);
        }
        self.document.error = Some(failure.document(&self.steps(&failure)));
        self.failure = Some(failure);
        self
    }

    /// Returns `true` if nothing shows that the vendor has a job with the id.
    pub(crate) fn is_unverified(&self) -> bool {
        self.is_unverified && self.document.status.is_none()
    }

    /// Returns `true` if the id was inferred from the vendor's history.
    pub(crate) fn is_inferred(&self) -> bool {
        self.document.reconciled == Some(Adoption::Inferred.name())
    }

    /// Returns the sentences for the next step after a failure.
    pub(crate) fn steps(&self, failure: &Failure) -> Vec<String> {
        if !can_take_step(failure) {
            return Vec::new();
        }
        if let (Next::Adopt { job, .. }, Some(found)) = (&failure.next, &failure.candidates) {
            return candidates::commands(*job, found);
        }
        let is_submitted = self.document.id.is_some();
        let step = next_step::sentence(&failure.next, is_submitted, self.output.as_deref());
        step.into_iter().collect()
    }

    /// Returns the next step, if one command can take it for several jobs.
    pub(crate) fn shared_step(&self) -> Option<&Next> {
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| can_take_step(failure))?;
        let next = &failure.next;
        let is_shared = match next {
            Next::Wait(_) => true,
            Next::Resume(_) => self.document.id.is_some(),
            _ => false,
        };
        is_shared.then_some(next)
    }
}

/// Returns `true` if the next step can be taken at once. A refused call has a cause that the hint names,
/// and it is not known whether the job continues.
fn can_take_step(failure: &Failure) -> bool {
    !matches!(failure.kind, Kind::Key | Kind::Refused | Kind::Unreachable)
}
