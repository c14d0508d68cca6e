//! What can go wrong, in one line each: nobody should need a backtrace to mend a spec. It leaves
//! printing and exit codes to `main.rs`.

use std::fmt;
use std::path::PathBuf;

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A list of models could not be read, or is none.
    #[error("cannot read models from {origin}: {problem}")]
    Source {
        /// What was given.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// What installs a tool is not there, or fails.
    #[error("{tool}: {problem}; it needs {needs}")]
    Install {
        /// The command.
        tool: String,
        /// What it said.
        problem: String,
        /// What it needs, and where that comes from.
        needs: &'static str,
    },
    /// A generated program breaks a rule, or cargo fails on it.
    #[error("{name}: {problem}")]
    Program {
        /// The program.
        name: String,
        /// The rule that is broken, or the message of cargo.
        problem: String,
    },
    /// The spec breaks rules; one line for each.
    #[error("{}", lines(.0))]
    Findings(Vec<Finding>),
    /// A transform found nothing to do, so its reason is gone or its pattern is wrong.
    #[error("transform {name} changed nothing; {why}, so mend the transform or remove it")]
    Transform {
        /// The transform.
        name: &'static str,
        /// What it is there for.
        why: &'static str,
    },
    /// progenitor refused the document, or panicked on it.
    #[error("the generator stopped at {at}: {message}")]
    Generator {
        /// The operation or schema at work.
        at: String,
        /// What it said.
        message: String,
    },
    /// A manifest has no place for the features of providers.
    #[error("{file} has no lines from `{mark}` on; put them back from the history")]
    Manifest {
        /// The manifest, relative to the root.
        file: String,
        /// The first of the lines.
        mark: &'static str,
    },
    /// rustfmt is missing or refused the text.
    #[error("rustfmt failed: {0}")]
    Rustfmt(String),
    /// What came out is not what the client relies on; one line for each fault.
    #[error("{}", lines(.0))]
    Text(Vec<String>),
    /// Files differ from what would be generated.
    #[error("{}", lines(.0))]
    Stale(Vec<Stale>),
    /// The root of the repository could not be found.
    #[error("no spec/wavespeed.yaml here or in a folder above; run this inside the repository")]
    NoRoot,
}

/// One broken rule: where, what is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root.
    pub file: String,
    /// The keys that lead to the place, joined by dots; empty for the file itself.
    pub place: String,
    /// What is wrong, naming the value.
    pub problem: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}; {}", self.problem, self.mend)
    }
}

/// A generated file that is out of date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale(
    /// The file, relative to the root.
    pub String,
);

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is stale; run: cargo xtask generate", self.0)
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
