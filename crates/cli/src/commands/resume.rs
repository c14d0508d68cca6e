//! `wave resume`: going on with what the journal has left open.

use clap::ArgMatches;
use futures_util::future::join_all;
use wavespeed::{Deadline, JobRecord, PredictionId, Reconciled, Stage, Wavespeed, Which};

use super::jobs::find;
use super::tasks::{Place, finish};
use crate::context::Context;
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::{Failure, reconcile_hint};
use crate::report::{Job, Report};
use crate::terminal::Progress;

/// What a person says about a submit of which nobody knows what came.
#[derive(Clone, Debug)]
enum Word {
    None,
    Adopt(PredictionId),
    Resubmit,
}

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    match attempt(matches, context).await {
        Ok(report) => report,
        Err(failure) => Report::failed(failure),
    }
}

async fn attempt(matches: &ArgMatches, context: &mut Context) -> Result<Report, Failure> {
    let ids: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
    let word = match matches.get_one::<String>("adopt") {
        Some(id) => Word::Adopt(id.parse().map_err(Failure::usage)?),
        None if matches.get_flag("resubmit") => Word::Resubmit,
        None => Word::None,
    };
    if ids.len() > 1 && !matches!(word, Word::None) {
        return Err(Failure::usage("--adopt and --resubmit are about one job"));
    }
    let client = context.client().await?;
    let records = match &ids[..] {
        [] => client.jobs(Which::Open)?,
        ids => ids
            .iter()
            .map(|id| find(&client, id))
            .collect::<Result<_, _>>()?,
    };
    let progress = Progress::new(context.global.quiet);
    let deadline = client.deadline();
    let ends = records.iter().enumerate().map(async |(at, record)| {
        let mut job = Job::default();
        job.document.set_job(record);
        job.saves = record.target.is_some();
        context.board.update(at, &job);
        let target = record.target.as_ref();
        let place = Place {
            client: &client,
            board: &context.board,
            at,
            progress: &progress,
            deadline,
            target,
        };
        let done = go_on(&place, record, &word, &mut job).await;
        let job = match done {
            Ok(()) => job,
            Err(failure) => job.fail(failure),
        };
        context.board.close(at, &job);
        job
    });
    let jobs = join_all(ends).await;
    // Naming one is asking about one; else it is a list, of however many.
    Ok(Report::Jobs {
        many: ids.len() != 1,
        jobs,
    })
}

async fn go_on(
    place: &Place<'_>,
    record: &JobRecord,
    word: &Word,
    job: &mut Job,
) -> Result<(), Failure> {
    let task = match (&record.id, word) {
        (Some(id), Word::None) => place.client.job(id).map_err(Failure::usage)?,
        (Some(id), _) => {
            let message = format!("{} is known to be {id}", record.number);
            return Err(Failure::usage(message)
                .hint(format!("go on with it: wave resume {}", record.number)));
        }
        (None, Word::Adopt(id)) => adopt(place, record, id).await?,
        (None, Word::Resubmit) => resubmit(place, record).await?,
        (None, Word::None) if record.stage == Stage::Rejected => {
            let message = format!(
                "{} was rejected: nothing came of it, nothing is billed",
                record.number
            );
            return Err(Failure::new(Exit::RefusedThere, Kind::Refused, message));
        }
        (None, Word::None) => {
            place
                .progress
                .show("looking for it in the vendor's history");
            job.lost = Some(reconcile_hint(Some(record.number)));
            place.board.update(place.at, job);
            reconcile(place.client, record, place.deadline, job).await?
        }
    };
    place.progress.id(task.id().as_str());
    job.document.id = Some(task.id().to_string());
    place.board.update(place.at, job);
    finish(place, &task, job)
        .await
        .map_err(|failure| failure.after_submit(task.id()))
}

/// A slip of the pen must not take the place of the real id: the vendor has to know the task.
async fn adopt(
    place: &Place<'_>,
    record: &JobRecord,
    id: &PredictionId,
) -> Result<wavespeed::Job, Failure> {
    let task = place.client.job(id).map_err(Failure::usage)?;
    let seen = task.fetch_until(place.deadline).await;
    seen.map_err(|error| Failure::fetch(id, &error))?;
    Ok(place.client.adopt(record, id.clone())?)
}

async fn resubmit(place: &Place<'_>, record: &JobRecord) -> Result<wavespeed::Job, Failure> {
    place.board.set_submitting(true);
    let submitted = place.client.resubmit(record, place.deadline).await;
    place.board.set_submitting(false);
    Ok(submitted?)
}

/// The task of a job whose answer was lost, if it can be found and be nothing else.
pub(super) async fn reconcile(
    client: &Wavespeed,
    record: &JobRecord,
    deadline: Deadline,
    job: &mut Job,
) -> Result<wavespeed::Job, Failure> {
    let number = record.number;
    let failure = |message| Failure::new(Exit::Unknown, Kind::Unknown, message);
    let (message, hint) = match client.reconcile(record, deadline).await {
        Ok(Reconciled::Adopted(task)) => {
            job.document.reconciled = true;
            job.notes.push(format!(
                "{} was found in the vendor's history for {number}; another client of the account could have made it",
                task.id()
            ));
            return Ok(*task);
        }
        Ok(Reconciled::Nothing) => (
            format!(
                "the outcome of {number} is unknown, and the vendor's history has no task of it"
            ),
            format!(
                "a history may lag: look again with wave resume {number}; if it never shows, it never arrived, and wave resume {number} --resubmit submits it again, and pays for it"
            ),
        ),
        Ok(Reconciled::Candidates(tasks)) => {
            let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
            (
                format!(
                    "the outcome of {number} is unknown; it could be {}",
                    ids.join(" or ")
                ),
                format!("look at them with wave show; then: wave resume {number} --adopt ID"),
            )
        }
        Ok(_) => (
            format!("the outcome of {number} is unknown"),
            format!("do not submit again; look once more with: wave resume {number}"),
        ),
        Err(error) => (
            format!("the outcome of {number} is unknown: {error}"),
            format!("do not submit again; look once more with: wave resume {number}"),
        ),
    };
    Err(failure(message).hint(hint))
}
