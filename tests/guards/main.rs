//! Guards that span crates.

mod command;
mod generator;
mod network;
mod outline;
mod wire;
