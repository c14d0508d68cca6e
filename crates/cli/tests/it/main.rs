//! Tests of the command as a process: what it prints, its exit codes, the requests it sends and the files
//! it leaves. Servers and emulators run on loopback, and each test has a temporary folder.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod account;
mod command;
mod errors;
mod harness;
mod help;
mod inputs;
mod journal;
mod price;
mod stats;
#[cfg(unix)]
mod unix;
mod unknown_outcome;
mod untrusted_input;
mod webhook_listen;

/// The command under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wave");
