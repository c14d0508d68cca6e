//! Failures: the error, the hint and the next step that a command ends with. The kind of a failure
//! determines the exit code.

mod convert;
pub(crate) mod fetch;

use wavespeed::{Candidates, Fault, Next, PredictionId};

use super::candidates;
use super::document::{ErrorDocument, FaultDocument, Kind};
use super::exit::Exit;

/// The reason why a command, or one of its jobs, failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: Box<str>,
    /// A second, independent problem.
    pub(crate) also: Option<Box<str>>,
    /// The way to fix it. The command of the next step is not part of it.
    pub(crate) hint: Option<String>,
    /// The next step of the job.
    pub(crate) next: Next,
    pub(crate) faults: Box<[Fault]>,
    /// The jobs that may be the one whose id is not known.
    pub(crate) candidates: Option<Box<Candidates>>,
}

impl Failure {
    /// The hint for an output path that cannot be written.
    pub(crate) const OUTPUT_HINT: &str =
        "-o takes a new file, or a folder with a slash at its end; --force replaces a file";
    /// The hint for a journal that cannot be used.
    pub(crate) const JOURNAL_HINT: &str =
        "choose another path with --journal PATH, or run without a journal: --no-journal";

    pub(crate) fn new(kind: Kind, message: impl ToString) -> Self {
        Self {
            kind,
            message: message.to_string().into(),
            also: None,
            hint: None,
            next: Next::None,
            faults: Box::default(),
            candidates: None,
        }
    }

    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Returns the failure of an input, with all its faults.
    pub(crate) fn input(faults: Vec<Fault>) -> Self {
        let refused: Vec<&Fault> = faults.iter().filter(|fault| fault.is_refusal()).collect();
        // Warnings do not count: they did not stop the submit.
        let message = match refused[..] {
            [fault] => format!("{}: {}", fault.field, fault.message),
            _ => format!("the input has {} faults", refused.len()),
        };
        Self {
            faults: faults.into(),
            ..Self::new(Kind::Input, message)
        }
    }

    /// Returns the failure of a submit with an unknown outcome.
    pub(crate) fn unknown(message: impl ToString, next: Next) -> Self {
        let failure = Self::new(Kind::Unknown, message);
        match next {
            Next::None => failure.hint(
                "do not submit again before you have looked at the recent jobs on the vendor's \
                 dashboard",
            ),
            next => failure.next(next),
        }
    }

    pub(crate) fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    pub(crate) fn next(mut self, next: Next) -> Self {
        self.next = next;
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        Exit::from(self.kind)
    }

    /// Returns the document of `--json`, with the sentences for the next step.
    pub(crate) fn document(&self, steps: &[String]) -> ErrorDocument {
        let message = match &self.also {
            Some(also) => format!("{}; {also}", self.message),
            None => self.message.to_string(),
        };
        let candidates = self.candidates.as_deref();
        ErrorDocument {
            kind: self.kind,
            message,
            hint: self.full_hint(steps),
            faults: self.faults.iter().map(FaultDocument::from).collect(),
            candidates: candidates.map(candidates::documents).unwrap_or_default(),
            held_back: candidates.map(|candidates| candidates.held_back.name()),
        }
    }

    /// Returns the hint with the sentences for the next step.
    pub(crate) fn full_hint(&self, steps: &[String]) -> Option<String> {
        let parts = self.hint.iter().chain(steps).map(String::as_str);
        let hint = parts.collect::<Vec<_>>().join("; ");
        Some(hint).filter(|hint| !hint.is_empty())
    }

    /// Returns the hints for the terminal: a line for each command that decides about a candidate, and
    /// otherwise one line.
    pub(crate) fn hints(&self, steps: &[String]) -> Vec<String> {
        match self.candidates {
            Some(_) => self.hint.iter().chain(steps).cloned().collect(),
            None => self.full_hint(steps).into_iter().collect(),
        }
    }

    /// Changes a failed wait for a job that this command has submitted. The job exists and is billed,
    /// so the failure must not read as if the submit had been refused.
    pub(crate) fn after_submit(mut self, id: &PredictionId) -> Self {
        self.hint = match self.kind {
            Kind::Key => Some("check WAVESPEED_API_KEY".to_owned()),
            // Without a next step, the vendor does not have the job: it was deleted, or is too old.
            Kind::Refused | Kind::Unreachable if self.next == Next::None => return self,
            // A job that is not found before the deadline may appear: it was just created.
            Kind::Refused | Kind::Unreachable | Kind::Deadline => None,
            _ => return self,
        };
        self.kind = Kind::Deadline;
        self.next(Next::Wait(id.clone()))
    }
}
