//! `wave emulator`: the vendor's API on this machine.

use std::io::Write as _;
use std::path::Path;

use wavespeed_emulator::{Emulator, Scenario, ScenarioError};

use crate::args::server::EmulatorArgs;
use crate::args::text_source::read_file;
use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::shell::word;

pub(super) async fn emulator(args: &EmulatorArgs, context: &Context) -> Result<Report, Failure> {
    let mut builder = Emulator::builder()
        .port(args.port)
        .key(&args.api_key)
        .task_time(args.job_time)
        .spread(args.job_spread);
    if let Some(path) = &args.scenario {
        builder = builder.scenario(scenario(path)?);
    }
    let emulator = builder.start().await.map_err(Failure::usage)?;
    let origin = emulator.origin();
    let mut stdout = std::io::stdout();
    // A script reads the origin from stdout, as the port may be a free one.
    let written = writeln!(stdout, "{origin}").and_then(|()| stdout.flush());
    written.map_err(|error| {
        Failure::usage(format!(
            "the base URL could not be written to stdout: {error}"
        ))
    })?;
    let key = word(&args.api_key);
    context.note("the emulator is running; use it in another shell after:");
    context.note(&format!(
        "export WAVESPEED_BASE_URL={origin} WAVESPEED_API_KEY={key}"
    ));
    context.note(&format!("or in a browser: {origin}/"));
    // A signal ends the command.
    std::future::pending().await
}

fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let name = path.display();
    let text = read_file(path);
    let text = text.map_err(|rule| Failure::usage(format!("--scenario {name} {rule}")))?;
    text.parse()
        .map_err(|error: ScenarioError| Failure::usage(format!("--scenario {name}: {error}")))
}
