//! `wave wait`, `wave show` and `wave download`: tasks of which only the id is known.

use std::path::PathBuf;

use clap::ArgMatches;
use futures_util::{StreamExt as _, stream};
use wavespeed::{JobFilter, JobNumber, Prediction, PredictionId, Target, Wavespeed};

use super::{jobs, run};
use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::report::{Job, Report};
use crate::output::terminal::Progress;
use crate::wait_and_save::{Finished, Task, WaitContext, finish, outputs, text};

/// How many tasks are asked about at once, if it is once.
pub(super) const AT_ONCE: usize = 8;

pub(super) async fn wait(matches: &ArgMatches, context: &mut Context) -> Report {
    let begun = begin(matches, context, None).await;
    let (client, target, ids) = match begun {
        Ok(begun) => begun,
        Err(report) => return report,
    };
    let progress = Progress::new(context.global.quiet);
    let waiting = waiting(&client, context, &progress);
    let mut jobs: Vec<(usize, Job)> = Vec::new();
    let mut tasks = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let mut job = Job::named(id);
        job.output = matches.get_one::<PathBuf>("output").cloned();
        waiting.shared_jobs.update(at, &job);
        match task(&client, id, &mut job).await {
            Ok(task) => tasks.push(Task {
                at,
                task,
                target: target.as_ref(),
                job,
            }),
            Err(failure) => jobs.push((at, close(waiting, at, job, Err(failure)))),
        }
    }
    let end = |(task, done): Finished<'_>| (task.at, close(waiting, task.at, task.job, done));
    jobs.extend(finish(waiting, ids.len(), stream::iter(tasks), end).await);
    report(jobs, ids.len() != 1)
}

pub(super) async fn download(matches: &ArgMatches, context: &mut Context) -> Report {
    let here = Target::new("./").force(matches.get_flag("force"));
    each(matches, context, Some(here), async |waiting, mut task| {
        let fetched = task.task.fetch_until(waiting.deadline).await;
        let saved = match fetched {
            Ok(record) => {
                waiting.progress.show("downloading");
                outputs(waiting, &mut task, &record).await
            }
            Err(error) => Err(Failure::fetch(task.task.id(), &error)),
        };
        (task, saved)
    })
    .await
}

pub(super) async fn show(matches: &ArgMatches, context: &mut Context) -> Report {
    each(matches, context, None, async |waiting, mut task| {
        let fetched = task.task.fetch_until(waiting.deadline).await;
        let shown = fetched.map_err(|error| Failure::fetch(task.task.id(), &error));
        let shown = shown.map(|record| {
            task.job.document.set_record(&record);
            task.job.lines = describe(&record);
        });
        (task, shown)
    })
    .await
}

/// What the handling of the tasks of this command needs.
pub(super) fn waiting<'a>(
    client: &'a Wavespeed,
    context: &'a Context,
    progress: &'a Progress,
) -> WaitContext<'a> {
    WaitContext {
        client,
        shared_jobs: &context.shared_jobs,
        progress,
        deadline: client.deadline(),
        limits: context.limits(),
    }
}

/// What became of a job is final.
pub(super) fn close(
    waiting: WaitContext<'_>,
    at: usize,
    job: Job,
    done: Result<(), Failure>,
) -> Job {
    let job = match done {
        Ok(()) => job,
        Err(failure) => job.fail(failure),
    };
    waiting.shared_jobs.close(at, &job);
    job
}

/// What became of all jobs, in their order.
pub(super) fn report(mut jobs: Vec<(usize, Job)>, many: bool) -> Report {
    jobs.sort_by_key(|(at, _)| *at);
    Report::Jobs {
        jobs: jobs.into_iter().map(|(_, job)| job).collect(),
        many,
    }
}

/// The client, where outputs go, and the tasks that are named. What stands against all of them is
/// told of each.
async fn begin<'a>(
    matches: &'a ArgMatches,
    context: &mut Context,
    target: Option<Target>,
) -> Result<(Wavespeed, Option<Target>, Vec<&'a String>), Report> {
    let ids: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
    match prepare(&ids, matches, target, context).await {
        Ok((client, target)) => Ok((client, target, ids)),
        Err(failure) => {
            let jobs = ids.iter().map(|id| Job::named(id).fail(failure.clone()));
            Err(Report::jobs(jobs.collect()))
        }
    }
}

