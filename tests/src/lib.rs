//! What the guards, the tests of tools and the benchmarks of this workspace share.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

pub mod catalogues;
pub mod workspace;
