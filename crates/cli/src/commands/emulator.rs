//! `wave emulator`: the vendor's API on this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use wavespeed_emulator::{Emulator, Scenario, ScenarioError};

use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::terminal;

pub(super) async fn run(matches: &ArgMatches, context: &Context) -> Report {
    let key: &String = matches.get_one("api-key").expect("it has a default");
    let mut builder = Emulator::builder()
        .port(*matches.get_one::<u16>("port").expect("it has a default"))
        .key(key)
        .task_time(
            *matches
                .get_one::<Duration>("task-time")
                .expect("it has a default"),
        )
        .spread(*matches.get_one("task-spread").expect("it has a default"));
    if let Some(path) = matches.get_one::<PathBuf>("scenario") {
        match scenario(path) {
            Ok(scenario) => builder = builder.scenario(scenario),
            Err(failure) => return Report::failed(failure),
        }
    }
    let started = builder.start().await;
    let emulator = match started {
        Ok(emulator) => emulator,
        Err(error) => return Report::failed(Failure::usage(error)),
    };
    let mut stdout = std::io::stdout();
    let written = writeln!(stdout, "{}", emulator.origin()).and_then(|()| stdout.flush());
    if let Err(error) = written {
        return Report::failed(Failure::usage(format!(
            "the base URL could not be written to stdout: {error}"
        )));
    }
    if !context.global.quiet {
        terminal::note(&format!(
            "emulating; use it with: WAVESPEED_BASE_URL={0} WAVESPEED_API_KEY={key}, or in a \
             browser: {0}/",
            emulator.origin()
        ));
    }
    std::future::pending().await
}

fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let failed = |why: String| Failure::usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    text.parse()
        .map_err(|error: ScenarioError| failed(error.to_string()))
}
