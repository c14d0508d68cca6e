//! What a command ends with, and how it is printed: once, at the end.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use wavespeed::{Model, PredictionId};

use crate::output::document::{
    BillingDocument, CheckDocument, DeletedDocument, Document, DryRunDocument, JobDocument,
    ModelDocument, QuoteDocument, StatsDocument, TaskDocument, UploadDocument, UsageDocument,
    VoiceDocument, text,
};
use crate::output::exit::Exit;
use crate::output::failure::{Failure, go_on};
use crate::output::terminal;

/// What a command ends with.
pub(crate) enum Report {
    /// What became of jobs, in the order of the command line.
    Jobs { jobs: Vec<Job>, many: bool },
    /// What became of files, in the order of the command line.
    Uploads(Vec<Upload>),
    /// An answer that is no job: its lines, and its JSON text.
    Answer {
        lines: Vec<String>,
        json: String,
        exit: Exit,
    },
    /// A server was stopped, which is all there is to say.
    Stopped(Exit),
}

/// What became of one file.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    document: UploadDocument,
    failure: Option<Failure>,
}

impl Upload {
    pub(crate) fn failed(path: &Path, failure: Failure) -> Self {
        let document = UploadDocument {
            file: text(path),
            error: Some(failure.document()),
            ..UploadDocument::default()
        };
        let failure = Some(failure);
        Self { document, failure }
    }
}

impl From<UploadDocument> for Upload {
    fn from(document: UploadDocument) -> Self {
        let failure = None;
        Self { document, failure }
    }
}

/// What became of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) document: Document,
    /// What goes to stdout without `--json`.
    pub(crate) lines: Vec<String>,
    pub(crate) failure: Option<Failure>,
    /// What is worth knowing though nothing failed.
    pub(crate) notes: Vec<String>,
    /// Whether the journal knows where its outputs are to be saved.
    pub(crate) saves: bool,
    /// Where else they are to be saved, as it was given.
    pub(crate) output: Option<PathBuf>,
    /// The command that goes on with it, and with others of this kind, without its last word: if it
    /// failed, but its task goes on.
    pub(crate) goes_on: Option<(&'static str, String)>,
    /// What to do if the run ends before it is known whether there is a task.
    pub(crate) lost: Option<String>,
    /// The model whose flags a fault is named by.
    pub(crate) model: Option<&'static Model>,
}

impl Job {
    /// A job of which only the id is known, as it was given.
    pub(crate) fn named(id: &str) -> Self {
        let document = Document {
            id: Some(id.to_owned()),
            ..Document::default()
        };
        Self {
            document,
            ..Self::default()
        }
    }

    /// The id of the task, once there is one.
    pub(crate) fn id(&self) -> Option<PredictionId> {
        self.document.id.as_deref()?.parse().ok()
    }

    pub(crate) fn fail(mut self, mut failure: Failure) -> Self {
        if let Some(id) = self.id().filter(|id| failure.hint == Some(go_on(id))) {
            let number = self.document.job.as_ref().filter(|_| self.saves);
            self.goes_on = Some(match number {
                Some(number) => (RESUME, number.clone()),
                None => (WAIT, id.to_string()),
            });
            failure.hint = goes_on(&[&self]);
        }
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
        Job::default().fail(failure).into()
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
        let mut told = Told::default();
        let (lines, document) = match self {
            Self::Stopped(exit) => return exit,
            Self::Answer { lines, json, exit } => {
                told.exit = exit;
                (lines, json)
            }
            Self::Jobs { jobs, many } => {
                for job in &jobs {
                    job.notes.iter().for_each(|note| terminal::warning(note));
                    told.tell(job.failure.as_ref(), job.model, job.goes_on.is_none());
                }
                for command in [WAIT, RESUME] {
                    let same =
                        |job: &&Job| job.goes_on.as_ref().is_some_and(|way| way.0 == command);
                    let hint = goes_on(&jobs.iter().filter(same).collect::<Vec<_>>());
                    hint.iter().for_each(|hint| terminal::hint(hint));
                }
                let lines = jobs.iter().flat_map(|job| job.lines.clone()).collect();
                let documents: Vec<&Document> = jobs.iter().map(|job| &job.document).collect();
                (lines, listed(&documents, many))
            }
            Self::Uploads(files) => {
                files
                    .iter()
                    .for_each(|file| told.tell(file.failure.as_ref(), None, true));
                let lines = files.iter().filter_map(|file| file.document.url.clone());
                let documents: Vec<_> = files.iter().map(|file| &file.document).collect();
                (lines.collect(), listed(&documents, files.len() != 1))
            }
        };
        let exit = told.exit;
        let written = if json {
            write(&document)
        } else {
            let clean = lines.iter().map(|line| terminal::clean(line) + "\n");
            write(&clean.collect::<String>())
        };
        match written {
            Ok(()) => exit,
            // Whoever reads has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
            Err(error) => {
                terminal::warning(&format!(
                    "the result could not be written to stdout: {error}"
                ));
                // What went wrong before says more.
                if exit == Exit::Done {
                    Exit::NotSaved
                } else {
                    exit
                }
            }
        }
    }
}

