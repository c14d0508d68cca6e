//! What the exit code says.

use std::process::ExitCode;

/// How a command ended, from best to worst: of several jobs the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    TaskFailed = 1,
    RefusedHere = 2,
    Key = 3,
    Deadline = 4,
    Unknown = 5,
    RefusedThere = 6,
    NotSaved = 7,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// For `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done, and the files asked for are written
  1    the task ended, but not as completed
  2    refused here, nothing was sent: usage, input, or output path
  3    no key; or the key, its role or the account's credit was refused
  4    the task exists, but its end is not known: the deadline came, or a run
       could not ask about it any more; go on with wave wait ID
  5    the outcome of a submit is unknown: it may have been billed
  6    refused by the vendor, or not reachable; nothing is billed
  7    done, but a file could not be saved
  130  interrupted (143: terminated)
With several ids, the largest code met.";
