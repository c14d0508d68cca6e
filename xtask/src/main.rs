//! The command line of `cargo xtask`. Everything it does is the library's.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the client's generated files and the bundle from the spec
    Generate {
        /// Write nothing; fail if a file is out of date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Task::Generate { check } = Arguments::parse().task;
    match xtask::find_root().and_then(|root| xtask::generate(&root, check)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A tool for the terminal: this is where its errors go.
            #[allow(clippy::print_stderr)]
            {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}
