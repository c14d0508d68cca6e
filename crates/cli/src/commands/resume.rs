//! `wave resume`: going on with what the journal has left open.

use std::cell::RefCell;
use std::future::ready;

use clap::ArgMatches;
use futures_util::{StreamExt as _, stream};
use wavespeed::{Deadline, JobFilter, JobRecord, PredictionId, Reconciled, Stage, Wavespeed};

use super::jobs::find_all;
use super::wait::{AT_ONCE, close, report, waiting};
use crate::context::Context;
use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::{Failure, reconcile_hint};
use crate::output::report::{Job, Report};
use crate::output::terminal::Progress;
use crate::wait_and_save::{Finished, Task, WaitContext, finish};

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
        [] => client.jobs(JobFilter::Open).await?,
        ids => find_all(&client, ids).await?,
    };
    let progress = Progress::new(context.global.quiet);
    let waiting = waiting(&client, context, &progress);
    let failed = RefCell::new(Vec::new());
    // What is found out of lost submits does not keep the others waiting.
    let mut all: Vec<_> = records.iter().enumerate().collect();
    all.sort_by_key(|(_, record)| record.id.is_none());
    let tasks = stream::iter(all)
        .map(|(at, record)| {
            let (failed, word) = (&failed, &word);
            async move {
                let mut job = Job::default();
                job.document.set_job(record);
                job.saves = record.target.is_some();
                waiting.shared_jobs.update(at, &job);
                match go_on(waiting, at, record, word, &mut job).await {
                    Ok(task) => Some(Task {
                        at,
                        task,
                        target: record.target.as_ref(),
                        job,
                    }),
                    Err(failure) => {
                        failed
                            .borrow_mut()
                            .push((at, close(waiting, at, job, Err(failure))));
                        None
                    }
                }
            }
        })
        .buffer_unordered(AT_ONCE);
    let end = |(task, done): Finished<'_>| {
        let done = done.map_err(|failure| failure.after_submit(task.task.id()));
        (task.at, close(waiting, task.at, task.job, done))
    };
    let mut jobs = finish(waiting, records.len(), tasks.filter_map(ready), end).await;
    jobs.extend(failed.take());
    // Naming one is asking about one; else it is a list, of however many.
    Ok(report(jobs, ids.len() != 1))
}

/// The task of a job, found out if need be.
async fn go_on(
    waiting: WaitContext<'_>,
    at: usize,
    record: &JobRecord,
    word: &Word,
    job: &mut Job,
) -> Result<wavespeed::Job, Failure> {
    let task = match (&record.id, word) {
        (Some(id), Word::None) => waiting.client.job(id).map_err(Failure::usage)?,
        (Some(id), _) => {
            let message = format!("{} is known to be {id}", record.number);
            return Err(Failure::usage(message)
                .hint(format!("go on with it: wave resume {}", record.number)));
        }
        (None, Word::Adopt(id)) => adopt(waiting, record, id).await?,
        (None, Word::Resubmit) => resubmit(waiting, record).await?,
        (None, Word::None) if record.stage == Stage::Rejected => {
            let message = format!(
                "{} was rejected: nothing came of it, nothing is billed",
                record.number
            );
            return Err(Failure::new(Exit::RefusedThere, Kind::Refused, message));
        }
        (None, Word::None) => {
            waiting
                .progress
                .show("looking for it in the vendor's history");
            job.lost = Some(reconcile_hint(Some(record.number)));
            waiting.shared_jobs.update(at, job);
            reconcile(waiting.client, record, waiting.deadline, job).await?
        }
    };
    waiting.progress.id(task.id().as_str());
    job.document.id = Some(task.id().to_string());
    waiting.shared_jobs.update(at, job);
    Ok(task)
}

/// A slip of the pen must not take the place of the real id: the vendor has to know the task.
async fn adopt(
    waiting: WaitContext<'_>,
    record: &JobRecord,
    id: &PredictionId,
) -> Result<wavespeed::Job, Failure> {
    let task = waiting.client.job(id).map_err(Failure::usage)?;
    let seen = task.fetch_until(waiting.deadline).await;
    seen.map_err(|error| Failure::fetch(id, &error))?;
    Ok(waiting.client.adopt(record, id.clone()).await?)
}

async fn resubmit(waiting: WaitContext<'_>, record: &JobRecord) -> Result<wavespeed::Job, Failure> {
    waiting.shared_jobs.set_submitting(Some(waiting.client));
    let submitted = waiting.client.resubmit(record, waiting.deadline).await;
    waiting.shared_jobs.set_submitting(None);
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
