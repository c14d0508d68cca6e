//! `wave`: WaveSpeedAI on the command line.
//!
//! This crate has the arguments, messages, colours and exit codes; the crate `wavespeed` makes the
//! decisions. Results are printed to stdout, and everything else to stderr. The only public item is
//! [`main`], so that a test can run the command.
//!
//! `args` parses the command line, `commands` has one function per command, and `output` prints
//! the report that a command returns. The other modules are shared by commands.

mod args;
mod choose_model;
mod commands;
mod context;
mod find_job;
mod lipsync;
mod model_list;
mod output;
mod progress_state;
mod reconcile;
mod signals;
mod wait_and_save;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Command;
use crate::context::Context;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::signals::Work;

#[doc(hidden)]
pub use output::schemas::schemas;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let cli = match args::parse(&words) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &words).into(),
    };
    let json = cli.global.json;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("the operating system provides no timers or sockets: {error}");
            return Report::failed(Failure::usage(message)).print(json).into();
        }
    };
    let exit = runtime.block_on(async {
        // A signal means something else for each of these.
        let work = match cli.command {
            Command::Emulator(_) | Command::Webhook(_) => Work::Server,
            _ if cli.global.emulate => Work::EmulatedJobs,
            _ => Work::Jobs,
        };
        // The state of a job is shown, whoever owns it.
        let accepts_inferred =
            cli.global.accept_inferred || matches!(cli.command, Command::Show(_));
        let mut context = Context::new(cli.global);
        let shared_jobs = context.shared_jobs.clone();
        let command = commands::run(cli.command, &mut context);
        let report = signals::guard(&shared_jobs, work, command).await;
        match accepts_inferred {
            true => report.accept_inferred().print(json),
            false => report.print(json),
        }
    });
    // A name look-up that hangs must not keep the process alive.
    runtime.shutdown_background();
    exit.into()
}

/// Prints help, the version, or an error of the command line.
fn not_parsed(error: &clap::Error, words: &[OsString]) -> Exit {
    // The command line could not be parsed, so the flag is searched in its words.
    let json = words.iter().any(|word| word == "--json");
    if args::error::is_answer(error) {
        _ = error.print();
        return Exit::Done;
    }
    // The help is the best answer to a command without its arguments.
    if args::error::is_help(error) && !json {
        _ = error.print();
        return Exit::RefusedHere;
    }
    Report::failed(args::error::failure(error, words)).print(json)
}
