//! Tests of the client against servers on loopback and against services of their own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod http2;
mod service;
