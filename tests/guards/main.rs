//! Tests that span several crates: the command as a process, the generated client, the journal, and the
//! matrix of faults. Servers and emulators run on loopback, and each test has a temporary folder.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod account;
mod command;
mod generator;
mod import;
mod inputs;
mod journal;
#[cfg(unix)]
mod kill;
mod matrix;
mod network;
mod price;
mod public_api;
mod stats;
mod unknown_outcome;
mod untrusted_input;
mod vectors;
mod webhook_listen;
