//! `wave`: WaveSpeedAI from a command line.
//!
//! Arguments, words, colours and exit codes are here; what is decided is decided in the crate
//! `wavespeed`. Results go to stdout, everything else to stderr. The only public item is
//! [`main`], so that the command can be run by tests as it is.

mod args;
mod commands;
mod context;
mod model_list;
mod output;
mod progress_state;
mod signals;
mod wait_and_save;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::args::Global;
use crate::context::Context;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::signals::Work;

#[doc(hidden)]
pub use output::report::schemas;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let model = args::model_in(&words);
    let matches = match args::command(model).try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return misunderstood(&error, &words).into(),
    };
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    let global = Global::from(matches);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::usage(format!("the system gives no timers or sockets: {error}"));
            return Report::failed(failure).print(global.json).into();
        }
    };
    let exit = runtime.block_on(async {
        let mut context = Context::new(global);
        let shared_jobs = context.shared_jobs.clone();
        let kind = match name {
            "emulator" | "webhook" => Work::Server,
            _ if context.global.emulate => Work::Emulated,
            _ => Work::Tasks,
        };
        let work = commands::run(name, matches, &mut context);
        let report = signals::guard(&shared_jobs, kind, work).await;
        report.print(context.global.json)
    });
    // A name look-up that hangs must not keep the process.
    runtime.shutdown_background();
    exit.into()
}

/// Help and version are no errors; anything else that clap does not take is one, in JSON, too, if
/// that was asked for.
fn misunderstood(error: &clap::Error, words: &[OsString]) -> Exit {
    let is_answer = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_answer || !words.iter().any(|word| word == "--json") {
        _ = error.print();
        return if is_answer {
            Exit::Done
        } else {
            Exit::RefusedHere
        };
    }
    // The first paragraph says what is wrong; it can have lines of its own.
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim);
    let message = lines.collect::<Vec<_>>().join(" ");
    let message = message.trim_start_matches("error: ").to_owned();
    Report::failed(Failure::usage(message).hint("see: wave --help")).print(true)
}
