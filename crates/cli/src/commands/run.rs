//! `wave lipsync` and `wave run`: check, upload, submit, wait, save.

use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::Value;
use wavespeed::{Fault, Files, Model, Rule, SubmitError, Target, Wavespeed, check, nearest};

use super::tasks::{Place, finish};
use crate::args;
use crate::context::Context;
use crate::failure::Failure;
use crate::inputs;
use crate::report::{Job, Report};
use crate::terminal::{self, Progress};

pub(super) async fn run(
    name: &str,
    id: Option<&str>,
    matches: &ArgMatches,
    context: &mut Context,
) -> Report {
    let Some(id) = id else {
        return Report::failed(
            Failure::usage("no model is named").hint("see what there is: wave models"),
        );
    };
    let Some(model) = wavespeed::model(id) else {
        let hint = match nearest(id, args::model_ids()) {
            Some(near) => format!("did you mean {near}? See what there is: wave models"),
            None => "see what there is: wave models".to_owned(),
        };
        let failure = Failure::usage(format!("{id:?} is not a model of the catalogue"));
        return Report::failed(failure.hint(hint));
    };
    let help = match name {
        "run" => format!("wave run {id} --help"),
        _ => format!("wave {name} --help"),
    };
    let mut job = Job {
        model: Some(model),
        ..Job::default()
    };
    job.document.model = Some(model.id.to_owned());
    let done = attempt(model, &help, matches, context, &mut job).await;
    let job = match done {
        Ok(()) => job,
        // There is no way on to a task that ends with this process.
        Err(failure) if context.global.emulate && job.id().is_some() => {
            job.fail(failure.hint("an emulated task ends with this process"))
        }
        Err(failure) => job.fail(failure),
    };
    job.into()
}

async fn attempt(
    model: &'static Model,
    help: &str,
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
    let mut failure = Failure::input(faults);
    failure.hint = hint(&failure.faults, help);
    // A missing key would be the next error, so it is told with the others.
    if !context.global.emulate
        && let Err(other) = context.client().await
    {
        failure.message = format!("{}; and {}", failure.message, other.message);
        failure.exit = failure.exit.max(other.exit);
    }
    Err(failure)
}

/// What helps with faults, beyond what each says itself.
fn hint(faults: &[Fault], help: &str) -> Option<String> {
    let all = |rules: &[Rule]| faults.iter().all(|fault| rules.contains(&fault.rule));
    if all(&[Rule::Output]) {
        return Some(Failure::OUTPUT_HINT.to_owned());
    }
    if all(&[Rule::File]) {
        return None;
    }
    let voices = faults
        .iter()
        .any(|fault| fault.field == "voice_id" && fault.rule == Rule::Choice);
    let list = if voices {
        "; every voice by: wave voices"
    } else {
        ""
    };
    Some(format!("every input is shown by: {help}{list}"))
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
    context.board.set_submitting(true);
    let submitted = client.submit_until(model.id, &input, deadline).await;
    if let Ok(submitted) = &submitted {
        progress.id(submitted.id().as_str());
        job.document.id = Some(submitted.id().to_string());
        if let Some(record) = submitted.submitted() {
            job.document.set_record(record);
        }
        context.board.update(0, job);
    }
    context.board.set_submitting(false);
    let submitted = match submitted {
        Ok(submitted) => submitted,
        Err(error) => {
            if let SubmitError::Unknown(unknown) = &error {
                job.document.set_answer(&unknown.body);
            }
            return Err(error.into());
        }
    };
    if context.global.no_wait {
        job.lines.push(submitted.id().to_string());
        return Ok(());
    }
    let place = Place {
        client,
        board: &context.board,
        at: 0,
        progress: &progress,
        deadline,
        target,
    };
    let finished = finish(&place, &submitted, job).await;
    if finished.is_ok() && target.is_none() && context.global.emulate && !context.global.quiet {
        drop(progress);
        terminal::note("the emulator ends now, and what it made with it; -o keeps it");
    }
    finished.map_err(|failure| failure.after_submit(submitted.id()))
}

/// Where the outputs go, if they are to be saved.
pub(super) fn target(matches: &ArgMatches) -> Option<Target> {
    let path: &PathBuf = matches.get_one("output")?;
    Some(Target::new(path).force(matches.get_flag("force")))
}
