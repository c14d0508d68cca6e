//! `wave wait`, `wave show` and `wave download`: tasks of which only the id is known.

use std::pin::pin;

use clap::ArgMatches;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use wavespeed::poll::Update;
use wavespeed::{
    Deadline, JobNumber, Prediction, PredictionId, Status, Target, Wavespeed, Which, output_url,
};

use super::{jobs, run};
use crate::board::Board;
use crate::context::Context;
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::{Failure, go_on};
use crate::report::{Job, Report};
use crate::terminal::Progress;

/// What the handling of one task needs.
pub(super) struct Place<'a> {
    pub(super) client: &'a Wavespeed,
    pub(super) board: &'a Board,
    /// The number of the job on the board.
    pub(super) at: usize,
    pub(super) progress: &'a Progress,
    pub(super) deadline: Deadline,
    pub(super) target: Option<&'a Target>,
}

pub(super) async fn wait(matches: &ArgMatches, context: &mut Context) -> Report {
    each(matches, context, None, async |place, task, job| {
        finish(&place, &task, job).await
    })
    .await
}

pub(super) async fn download(matches: &ArgMatches, context: &mut Context) -> Report {
    let here = Target::new("./").force(matches.get_flag("force"));
    each(matches, context, Some(here), async |place, task, job| {
        let fetched = task.fetch_until(place.deadline).await;
        let record = fetched.map_err(|error| Failure::fetch(task.id(), &error))?;
        place.progress.show("downloading");
        save(&place, &task, &record, job).await
    })
    .await
}

pub(super) async fn show(matches: &ArgMatches, context: &mut Context) -> Report {
    each(matches, context, None, async |place, task, job| {
        let fetched = task.fetch_until(place.deadline).await;
        let record = fetched.map_err(|error| Failure::fetch(task.id(), &error))?;
        job.document.set_record(&record);
        job.lines = describe(&record);
        Ok(())
    })
    .await
}

/// Does the same with each task that is named, all at once. What stands against all of them is
/// told of each.
async fn each(
    matches: &ArgMatches,
    context: &mut Context,
    target: Option<Target>,
    work: impl AsyncFn(Place<'_>, wavespeed::Job, &mut Job) -> Result<(), Failure>,
) -> Report {
    let ids: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
    let (client, target) = match prepare(&ids, matches, target, context).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            let jobs = ids.iter().map(|id| Job::named(id).fail(failure.clone()));
            return Report::jobs(jobs.collect());
        }
    };
    let deadline = client.deadline();
    let progress = Progress::new(context.global.quiet);
    let board = &context.board;
    let ends = ids.iter().enumerate().map(async |(at, id)| {
        let mut job = Job::named(id);
        board.update(at, &job);
        let place = Place {
            client: &client,
            board,
            at,
            progress: &progress,
            deadline,
            target: target.as_ref(),
        };
        let done = match task(&client, id, &mut job) {
            Ok(task) => work(place, task, &mut job).await,
            Err(failure) => Err(failure),
        };
        let job = match done {
            Ok(()) => job,
            Err(failure) => job.fail(failure),
        };
        board.close(at, &job);
        job
    });
    Report::jobs(join_all(ends).await)
}

/// The task of an id, or of the number of a job.
fn task(client: &Wavespeed, text: &str, job: &mut Job) -> Result<wavespeed::Job, Failure> {
    let Ok(number) = text.parse::<JobNumber>() else {
        let id: PredictionId = text.parse().map_err(Failure::usage)?;
        if let Some(record) = client.jobs(Which::Id(&id))?.first() {
            job.document.set_job(record);
        }
        return client.job(&id).map_err(Failure::usage);
    };
    let record = jobs::find(client, text)?;
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

/// Waits for the end of a task, and saves what it made or says where it is.
pub(super) async fn finish(
    place: &Place<'_>,
    task: &wavespeed::Job,
    job: &mut Job,
) -> Result<(), Failure> {
    let progress = place.progress;
    progress.show("waiting");
    let mut updates = pin!(task.follow(place.deadline));
    let done = loop {
        let update = updates
            .try_next()
            .await
            .map_err(|error| Failure::wait(&error))?;
        match update.expect("an end comes before the end of the stream") {
            Update::Done(record) => break record,
            Update::Pending(record) => {
                job.document.set_record(&record);
                place.board.update(place.at, job);
                progress.show(record.status.name());
            }
            Update::Retrying { error, again_in } => {
                let seconds = again_in.as_secs_f32().ceil();
                progress.show(&format!("asking again in {seconds} s: {error}"));
            }
            _ => {}
        }
    };
    if place.target.is_some() {
        progress.show("downloading");
    }
    save(place, task, &done, job).await
}

/// Saves the outputs of a task that has ended, or says where they are.
async fn save(
    place: &Place<'_>,
    task: &wavespeed::Job,
    record: &Prediction,
    job: &mut Job,
) -> Result<(), Failure> {
    job.document.set_record(record);
    place.board.update(place.at, job);
    ended_well(task.id(), record)?;
    let result = match place.target {
        None => Ok(Vec::new()),
        Some(target) => {
            let client = place.client;
            client.download_until(record, target, place.deadline).await
        }
    };
    let (saved, result) = match result {
        Ok(saved) => (saved, Ok(())),
        Err(mut error) => (
            std::mem::take(&mut error.saved),
            Err(Failure::save(task.id(), &error)),
        ),
    };
    job.document.set_saved(&saved);
    // Of each output the file, or else where it is.
    job.lines
        .extend((1..).zip(record.outputs()).map(|(number, output)| {
            let file = saved.iter().find(|file| file.number == number);
            file.map_or_else(|| text(output), |file| file.path.display().to_string())
        }));
    if record.outputs().is_empty() && place.target.is_none() {
        job.notes
            .push(format!("{} is completed, but has no outputs", task.id()));
    }
    result
}

fn ended_well(id: &PredictionId, record: &Prediction) -> Result<(), Failure> {
    if record.status == Status::Completed {
        return Ok(());
    }
    if !record.status.is_terminal() {
        let message = format!("{id} is not done: its status is {}", record.status);
        return Err(Failure::new(Exit::Deadline, Kind::Deadline, message).hint(go_on(id)));
    }
    let why = record
        .error()
        .map_or(String::new(), |error| format!(": {error}"));
    let message = format!("{id} ended as {}{why}", record.status);
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
