//! `wave delete`: deletes ended jobs and their outputs at the vendor.

use std::io::IsTerminal as _;

use wavespeed::{DeleteError, PredictionId};

use crate::args::account::DeleteArgs;
use crate::context::Context;
use crate::find_job;
use crate::output::document::Kind;
use crate::output::document::account::DeletedDocument;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::terminal;

pub(super) async fn delete(args: &DeleteArgs, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let mut ids: Vec<PredictionId> = Vec::new();
    for job in &args.ids.ids {
        let no_id = |number| {
            Failure::usage(format!(
                "{number} has no id, so there is nothing to delete at the vendor"
            ))
        };
        let id = find_job::id(&client, job, no_id).await?;
        // A job may be named by its number and by its id.
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let what = match &ids[..] {
        [id] => format!("the job {id} and its outputs"),
        ids => format!("{} jobs and their outputs", ids.len()),
    };
    // The question comes after the look-up, so that it can name what is deleted.
    if !args.yes {
        confirm(&what)?;
    }
    let deleted = client.delete(&ids, args.force).await;
    let deleted = deleted.map_err(|error| refused(&error))?;
    let document = DeletedDocument {
        asked: ids.len() as u64,
        deleted,
    };
    let is_part = deleted < document.asked;
    if is_part {
        context.warn(&format!(
            "{} of {} were not deleted: they are running, or the vendor does not have them",
            document.asked - deleted,
            document.asked
        ));
    }
    let lines = vec![format!("deleted: {deleted} of {}", document.asked)];
    let exit = match is_part {
        true => Exit::RefusedThere,
        false => Exit::Done,
    };
    Ok(Report::answer(lines, &document).with_exit(exit))
}

fn refused(error: &DeleteError) -> Failure {
    let nothing = || Failure::usage(format!("{error}; nothing was deleted"));
    match error {
        DeleteError::Open { job, .. } => nothing().hint(format!(
            "save the outputs first: wave resume {job}; or delete despite this: --force"
        )),
        DeleteError::OutcomeUnknown { job } => nothing().hint(format!(
            "find the id first: wave resume {job}; or delete despite this: --force"
        )),
        DeleteError::Call { error: cause, .. } => Failure {
            message: error.to_string().into(),
            ..Failure::asked("the deletion", cause)
        },
        error => Failure::new(Kind::Journal, error),
    }
}

/// Asks the user. Without a terminal, the answer has to be on the command line.
fn confirm(what: &str) -> Result<(), Failure> {
    let no = || Failure::usage("nothing was deleted").hint("delete without a question: --yes");
    // A script must not hang on a question that it cannot answer.
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(no());
    }
    let question = format!("delete {what} at the vendor? This cannot be undone. [y/N] ");
    match terminal::ask(&question) {
        true => Ok(()),
        false => Err(no()),
    }
}
