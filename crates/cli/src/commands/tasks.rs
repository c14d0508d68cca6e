//! `wave wait`, `wave show` and `wave download`: tasks of which only the id is known.

use std::pin::pin;

use clap::ArgMatches;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use wavespeed::poll::Update;
use wavespeed::{Deadline, Prediction, Status, Target, Wavespeed, output_url};

use super::run::target;
use crate::context::{Context, Phase};
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::{Failure, go_on};
use crate::report::{Job, Report};
use crate::terminal::Progress;

pub(super) async fn wait(matches: &ArgMatches, context: &mut Context) -> Report {
    let (client, jobs, target) = match prepare(matches, context).await {
        Ok(prepared) => prepared,
        Err(failure) => return Report::failed(failure),
    };
    let deadline = client.deadline();
    let progress = Progress::new(context.global.quiet);
    let ends = jobs.iter().map(async |task| {
        let mut job = Job::default();
        job.document.id = Some(task.id().to_string());
        match finish(
            &client,
            task,
            deadline,
            target.as_ref(),
            &progress,
            &mut job,
        )
        .await
        {
            Ok(()) => job,
            Err(failure) => job.fail(failure),
        }
    });
    Report::jobs(join_all(ends).await)
}

pub(super) async fn show(matches: &ArgMatches, context: &mut Context) -> Report {
    let (_, jobs, _) = match prepare(matches, context).await {
        Ok(prepared) => prepared,
        Err(failure) => return Report::failed(failure),
    };
    let task = &jobs[0];
    match task.fetch().await {
        Ok(record) => {
            let mut job = Job {
                lines: describe(&record),
                ..Job::default()
            };
            job.document.set_record(&record);
            job.into()
        }
        Err(error) => Job::failed(Some(task.id()), Failure::fetch(task.id(), &error)).into(),
    }
}

pub(super) async fn download(matches: &ArgMatches, context: &mut Context) -> Report {
    let (client, jobs, target) = match prepare(matches, context).await {
        Ok(prepared) => prepared,
        Err(failure) => return Report::failed(failure),
    };
    let target = target.unwrap_or_else(|| Target::new("./").force(matches.get_flag("force")));
    let deadline = client.deadline();
    let progress = Progress::new(context.global.quiet);
    let ends = jobs.iter().map(async |task| {
        let mut job = Job::default();
        job.document.id = Some(task.id().to_string());
        let saved = match task.fetch().await {
            Ok(record) => {
                progress.show("downloading");
                save(&client, &record, deadline, Some(&target), &mut job).await
            }
            Err(error) => Err(Failure::fetch(task.id(), &error)),
        };
        match saved {
            Ok(()) => job,
            Err(failure) => job.fail(failure),
        }
    });
    Report::jobs(join_all(ends).await)
}

/// The client, the tasks that the ids name, and where their outputs go. Refuses here what cannot
/// work.
async fn prepare(
    matches: &ArgMatches,
    context: &mut Context,
) -> Result<(Wavespeed, Vec<wavespeed::Job>, Option<Target>), Failure> {
    if context.global.emulate {
        return Err(Failure::usage(
            "--emulate has no tasks from before: its tasks end with the process",
        )
        .hint("keep one running with `wave emulator`, and use its --base-url"));
    }
    let ids: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
    let has_output = matches.ids().any(|id| id == "output");
    let target = if has_output { target(matches) } else { None };
    if let Some(target) = &target {
        if ids.len() > 1 && !target.is_folder() {
            return Err(Failure::usage("several tasks cannot be saved to one file")
                .hint("name a folder: -o DIR/"));
        }
        if let Some(fault) = target.check() {
            return Err(Failure::input(vec![fault]));
        }
    }
    let parsed: Result<Vec<_>, _> = ids
        .iter()
        .map(|id| id.parse::<wavespeed::PredictionId>())
        .collect();
    let parsed = parsed.map_err(Failure::usage)?;
    let client = context.client().await?;
    let jobs = parsed
        .iter()
        .map(|id| client.job(id.as_str()))
        .collect::<Result<_, _>>()
        .map_err(Failure::usage)?;
    context.phase.set(Phase::Submitted(parsed));
    Ok((client, jobs, target))
}

/// Waits for the end of a task, and saves what it made or says where it is.
pub(super) async fn finish(
    client: &Wavespeed,
    task: &wavespeed::Job,
    deadline: Deadline,
    target: Option<&Target>,
    progress: &Progress,
    job: &mut Job,
) -> Result<(), Failure> {
    progress.show("waiting");
    let mut updates = pin!(task.follow(deadline));
    let done = loop {
        let update = updates
            .try_next()
            .await
            .map_err(|error| Failure::wait(&error))?;
        match update.expect("an end comes before the end of the stream") {
            Update::Done(record) => break record,
            Update::Pending(record) => {
                job.document.set_record(&record);
                progress.show(record.status.name());
            }
            Update::Retrying { error, again_in } => {
                progress.show(&format!(
                    "{error}; asking again in {} s",
                    again_in.as_secs_f32().ceil()
                ));
            }
        }
    };
    if target.is_some() {
        progress.show("downloading");
    }
    save(client, &done, deadline, target, job).await
}

/// Saves the outputs of a task that has ended, or says where they are.
async fn save(
    client: &Wavespeed,
    record: &Prediction,
    deadline: Deadline,
    target: Option<&Target>,
    job: &mut Job,
) -> Result<(), Failure> {
    job.document.set_record(record);
    let Some(target) = ended_well(record).map(|()| target)? else {
        job.lines.extend(record.outputs().iter().map(text));
        return Ok(());
    };
    let (saved, result) = match client.download_until(record, target, deadline).await {
        Ok(saved) => (saved, Ok(())),
        Err(mut error) => (std::mem::take(&mut error.saved), Err(Failure::save(&error))),
    };
    job.document.set_saved(&saved);
    job.lines
        .extend(saved.iter().map(|file| file.path.display().to_string()));
    result
}

fn ended_well(record: &Prediction) -> Result<(), Failure> {
    if record.status == Status::Completed {
        return Ok(());
    }
    if !record.status.is_terminal() {
        let message = format!("{} is not done: its status is {}", record.id, record.status);
        let failure = Failure::new(Exit::Deadline, Kind::Deadline, message);
        return Err(match record.id.parse() {
            Ok(id) => failure.hint(go_on(&id)),
            Err(_) => failure,
        });
    }
    let why = record
        .error()
        .map_or(String::new(), |error| format!(": {error}"));
    let message = format!("{} ended as {}{why}", record.id, record.status);
    let failure = Failure::new(Exit::TaskFailed, Kind::Task, message);
    Err(match record.status {
        Status::Failed | Status::Timeout => {
            failure.hint("the vendor refunds such tasks by itself, within about 3 hours")
        }
        _ => failure,
    })
}

/// An output as a line: its URL, or whatever else it is.
fn text(output: &serde_json::Value) -> String {
    match (output_url(output), output.as_str()) {
        (Some(url), _) => url.into(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => output.to_string(),
    }
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
