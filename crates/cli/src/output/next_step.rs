//! Sentences that name the command of the next step.

use std::path::Path;

use wavespeed::{JobNumber, Next, PredictionId};

use super::shell;

/// Returns the sentence for the next step of one job, or `None` without a step. `is_submitted` says
/// whether the id of the job is known.
pub(crate) fn sentence(next: &Next, is_submitted: bool, output: Option<&Path>) -> Option<String> {
    match next {
        Next::Wait(id) => Some(wait(&[id], output)),
        Next::Resume(number) if is_submitted => Some(resume(&[*number])),
        // The id is not known, so there may be no job to wait for.
        Next::Resume(number) => Some(format!(
            "do not submit again; look for the job in the vendor's history with: wave resume \
             {number}"
        )),
        _ => None,
    }
}

/// Returns the sentence for jobs to wait for.
pub(crate) fn wait(ids: &[&PredictionId], output: Option<&Path>) -> String {
    let words: Vec<String> = ids.iter().map(|id| shell::id(id)).collect();
    let output = output.map_or(String::new(), |path| {
        format!(" -o {}", shell::word(&path.to_string_lossy()))
    });
    let (jobs, them) = number(ids.len());
    let words = words.join(" ");
    format!("{jobs}; wait for {them} with: wave wait {words}{output}")
}

/// Returns the sentence for jobs to wait for, whose outputs the journal has a path for.
pub(crate) fn resume(numbers: &[JobNumber]) -> String {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let (jobs, them) = number(numbers.len());
    let words = words.join(" ");
    format!("{jobs}; wait for {them} and save {them} with: wave resume {words}")
}

fn number(count: usize) -> (&'static str, &'static str) {
    match count {
        1 => ("the job continues", "it"),
        _ => ("the jobs continue", "them"),
    }
}
