//! The result of a command, and its output: once, at the end.

use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use wavespeed::{Model, Next};

use super::document::journal::UploadDocument;
use super::document::{Document, text};
use super::exit::Exit;
use super::failure::Failure;
use super::job::JobReport;
use super::{next_step, terminal};

/// The result of a command.
pub(crate) enum Report {
    /// Jobs, in the order of the command line.
    Jobs {
        jobs: Vec<JobReport>,
        many: bool,
        /// `true` if an inferred id does not change the exit code.
        accepts_inferred: bool,
    },
    /// Uploaded files, in the order of the command line.
    Uploads(Vec<Upload>),
    /// Another answer: its lines, and its JSON text.
    Answer {
        lines: Vec<String>,
        json: String,
        exit: Exit,
    },
    /// The end of a server, which has no output.
    Stopped(Exit),
}

/// The result of the upload of one file.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    document: UploadDocument,
    failure: Option<Failure>,
}

impl Upload {
    pub(crate) fn failed(path: &Path, failure: Failure) -> Self {
        let document = UploadDocument {
            file: text(path),
            error: Some(failure.document(&[])),
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

impl From<JobReport> for Report {
    fn from(job: JobReport) -> Self {
        Self::Jobs {
            jobs: vec![job],
            many: false,
            accepts_inferred: false,
        }
    }
}

impl Report {
    pub(crate) fn failed(failure: Failure) -> Self {
        JobReport::default().fail(failure).into()
    }

    /// Returns a successful answer.
    pub(crate) fn answer(lines: Vec<String>, document: &impl Serialize) -> Self {
        Self::Answer {
            lines,
            json: pretty(document),
            exit: Exit::Done,
        }
    }

    /// Returns an answer with another exit code.
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        match self {
            Self::Answer { lines, json, .. } => Self::Answer { lines, json, exit },
            other => other,
        }
    }

    /// Returns the report of jobs: one document for one job, a list for several.
    pub(crate) fn jobs(jobs: Vec<JobReport>) -> Self {
        Self::Jobs {
            many: jobs.len() != 1,
            jobs,
            accepts_inferred: false,
        }
    }

    /// Returns the report of jobs in the order of the command line.
    pub(crate) fn in_order(mut jobs: Vec<(usize, JobReport)>, many: bool) -> Self {
        jobs.sort_by_key(|(at, _)| *at);
        Self::Jobs {
            jobs: jobs.into_iter().map(|(_, job)| job).collect(),
            many,
            accepts_inferred: false,
        }
    }

    /// Returns the report without the exit code of an inferred id.
    pub(crate) fn accept_inferred(mut self) -> Self {
        if let Self::Jobs {
            accepts_inferred, ..
        } = &mut self
        {
            *accepts_inferred = true;
        }
        self
    }

    /// Prints the messages and the result, and returns the exit code.
    pub(crate) fn print(self, json: bool) -> Exit {
        let (lines, document, exit) = match self {
            Self::Stopped(exit) => return exit,
            Self::Answer { lines, json, exit } => (lines, json, exit),
            Self::Jobs {
                jobs,
                many,
                accepts_inferred,
            } => {
                let is_inferred = !accepts_inferred && jobs.iter().any(JobReport::is_inferred);
                let best = match is_inferred {
                    true => Exit::Inferred,
                    false => Exit::Done,
                };
                let exit = print_jobs(&jobs).max(best);
                let lines = jobs.iter().flat_map(|job| job.lines.clone()).collect();
                let documents: Vec<&Document> = jobs.iter().map(|job| &job.document).collect();
                (lines, listed(&documents, many), exit)
            }
            Self::Uploads(files) => {
                let mut failures = Failures::default();
                for failure in files.iter().filter_map(|file| file.failure.as_ref()) {
                    failures.print(failure, None, &failure.hints(&[]));
                }
                let lines = files.iter().filter_map(|file| file.document.url.clone());
                let documents: Vec<_> = files.iter().map(|file| &file.document).collect();
                let document = listed(&documents, files.len() != 1);
                (lines.collect(), document, failures.exit())
            }
        };
        // Text is cleaned line by line, and JSON has escapes instead, so that no character is lost.
        let output = match json {
            true => document,
            false => {
                let clean = lines.iter().map(|line| terminal::clean(line) + "\n");
                clean.collect()
            }
        };
        match write(&output) {
            Ok(()) => exit,
            // The reader closed the pipe, such as `head`: this is no error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
            Err(error) => {
                terminal::warning(&format!(
                    "the result could not be written to stdout: {error}"
                ));
                // An earlier failure says more than this one.
                match exit {
                    Exit::Done | Exit::Inferred => Exit::NotSaved,
                    exit => exit,
                }
            }
        }
    }
}

/// Prints the warnings, failures and hints of jobs.
fn print_jobs(jobs: &[JobReport]) -> Exit {
    // One command takes the next step of several jobs, so it is printed once, after all errors.
    let shares = |job: &JobReport| jobs.len() > 1 && job.shared_step().is_some();
    let mut failures = Failures::default();
    for job in jobs {
        job.notes.iter().for_each(|note| terminal::warning(note));
        let Some(failure) = &job.failure else {
            continue;
        };
        let steps = match shares(job) {
            true => Vec::new(),
            false => job.steps(failure),
        };
        failures.print(failure, job.model, &failure.hints(&steps));
    }
    if jobs.len() > 1 {
        shared_steps(jobs)
            .iter()
            .for_each(|step| terminal::hint(step));
    }
    failures.exit()
}

/// Returns the commands that take the next steps of several jobs.
fn shared_steps(jobs: &[JobReport]) -> Vec<String> {
    let (mut ids, mut numbers, mut output) = (Vec::new(), Vec::new(), None);
    for job in jobs {
        match job.shared_step() {
            Some(Next::Wait(id)) => {
                // All jobs of a command have the same output path.
                output = job.output.as_deref();
                ids.push(id);
            }
            Some(Next::Resume(number)) => numbers.push(*number),
            _ => {}
        }
    }
    let wait = (!ids.is_empty()).then(|| next_step::wait(&ids, output));
    let resume = (!numbers.is_empty()).then(|| next_step::resume(&numbers));
    wait.into_iter().chain(resume).collect()
}

/// The failures that were printed.
#[derive(Default)]
struct Failures {
    exit: Option<Exit>,
    messages: Vec<Box<str>>,
}

impl Failures {
    /// Prints a failure. A failure that several jobs share is printed once.
    fn print(&mut self, failure: &Failure, model: Option<&Model>, hints: &[String]) {
        // The exit code counts also for a failure that is not printed again.
        self.exit = self.exit.max(Some(failure.exit()));
        if !self.messages.contains(&failure.message) {
            terminal::failure(failure, model);
            hints.iter().for_each(|hint| terminal::hint(hint));
            self.messages.push(failure.message.clone());
        }
    }

    /// Returns the exit code of the worst failure.
    fn exit(&self) -> Exit {
        self.exit.unwrap_or(Exit::Done)
    }
}

/// Formats one document, or a list of several.
fn listed(documents: &[&impl Serialize], many: bool) -> String {
    match documents {
        [document] if !many => pretty(document),
        documents => pretty(documents),
    }
}

/// Formats JSON with the fields in the order of the contract, and harmful characters escaped.
pub(crate) fn pretty(document: &(impl Serialize + ?Sized)) -> String {
    let json = serde_json::to_string_pretty(document).expect("own types are JSON");
    escape(&json) + "\n"
}

/// Escapes the characters of JSON that a terminal could be controlled by.
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
    // An error of the last write shows only here.
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use wavespeed::PredictionId;

    use super::*;
    use crate::output::document::Kind;

    fn expired(id: &str, output: Option<&str>) -> JobReport {
        let id: PredictionId = id.parse().unwrap();
        let mut job = JobReport::default();
        job.document.id = Some(id.clone());
        job.output = output.map(PathBuf::from);
        job.fail(Failure::new(Kind::Deadline, "the deadline expired").next(Next::Wait(id)))
    }

    #[test]
    fn one_command_waits_for_all_jobs() {
        let jobs = [expired("pred_1", None), expired("pred_2", None)];
        let error = jobs[0].document.error.as_ref().unwrap();
        assert_eq!(
            error.hint.as_deref(),
            Some("the job continues; wait for it with: wave wait pred_1")
        );
        assert_eq!(
            shared_steps(&jobs),
            ["the jobs continue; wait for them with: wave wait pred_1 pred_2"]
        );
        let job = expired("pred_3", Some("my clips/"));
        assert_eq!(
            job.document.error.unwrap().hint.as_deref(),
            Some("the job continues; wait for it with: wave wait pred_3 -o 'my clips/'")
        );
    }
}
