//! `wave lipsync` and `wave run`: check, upload, submit, wait, save.

use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::Value;
use wavespeed::{Fault, Files, Model, Rule, Target, Wavespeed, check, nearest};

use super::tasks::finish;
use crate::args;
use crate::context::{Context, Phase};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::inputs;
use crate::report::{Job, Report};
use crate::terminal::Progress;

pub(super) async fn run(id: Option<&str>, matches: &ArgMatches, context: &mut Context) -> Report {
    let Some(id) = id else {
        return Report::failed(
            Failure::usage("no model is named").hint("see what there is: wave models"),
        );
    };
    match wavespeed::model(id) {
        Some(model) => run_model(model, matches, context).await.into(),
        None => {
            let hint = match nearest(id, args::model_ids()) {
                Some(near) => format!("did you mean {near}? See what there is: wave models"),
                None => "see what there is: wave models".to_owned(),
            };
            Report::failed(
                Failure::usage(format!("{id:?} is not a model of the catalogue")).hint(hint),
            )
        }
    }
}

async fn run_model(model: &'static Model, matches: &ArgMatches, context: &mut Context) -> Job {
    let mut job = Job {
        model: Some(model),
        ..Job::default()
    };
    job.document.model = Some(model.id.to_owned());
    match attempt(model, matches, context, &mut job).await {
        Ok(()) => job,
        // There is no way on to a task that ends with this process.
        Err(failure) if context.global.emulate && failure.exit == Exit::Deadline => {
            job.fail(failure.hint("an emulated task ends with this process"))
        }
        Err(failure) => job.fail(failure),
    }
}

async fn attempt(
    model: &'static Model,
    matches: &ArgMatches,
    context: &mut Context,
    job: &mut Job,
) -> Result<(), Failure> {
    let target = target(matches);
    if target.is_some() && context.global.no_wait {
        return Err(
            Failure::usage("--no-wait leaves before there is anything for -o to save")
                .hint("save it later: wave wait ID -o FILE"),
        );
    }
    let files = if context.global.no_media_check {
        Files::UrlOrPathUnchecked
    } else {
        Files::UrlOrPath
    };
    let input = inputs::from_flags(model, matches);
    let mut faults: Vec<Fault> = check(model, &input, files);
    faults.extend(target.as_ref().and_then(Target::check));
    if faults.is_empty() {
        let client = context.client().await?;
        return submit(&client, model, input, target.as_ref(), context, job).await;
    }
    let hint = if faults.iter().all(|fault| fault.rule == Rule::Output) {
        "-o takes a new file, or a folder with a slash at its end; --force replaces a file"
            .to_owned()
    } else {
        format!("every input is shown by: wave run {} --help", model.id)
    };
    let mut failure = Failure::input(faults).hint(hint);
    // A missing key would be the next error, so it is told with the others.
    if !context.global.emulate
        && let Err(other) = context.client().await
    {
        failure.message = format!("{}; and {}", failure.message, other.message);
        failure.exit = failure.exit.max(other.exit);
    }
    Err(failure)
}

async fn submit(
    client: &Wavespeed,
    model: &'static Model,
    mut input: Value,
    target: Option<&Target>,
    context: &Context,
    job: &mut Job,
) -> Result<(), Failure> {
    let deadline = client.deadline();
    let progress = Progress::new(context.global.quiet);
    progress.show("uploading");
    client.upload_inputs(model, &mut input, deadline).await?;
    progress.show("submitting");
    context.phase.set(Phase::Submitting);
    let submitted = client.submit_raw(model.id, &input).await;
    context.phase.set(match &submitted {
        Ok(submitted) => Phase::Submitted(vec![submitted.id().clone()]),
        Err(_) => Phase::Before,
    });
    let submitted = submitted?;
    progress.id(submitted.id().as_str());
    job.document.id = Some(submitted.id().to_string());
    if let Some(record) = submitted.submitted() {
        job.document.set_record(record);
    }
    if context.global.no_wait {
        job.lines.push(submitted.id().to_string());
        return Ok(());
    }
    finish(client, &submitted, deadline, target, &progress, job).await
}

/// Where the outputs go, if they are to be saved.
pub(super) fn target(matches: &ArgMatches) -> Option<Target> {
    let path: &PathBuf = matches.get_one("output")?;
    Some(Target::new(path).force(matches.get_flag("force")))
}
