//! Tests that span several crates: the command as a process, the generated client, the journal, and the
//! matrix of faults. Servers and emulators run on loopback, and each test has a temporary folder.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod examples;
mod generator;
mod import;
#[cfg(unix)]
mod key_race;
mod kill;
mod matrix;
mod network;
mod public_api;
mod vectors;
/// `wave` as a process, which the tests of `crates/cli` describe.
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests of one crate need more of it than those that span crates"
)]
#[path = "../../crates/cli/tests/it/harness.rs"]
mod wave;

/// The command under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wave-under-test");
