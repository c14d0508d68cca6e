//! Guards that need a tool which may be absent. Such a test is then counted as ignored, and the
//! output says how to get the tool.

#![allow(
    clippy::print_stderr,
    reason = "why a test is left out is told to whoever runs it"
)]

mod clips;
mod crafted;
mod curl;
mod emulators;
mod installed;
mod languages;
mod models;
mod playground;
mod spec;
mod witnesses;

use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        left_out_unless(
            installed::is_there("tools") && playground::chromium().is_some(),
            "apt-get install chromium, and cargo xtask install tools",
            "the_playground_works_in_a_browser",
            playground::works,
        ),
        installed("languages", "language_typescript", languages::typescript),
        installed(
            "languages",
            "language_typescript_types",
            languages::typescript_types,
        ),
        left_out_unless(
            installed::is_there("languages")
                && runs(&["go", "version"])
                && runs(&["java", "-version"]),
            "apt-get install golang-go default-jre-headless, and cargo xtask install languages",
            "language_go",
            languages::go,
        ),
        installed("languages", "language_python", languages::python),
        installed("tools", "the_spec_is_valid_openapi", spec::is_valid),
        installed(
            "tools",
            "the_emulator_keeps_to_the_spec",
            spec::is_kept_by_the_emulator,
        ),
        installed("tools", "the_spec_passes_redocly", spec::passes_redocly),
        installed("tools", "the_spec_passes_spectral", spec::passes_spectral),
        installed(
            "tools",
            "the_spec_breaks_nobody_in_silence",
            spec::breaks_nobody_in_silence,
        ),
        installed(
            "witnesses",
            "the_python_sdk_cannot_tell",
            witnesses::python_sdk,
        ),
        installed(
            "witnesses",
            "the_javascript_sdk_cannot_tell",
            witnesses::javascript_sdk,
        ),
        installed(
            "witnesses",
            "the_vendors_command_cannot_tell",
            witnesses::command,
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
    left_out_unless(runs(tool), install, name, test)
}

fn runs(tool: &[&str]) -> bool {
    let quiet = || Stdio::null();
    let mut command = Command::new(tool[0]);
    command
        .args(&tool[1..])
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet());
    command.status().is_ok_and(|status| status.success())
}

/// A test that needs what `cargo xtask install` brings.
fn installed(folder: &str, name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    let install = format!("cargo xtask install {folder}");
    left_out_unless(installed::is_there(folder), &install, name, test)
}

fn left_out_unless(
    there: bool,
    install: &str,
    name: &str,
    test: fn() -> Result<(), Failed>,
) -> Trial {
    if !there {
        eprintln!(
            "{name} is left out: it needs a tool that is not here; install it with: {install}"
        );
    }
    Trial::test(name, test).with_ignored_flag(!there)
}
