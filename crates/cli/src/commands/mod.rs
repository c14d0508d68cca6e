//! The commands. Each is a few calls of the library, and returns a report.

mod account;
mod check;
mod delete;
mod dry_run;
mod emulator;
mod forward;
mod jobs;
mod models;
mod poll_webhooks;
mod price;
mod resume;
mod run;
mod schema;
mod stats;
mod upload;
mod usage;
mod voices;
mod wait;
mod webhook;

use crate::args::Command;
use crate::context::Context;
use crate::output::report::Report;

/// Runs a command.
pub(crate) async fn run(command: Command, context: &mut Context) -> Report {
    let result = match &command {
        Command::Lipsync(args) => return run::lipsync(args, context).await,
        Command::Run(args) => return run::run_model(args, context).await,
        Command::Wait(args) => return wait::wait(args, context).await,
        Command::Show(args) => return wait::show(args, context).await,
        Command::Download(args) => return wait::download(args, context).await,
        Command::Check(args) => check::check(args, context).await,
        Command::Price(args) => price::price(args, context).await,
        Command::Balance => price::balance(context).await,
        Command::Upload(args) => upload::upload(args, context).await,
        Command::Jobs(args) => jobs::jobs(args, context).await,
        Command::Resume(args) => resume::resume(args, context).await,
        Command::Models(args) => models::models(args, context).await,
        Command::Schema(args) => schema::schema(args, context).await,
        Command::History(args) => account::history(args, context).await,
        Command::Delete(args) => delete::delete(args, context).await,
        Command::Usage(args) => usage::usage(args, context).await,
        Command::Stats(args) => stats::stats(args, context).await,
        Command::Billings(args) => account::billings(args, context).await,
        Command::Voices(args) => Ok(voices::voices(args)),
        Command::Webhook(args) => webhook::webhook(args, context).await,
        Command::Emulator(args) => emulator::emulator(args, context).await,
    };
    result.unwrap_or_else(Report::failed)
}
