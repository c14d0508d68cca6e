//! Tests of the journal through its public interface: as a store, as rows of its tables, and as a
//! file. Each test has a journal of its own in a temporary folder.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

#[cfg(unix)]
mod child;
mod contract;
#[cfg(unix)]
mod links;
mod open;
#[cfg(unix)]
mod read_only;
mod refused;
mod rows;
mod runtime;
mod store;
