//! Jobs of the vendor's history that may be the one of a lost submit: a table of them, and the commands by
//! which a person decides.

use wavespeed::{Candidate, Candidates, HeldBack, JobNumber, PredictionId};

use super::document::CandidateDocument;
use super::shell;
use super::table::{cell, table};
use super::time::distance;

/// Returns the candidates as data.
pub(crate) fn documents(candidates: &Candidates) -> Vec<CandidateDocument> {
    let document = |found: &Candidate| CandidateDocument {
        id: found.prediction.id().to_owned(),
        created_at: found.prediction.created_at().map(str::to_owned),
        distance: found.distance,
        status: found.prediction.status().to_string(),
    };
    candidates.found.iter().map(document).collect()
}

/// The most candidates that are shown to a person.
const MAX_SHOWN: usize = 5;

/// Returns the candidates as a table, the nearest ones if there are many.
pub(crate) fn lines(candidates: &Candidates) -> Vec<String> {
    let rows = documents(candidates)
        .into_iter()
        .take(MAX_SHOWN)
        .map(|found| {
            vec![
                found.id,
                cell(found.created_at),
                cell(found.distance.map(distance)),
                found.status,
            ]
        });
    let mut lines = table(&["ID", "CREATED", "", "STATUS"], rows.collect());
    let more = candidates.found.len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more, which --json lists"));
    }
    lines
}

/// Returns the commands that decide which of the candidates is the job, each with its meaning.
pub(crate) fn commands(job: JobNumber, candidates: &Candidates) -> Vec<String> {
    let ids = usable(candidates);
    let mut commands = Vec::new();
    let nearest = &ids[..ids.len().min(MAX_SHOWN)];
    if nearest.len() > 1 {
        let shown = nearest.iter().map(shell::id);
        let shown = shown.collect::<Vec<_>>().join(" ");
        commands.push(format!("compare them with: wave show {shown}"));
    }
    commands.extend(nearest.iter().map(|id| {
        let adopt = option("--adopt", id);
        format!("if {id} is {job}: wave resume {job} {adopt}")
    }));
    let again = format!("look again later with: wave resume {job}");
    match candidates.held_back {
        // What is not seen yet could be the job just as well, so nothing else follows.
        HeldBack::Incomplete | HeldBack::TooEarly => commands.push(again),
        HeldBack::Expired => commands.push(format!(
            "the vendor keeps no older jobs; if it is none of these and no longer wanted: wave jobs \
             forget {job}"
        )),
        // A candidate that cannot be named cannot be excluded.
        _ if ids.len() < candidates.found.len() => commands.push(again),
        _ if ids.len() > nearest.len() => commands.push(format!(
            "if none of all {} is {job}, submit it again, which is billed, with a --not for each id that \
             --json lists: wave resume {job} --resubmit --not ID …",
            ids.len()
        )),
        _ => {
            let none = match ids.len() {
                1 => format!("it is not {job}"),
                _ => format!("none of them is {job}"),
            };
            let not: Vec<String> = ids.iter().map(|id| option("--not", id)).collect();
            commands.push(format!(
                "if {none}, submit it again, which is billed: wave resume {job} --resubmit {}",
                not.join(" ")
            ));
        }
    }
    commands
}

/// Returns the ids of the candidates, except those in an unknown form.
fn usable(candidates: &Candidates) -> Vec<PredictionId> {
    let ids = candidates.found.iter().map(|found| found.prediction.id());
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// Returns an option with an id.
fn option(name: &str, id: &PredictionId) -> String {
    format!("{name} {}", shell::id(id))
}