/// What goes on with tasks, and also saves what they make where the journal says.
const WAIT: &str = "wave wait";
const RESUME: &str = "wave resume";

/// The one command that goes on with these jobs, which are all of one kind.
fn goes_on(jobs: &[&Job]) -> Option<String> {
    let words = |job: &&Job| job.goes_on.as_ref().map(|(_, word)| word.clone());
    let words: Vec<String> = jobs.iter().filter_map(words).collect();
    let first = jobs.first()?;
    let (command, _) = first.goes_on.as_ref()?;
    let (tasks, them) = match words.len() {
        1 => ("task goes", "it"),
        _ => ("tasks go", "them"),
    };
    let is_saved = *command == RESUME;
    let save = match is_saved {
        true => format!(" and save {them}"),
        false => String::new(),
    };
    let output = first.output.iter().filter(|_| !is_saved);
    let output = output.map(|path| format!(" -o {}", terminal::word(&path.to_string_lossy())));
    let output: String = output.collect();
    let words = words.join(" ");
    Some(format!(
        "the {tasks} on; wait for {them}{save} with: {command} {words}{output}"
    ))
}

/// The failures that were told, and the worst of them.
struct Told {
    exit: Exit,
    messages: Vec<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            exit: Exit::Done,
            messages: Vec::new(),
        }
    }
}

impl Told {
    /// What stands against all alike is told once.
    fn tell(&mut self, failure: Option<&Failure>, model: Option<&Model>, with_hint: bool) {
        let Some(failure) = failure else { return };
        self.exit = self.exit.max(failure.exit);
        if !self.messages.contains(&failure.message) {
            terminal::failure(failure, model);
            failure
                .hint
                .iter()
                .filter(|_| with_hint)
                .for_each(|hint| terminal::hint(hint));
            self.messages.push(failure.message.clone());
        }
    }
}

/// One document, or a list of several.
fn listed(documents: &[&impl Serialize], many: bool) -> String {
    match documents {
        [document] if !many => pretty(document),
        documents => pretty(documents),
    }
}

/// JSON for people and programs alike: the fields in the order of the contract, and what a terminal
/// could be harmed by as an escape, so that not even then a character is lost.
pub(crate) fn pretty(document: &(impl Serialize + ?Sized)) -> String {
    let json = serde_json::to_string_pretty(document).expect("own types are JSON");
    escape(&json) + "\n"
}

/// JSON in which a terminal sees nothing that could harm it.
pub(crate) fn escape(json: &str) -> String {
    let escaped = json.chars().map(|c| match c {
        '\n' => "\n".to_owned(),
        c if terminal::is_harmful(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    escaped.collect()
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The JSON Schemas of what `--json` prints, by command. For the test that guards them.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let job = schemars::schema_for!(Document).to_value();
    BTreeMap::from([
        ("lipsync, run, wait, show, download, resume", job),
        (
            "check",
            schemars::schema_for!(Vec<CheckDocument>).to_value(),
        ),
        ("dry-run", schemars::schema_for!(DryRunDocument).to_value()),
        ("price", schemars::schema_for!(QuoteDocument).to_value()),
        ("upload", schemars::schema_for!(UploadDocument).to_value()),
        ("jobs", schemars::schema_for!(Vec<JobDocument>).to_value()),
        (
            "models",
            schemars::schema_for!(Vec<ModelDocument>).to_value(),
        ),
        ("schema", serde_json::json!({ "type": "object" })),
        (
            "history",
            schemars::schema_for!(Vec<TaskDocument>).to_value(),
        ),
        (
            "billings",
            schemars::schema_for!(Vec<BillingDocument>).to_value(),
        ),
        ("stats", schemars::schema_for!(StatsDocument).to_value()),
        ("usage", schemars::schema_for!(UsageDocument).to_value()),
        ("delete", schemars::schema_for!(DeletedDocument).to_value()),
        (
            "voices",
            schemars::schema_for!(Vec<VoiceDocument>).to_value(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::document::Kind;

    #[test]
    fn one_command_goes_on_with_all_tasks() {
        let job = |id: &str, output: Option<&str>| {
            let mut job = Job::named(id);
            job.output = output.map(PathBuf::from);
            let failure = Failure::new(Exit::Deadline, Kind::Deadline, "the deadline came");
            job.fail(failure.hint(go_on(&id.parse().unwrap())))
        };
        let (one, other) = (job("pred_1", None), job("pred_2", None));
        let hint = one.failure.as_ref().unwrap().hint.clone();
        assert_eq!(
            hint.as_deref(),
            Some("the task goes on; wait for it with: wave wait pred_1")
        );
        assert_eq!(
            goes_on(&[&one, &other]).as_deref(),
            Some("the tasks go on; wait for them with: wave wait pred_1 pred_2")
        );
        let saved = job("pred_3", Some("my clips/"));
        assert_eq!(
            saved.failure.unwrap().hint.as_deref(),
            Some("the task goes on; wait for it with: wave wait pred_3 -o 'my clips/'")
        );
        assert_eq!(goes_on(&[]), None);
    }
}
