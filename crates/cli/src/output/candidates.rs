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

/// Returns the candidates as a table.
pub(crate) fn lines(candidates: &Candidates) -> Vec<String> {
    let rows = documents(candidates).into_iter().map(|found| {
        vec![
            found.id,
            cell(found.created_at),
            cell(found.distance.map(distance)),
            found.status,
        ]
    });
    table(&["ID", "CREATED", "", "STATUS"], rows.collect())
}

/// Returns the commands that decide which of the candidates is the job, each with its meaning.
pub(crate) fn commands(job: JobNumber, candidates: &Candidates) -> Vec<String> {
    let ids = usable(candidates);
    let mut commands = Vec::new();
    if ids.len() > 1 {
        let shown = ids.iter().map(shell::id);
        let shown = shown.collect::<Vec<_>>().join(" ");
        commands.push(format!("compare them with: wave show {shown}"));
    }
    commands.extend(ids.iter().map(|id| {
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
