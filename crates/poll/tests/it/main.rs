//! Tests of polling and schedules through the public interface of the crate. All of them run on a
//! manual clock, so none waits in real time.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod clock;
mod cost;
mod many;
mod schedule_cost;
mod wake;
mod watch;
