//! The command line of `cargo xtask`. Everything it does is the library's.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use xtask::Error;
use xtask::drift::drift;
use xtask::import::{Listing, plan};
use xtask::install::{FOLDERS, install};

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
    /// Bring the vendor's list of models into the spec, then generate
    ///
    /// Prints a line for each model that is new, changed or left out. What was changed in a file by
    /// hand stays; spec/README.md says by which rules.
    Import {
        #[command(flatten)]
        source: From,
        /// Write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Say what the vendor added, removed or changed against the spec, in Markdown
    ///
    /// Exit code: 0 if nothing, 3 if nothing that breaks programs, 4 if something that does.
    Drift {
        #[command(flatten)]
        source: From,
        /// JSON instead of Markdown
        #[arg(long)]
        json: bool,
    },
    /// Install the tools that tests use, by the lock files in tests/, below the target folder
    ///
    /// The tests never ask a network: without the tools they leave out what needs them, and say so.
    Install {
        /// Only those of these folders
        #[arg(value_parser = FOLDERS)]
        folders: Vec<String>,
    },
    /// Check that the libraries resolve and work beside other dependencies of a program
    ///
    /// Generates programs that also depend on sqlx, diesel or another rusqlite and resolves them, and
    /// tests the journal with the lowest and the highest rusqlite that it allows. Needs the network.
    Neighbours,
    /// Print the build cost of a program on wavespeed, beside that of one on async-openai
    Footprint {
        /// Build in release mode
        #[arg(long)]
        release: bool,
        /// Number of builds of each program, in turns
        #[arg(long, default_value_t = 1)]
        runs: u32,
    },
    /// Generate clients in other languages from the bundle, check them, and run them
    Languages,
}

#[derive(clap::Args)]
struct From {
    /// The answer of `GET /models`: a file, `-`, or `live` to ask with `WAVESPEED_API_KEY`
    source: String,
    /// Only models whose id is like this; `*` stands for anything
    #[arg(long, value_name = "PATTERN", default_value = "*")]
    only: String,
    /// Keys of the entries that are not the vendor's words, such as `name,type`
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    omit: Vec<String>,
}

impl From {
    fn read(&self) -> Result<Listing, Error> {
        Listing::read(&self.source).map(|listing| listing.without(&self.omit))
    }
}

fn main() -> ExitCode {
    run(&Arguments::parse().task).unwrap_or_else(|error| {
        // A tool for the terminal: this is where its errors go.
        #[allow(clippy::print_stderr)]
        {
            eprintln!("{error}");
        }
        ExitCode::FAILURE
    })
}

#[allow(clippy::print_stdout)]
fn run(task: &Task) -> Result<ExitCode, Error> {
    let root = xtask::find_root()?;
    match task {
        Task::Generate { check } => xtask::generate(&root, *check)?,
        Task::Import { source, dry_run } => {
            let plan = plan(&root, &source.read()?, &source.only)?;
            print!("{plan}");
            if !dry_run {
                plan.apply(&root)?;
                xtask::generate(&root, false)?;
            }
        }
        Task::Drift { source, json } => {
            let drift = drift(&root, &source.read()?, &source.only)?;
            match json {
                true => println!("{:#}", serde_json::json!(drift)),
                false => print!("{}", drift.to_markdown()),
            }
            return Ok(match (drift.changes.len(), drift.breaking()) {
                (0, _) => ExitCode::SUCCESS,
                (_, 0) => ExitCode::from(3),
                _ => ExitCode::from(4),
            });
        }
        Task::Install { folders } => {
            let all = FOLDERS.map(str::to_owned);
            let folders = if folders.is_empty() {
                &all[..]
            } else {
                folders
            };
            for folder in folders {
                install(&root, &target(), folder)?;
            }
        }
        Task::Neighbours => {
            xtask::neighbours::check(&root, &target(), &mut |line| println!("{line}"))?;
        }
        Task::Footprint { release, runs } => {
            print!(
                "{}",
                xtask::footprint::table(&root, &target(), *release, *runs)?
            );
        }
        Task::Languages => {
            install(&root, &target(), "languages")?;
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args([
                "test",
                "--package",
                "wavespeed-tests",
                "--test",
                "tools",
                "--",
                "language",
            ]);
            let ended = cargo.current_dir(&root).status();
            if !ended.is_ok_and(|status| status.success()) {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The target folder that this program was built into: `target/debug/xtask`.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .nth(2)
        .map_or_else(|| "target".into(), PathBuf::from)
}
