//! Guards that span crates.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod command;
mod generator;
mod journal;
mod network;
mod outline;
mod wire;
