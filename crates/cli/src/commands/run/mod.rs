//! `wave lipsync` and `wave run`: check, upload, submit, wait, save.

mod check;
mod submit;

use wavespeed::{Next, SubmitOptions};

use self::check::Inputs;
use super::dry_run::dry_run;
use crate::args::input_values;
use crate::args::model::{RunArgs, RunModelArgs};
use crate::choose_model::{Chosen, choose};
use crate::context::Context;
use crate::lipsync::LIPSYNC;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::report::Report;

pub(super) async fn lipsync(args: &RunArgs, context: &mut Context) -> Report {
    run(LIPSYNC, "wave lipsync --help", args, context).await
}

pub(super) async fn run_model(args: &RunModelArgs, context: &mut Context) -> Report {
    let Some(id) = &args.model else {
        return Report::failed(no_model());
    };
    let help = match wavespeed::model(id) {
        Some(_) => format!("wave run {id} --help"),
        None => format!("wave schema {id} --live"),
    };
    run(id, &help, &args.run, context).await
}

/// Returns the failure of a command line without a model.
pub(super) fn no_model() -> Failure {
    Failure::usage("no model is named").hint("list models with: wave models")
}

/// Runs a model. `help` is the command that shows its inputs.
async fn run(id: &str, help: &str, args: &RunArgs, context: &mut Context) -> Report {
    let chosen = match choose(id, args.live.live, args.inputs.rest(), context).await {
        Ok(chosen) => chosen,
        Err(failure) => return Report::failed(failure),
    };
    let model = chosen.model;
    let mut report = JobReport {
        model: Some(model),
        ..JobReport::default()
    };
    report.document.model = Some(model.id.to_owned());
    let result = attempt(chosen, help, args, context, &mut report).await;
    match result {
        Ok(Some(report)) => report,
        Ok(None) => report.into(),
        // An emulated job cannot be resumed: it ends with this process.
        Err(failure) if context.global.emulate && report.document.id.is_some() => {
            let failure = failure.next(Next::None);
            let failure = failure.hint("an emulated job ends with this process");
            report.fail(failure).into()
        }
        Err(failure) => report.fail(failure).into(),
    }
}

/// Checks the input and submits it. Returns a report instead of a job for `--dry-run`.
async fn attempt(
    chosen: Chosen,
    help: &str,
    args: &RunArgs,
    context: &mut Context,
    report: &mut JobReport,
) -> Result<Option<Report>, Failure> {
    let target = args.output.target();
    if target.is_some() && context.global.no_wait {
        return Err(Failure::usage(
            "--no-wait and --output exclude each other: nothing is saved without waiting",
        )
        .hint("save the outputs later with: wave wait ID -o FILE"));
    }
    let model = chosen.model;
    let given = input_values::read(model, &args.inputs)?;
    let inputs = Inputs {
        chosen,
        input: &given.input,
        overridden: &args.force_input,
        help,
    };
    // Everything that can be checked without the network comes first, together.
    inputs.check(target.as_ref(), context, report).await?;
    given.notes.iter().for_each(|note| context.note(note));
    let client = context.client().await?;
    inputs.check_urls(&client, context, report).await?;
    if let Some(url) = &args.webhook {
        client.check_webhook(url)?;
    }
    if args.dry_run {
        let warnings = std::mem::take(&mut report.document.warnings);
        let report = dry_run(
            &client,
            model,
            &given.input,
            args.webhook.as_deref(),
            args.max_price,
            warnings,
        );
        return Ok(Some(report.await));
    }
    let mut options = SubmitOptions::new(client.deadline());
    options.target = target.as_ref();
    options.overridden = &args.force_input;
    options.max_price = args.max_price;
    options.webhook = args.webhook.as_deref();
    options.model = chosen.listed();
    submit::submit(&client, model, given.input, &options, context, report).await?;
    Ok(None)
}
