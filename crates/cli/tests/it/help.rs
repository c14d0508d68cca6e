//! Tests of the help: a snapshot of every page, as a terminal of 80 columns shows it.

use super::harness::*;

/// Every command, with the words that lead to it.
const COMMANDS: &[&str] = &[
    "",
    "lipsync",
    "run",
    "run kwaivgi/kling-v1-tts",
    "run acme/unknown",
    "wait",
    "show",
    "download",
    "check",
    "price",
    "price kwaivgi/kling-v1-tts",
    "balance",
    "upload",
    "jobs",
    "jobs show",
    "jobs forget",
    "resume",
    "models",
    "schema",
    "history",
    "delete",
    "usage",
    "stats",
    "billings",
    "voices",
    "webhook",
    "webhook listen",
    "emulator",
];

#[test]
fn every_help_page_matches_the_snapshot() {
    let wave = Wave::new().without_key().with("COLUMNS", "80");
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        let name = ["help"].into_iter().chain(words.iter().copied());
        let name = name.collect::<Vec<_>>().join("-").replace('/', "-");
        words.push("--help");
        let run = wave.run(&words);
        assert_eq!((run.exit, &*run.stderr), (0, ""), "{command}");
        assert_run!(name, run.stdout);
    }
}

/// A description longer than the line cannot be avoided, but the lines of a page stay within the
/// terminal.
#[test]
fn help_fits_into_80_columns() {
    let wave = Wave::new().without_key().with("COLUMNS", "80");
    for command in ["", "resume", "history", "webhook listen"] {
        let words = command.split_whitespace().chain(["-h"]);
        let run = wave.run(&words.collect::<Vec<_>>());
        let long = run.stdout.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{command}");
    }
}

#[test]
fn every_command_has_a_help_page_in_the_list() {
    let run = Wave::new().without_key().run(&["--help"]);
    let commands = run.stdout.split("Commands:\n").nth(1).unwrap();
    let names = commands.lines().take_while(|line| !line.is_empty());
    for name in names.map(|line| line.split_whitespace().next().unwrap()) {
        assert!(COMMANDS.contains(&name), "{name}");
    }
}
