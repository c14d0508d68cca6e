//! The commands: each is a few calls into `wavespeed`.

mod account;
mod check;
mod emulator;
mod jobs;
mod models;
mod price;
mod resume;
mod run;
mod stats;
mod upload;
pub(crate) mod voices;
mod wait;
mod webhook;

use clap::ArgMatches;

use crate::args;
use crate::context::Context;
use crate::output::report::Report;

/// Runs the command of this name.
pub(crate) async fn run(name: &str, matches: &ArgMatches, context: &mut Context) -> Report {
    match name {
        "lipsync" => run::run(name, Some(args::LIPSYNC), matches, context).await,
        "run" => {
            let model: Option<&String> = matches.get_one("model");
            run::run(name, model.map(String::as_str), matches, context).await
        }
        "wait" => wait::wait(matches, context).await,
        "show" => wait::show(matches, context).await,
        "download" => wait::download(matches, context).await,
        "price" => price::price(matches, context).await,
        "balance" => price::balance(context).await,
        "check" => check::run(matches, context).await,
        "upload" => upload::run(matches, context).await,
        "jobs" => jobs::run(matches, context).await,
        "resume" => resume::run(matches, context).await,
        "models" => models::models(matches, context).await,
        "schema" => models::schema(matches, context).await,
        "history" => account::history(matches, context).await,
        "delete" => account::delete(matches, context).await,
        "usage" => account::usage(matches, context).await,
        "billings" => account::billings(matches, context).await,
        "stats" => stats::run(matches, context).await,
        "webhook" => webhook::run(matches, context).await,
        "voices" => voices::run(matches),
        "emulator" => emulator::run(matches, context).await,
        other => unreachable!("clap knows no command {other}"),
    }
}
