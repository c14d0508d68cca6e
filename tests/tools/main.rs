//! Guards that need a tool which may be absent. Such a test is then counted as ignored, and the
//! output says how to get the tool.

#![allow(
    clippy::print_stderr,
    reason = "why a test is left out is told to whoever runs it"
)]

mod clips;
mod curl;
mod models;

use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        needs(
            &["python3", "-m", "openapi_spec_validator", "--version"],
            "pip install openapi-spec-validator",
            "the_spec_is_valid_openapi",
            the_spec_is_valid_openapi,
        ),
        needs(
            &["ffprobe", "-version"],
            "apt-get install ffmpeg, or from https://ffmpeg.org",
            "our_reader_says_what_ffprobe_says",
            clips::our_reader_says_what_ffprobe_says,
        ),
        needs(
            &["curl", "--version"],
            "apt-get install curl",
            "the_line_of_a_dry_run_submits_the_same",
            curl::the_line_of_a_dry_run_submits_the_same,
        ),
        needs(
            &[env!("CARGO"), "--version"],
            "https://rustup.rs",
            "odd_models_compile",
            models::odd_models_compile,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test that is ignored, and says so, where its tool does not run.
fn needs(tool: &[&str], install: &str, name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    let quiet = || Stdio::null();
    let there = Command::new(tool[0])
        .args(&tool[1..])
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        eprintln!(
            "{name} is left out: it needs a tool that is not here; install it with: {install}"
        );
    }
    Trial::test(name, test).with_ignored_flag(!there)
}

/// By a validator that shares nothing with this project, rather than by its own reading alone.
fn the_spec_is_valid_openapi() -> Result<(), Failed> {
    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/dist/openapi.json");
    let output = Command::new("python3")
        .args(["-m", "openapi_spec_validator", "--schema", "3.0", bundle])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat())
            .into_owned()
            .into(),
    )
}