/// Does the same with each task that is named, some at once.
async fn each<'a>(
    matches: &'a ArgMatches,
    context: &mut Context,
    target: Option<Target>,
    work: impl for<'b> AsyncFn(WaitContext<'b>, Task<'b>) -> Finished<'b>,
) -> Report {
    let (client, target, ids) = match begin(matches, context, target).await {
        Ok(begun) => begun,
        Err(report) => return report,
    };
    let progress = Progress::new(context.global.quiet);
    let waiting = waiting(&client, context, &progress);
    let (target, work) = (target.as_ref(), &work);
    let ends = ids.iter().enumerate().map(async |(at, id)| {
        let mut job = Job::named(id);
        waiting.shared_jobs.update(at, &job);
        let job = match task(waiting.client, id, &mut job).await {
            Ok(task) => {
                let (task, done) = work(
                    waiting,
                    Task {
                        at,
                        task,
                        target,
                        job,
                    },
                )
                .await;
                close(waiting, at, task.job, done)
            }
            Err(failure) => close(waiting, at, job, Err(failure)),
        };
        (at, job)
    });
    let jobs = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
    report(jobs, ids.len() != 1)
}

/// The task of an id, or of the number of a job.
async fn task(client: &Wavespeed, text: &str, job: &mut Job) -> Result<wavespeed::Job, Failure> {
    let Ok(number) = text.parse::<JobNumber>() else {
        let id: PredictionId = text.parse().map_err(Failure::usage)?;
        if let Some(record) = client.jobs(JobFilter::Id(&id)).await?.first() {
            job.document.set_job(record);
        }
        return client.job(&id).map_err(Failure::usage);
    };
    let record = jobs::find(client, text).await?;
    job.document.set_job(&record);
    let unknown = || {
        Failure::usage(format!(
            "{number} has no id yet: what came of its submit is not known"
        ))
        .hint(format!("find out with: wave resume {number}"))
    };
    client
        .job(record.id.ok_or_else(unknown)?)
        .map_err(Failure::usage)
}

/// The client, and where outputs go. Refuses here what cannot work.
async fn prepare(
    ids: &[&String],
    matches: &ArgMatches,
    target: Option<Target>,
    context: &mut Context,
) -> Result<(Wavespeed, Option<Target>), Failure> {
    if context.global.emulate {
        return Err(Failure::usage(
            "--emulate has no tasks from before: its tasks end with the process",
        )
        .hint("keep one running with `wave emulator`, and use its --base-url"));
    }
    for (at, id) in ids.iter().enumerate() {
        if id.parse::<JobNumber>().is_err() {
            id.parse::<PredictionId>().map_err(Failure::usage)?;
        }
        if ids[..at].contains(id) {
            return Err(Failure::usage(format!("{id} is named twice")));
        }
    }
    let takes_output = matches.try_contains_id("output").unwrap_or(false);
    let given = if takes_output {
        run::target(matches)
    } else {
        None
    };
    if let Some(target) = &given {
        if ids.len() > 1 && !target.is_folder() {
            let failure = Failure::usage("several tasks cannot be saved to one file");
            return Err(failure.hint("name a folder: -o DIR/"));
        }
        if let Some(fault) = target.check() {
            return Err(Failure::input(vec![fault]).hint(Failure::OUTPUT_HINT));
        }
    }
    Ok((context.client().await?, given.or(target)))
}

fn describe(record: &Prediction) -> Vec<String> {
    let mut lines = vec![
        format!("id:       {}", record.id),
        format!("status:   {}", record.status),
    ];
    let rows = [
        ("model:    ", &record.model),
        ("created:  ", &record.created_at),
    ];
    lines.extend(
        rows.iter()
            .filter_map(|(name, value)| Some(format!("{name}{}", value.as_ref()?))),
    );
    lines.extend(record.error().map(|error| format!("error:    {error}")));
    lines.extend(
        record
            .outputs()
            .iter()
            .map(|output| format!("output:   {}", text(output))),
    );
    lines
}
