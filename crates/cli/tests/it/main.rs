//! Tests of the command as a process: what it prints, its exit codes, the requests it sends and the files
//! it leaves. Servers and emulators run on loopback, and each test has a temporary folder.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod account;
mod adoption;
mod check;
mod download;
mod emulator;
mod errors;
#[cfg(unix)]
mod files;
mod harness;
mod help;
mod history_server;
mod inputs;
mod journal;
mod key;
mod lost_submits;
mod output;
mod price;
#[cfg(unix)]
mod question;
#[cfg(unix)]
mod read_only_journal;
mod run;
#[cfg(unix)]
mod shared_journal;
mod signals;
mod stats;
mod submit;
#[cfg(target_os = "linux")]
mod thread_limit;
mod unknown_outcome;
mod untrusted_input;
mod upload;
mod wait;
mod webhook_listen;

/// The command under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wave");
