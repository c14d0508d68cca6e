//! Guards that span crates.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod account;
mod command;
mod generator;
mod hostile;
mod import;
mod inputs;
mod journal;
#[cfg(unix)]
mod kill;
mod lost;
mod matrix;
mod money;
mod network;
mod outline;
mod told;
mod vectors;
