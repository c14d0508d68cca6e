//! Exit codes.

use std::process::ExitCode;

use super::document::Kind;

/// The end of a command, from best to worst. Of several jobs, the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done,
    /// Done, but the id of a job was inferred from the vendor's history. Every failure is worse.
    Inferred,
    JobFailed,
    RefusedHere,
    Key,
    Deadline,
    Unknown,
    RefusedThere,
    NotSaved,
    Interrupted,
    Terminated,
    HungUp,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::JobFailed => 1,
            Exit::RefusedHere => 2,
            Exit::Key => 3,
            Exit::Deadline => 4,
            Exit::Unknown => 5,
            Exit::RefusedThere => 6,
            Exit::NotSaved => 7,
            Exit::Inferred => 8,
            // 128 and the number of the signal, as in a shell.
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Task => Self::JobFailed,
            Kind::Usage
            | Kind::Input
            | Kind::Journal
            | Kind::Lost
            | Kind::Duplicate
            | Kind::Expired
            | Kind::Price => Self::RefusedHere,
            Kind::Key => Self::Key,
            Kind::Deadline => Self::Deadline,
            Kind::Unknown => Self::Unknown,
            // In both cases nothing was created, and nothing is billed.
            Kind::Refused | Kind::Unreachable => Self::RefusedThere,
            Kind::Save => Self::NotSaved,
            Kind::Interrupted => Self::Interrupted,
            Kind::Terminated => Self::Terminated,
            Kind::HungUp => Self::HungUp,
        }
    }
}

/// The part of `wave --help` about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done, and all requested files are written
  1    the job ended without success
  2    refused on this machine: usage, input or output path; nothing was submitted
  3    no API key; or the key, its role or the account's credit was refused
  4    the job exists, but its end is not known: the deadline expired, or the
       job could not be polled any more; resume it with: wave wait ID
  5    the outcome of a submit is unknown: it may have been billed
  6    refused by the vendor, or the vendor is unreachable; nothing is billed
  7    done, but a file could not be saved
  8    done, and all requested files are written, but the answer to a submit was
       lost and the id inferred from the vendor's history; the job could belong
       to another client of the account; --accept-inferred makes this 0
  130  interrupted (143: terminated; 129: the terminal was closed)
With several ids, the largest code counts; 8 counts less than any other but 0.";
