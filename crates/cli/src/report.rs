//! What a command ends with, and how it is printed: once, at the end.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;
use wavespeed::{Model, PredictionId};

use crate::document::{Document, ModelDocument, VoiceDocument};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// What a command ends with.
pub(crate) enum Report {
    /// What became of jobs, in the order of the command line.
    Jobs { jobs: Vec<Job>, many: bool },
    /// An answer that is no job: its lines, and its JSON text.
    Answer { lines: Vec<String>, json: String },
}

/// What became of one job.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) document: Document,
    /// What goes to stdout without `--json`.
    pub(crate) lines: Vec<String>,
    pub(crate) failure: Option<Failure>,
    /// The model whose flags a fault is named by.
    pub(crate) model: Option<&'static Model>,
}

impl Job {
    pub(crate) fn failed(id: Option<&PredictionId>, failure: Failure) -> Self {
        let document = Document {
            id: id.map(ToString::to_string),
            ..Document::default()
        };
        Self {
            document,
            ..Self::default()
        }
        .fail(failure)
    }

    pub(crate) fn fail(mut self, failure: Failure) -> Self {
        self.document.error = Some(failure.document());
        self.failure = Some(failure);
        self
    }
}

impl From<Job> for Report {
    fn from(job: Job) -> Self {
        Self::Jobs {
            jobs: vec![job],
            many: false,
        }
    }
}

impl Report {
    pub(crate) fn failed(failure: Failure) -> Self {
        Job::failed(None, failure).into()
    }

    /// One document for one job, a list for several.
    pub(crate) fn jobs(jobs: Vec<Job>) -> Self {
        Self::Jobs {
            many: jobs.len() != 1,
            jobs,
        }
    }

    /// Prints everything and says how it ended.
    pub(crate) fn print(self, json: bool) -> Exit {
        let mut exit = Exit::Done;
        let (lines, document) = match self {
            Self::Answer { lines, json } => (lines, json),
            Self::Jobs { jobs, many } => {
                for job in &jobs {
                    if let Some(failure) = &job.failure {
                        exit = exit.max(failure.exit);
                        terminal::failure(failure, job.model);
                    }
                }
                let documents: Vec<&Document> = jobs.iter().map(|job| &job.document).collect();
                let json = match &documents[..] {
                    [document] if !many => pretty(document),
                    documents => pretty(documents),
                };
                (
                    jobs.iter().flat_map(|job| job.lines.clone()).collect(),
                    json,
                )
            }
        };
        let written = if json {
            write(&[document])
        } else {
            write(&lines)
        };
        match written {
            Ok(()) => exit,
            // Whoever reads has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
            Err(error) => {
                terminal::warning(&format!(
                    "the result could not be written to stdout: {error}"
                ));
                exit.max(Exit::NotSaved)
            }
        }
    }
}

/// JSON for people and programs alike: the fields in the order of the contract.
pub(crate) fn pretty(document: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string_pretty(document).expect("own types are JSON")
}

/// Lines on stdout. Control characters of others are left out: the lines may go to a terminal.
fn write(lines: &[String]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for line in lines {
        for part in line.split('\n') {
            writeln!(stdout, "{}", terminal::clean(part))?;
        }
    }
    stdout.flush()
}

/// The JSON Schemas of what `--json` prints, by command. For the test that guards them.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let job = schemars::schema_for!(Document).to_value();
    BTreeMap::from([
        ("lipsync, run, wait, show, download", job),
        (
            "models",
            schemars::schema_for!(Vec<ModelDocument>).to_value(),
        ),
        (
            "voices",
            schemars::schema_for!(Vec<VoiceDocument>).to_value(),
        ),
    ])
}
