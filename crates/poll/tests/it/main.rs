//! Waiting and schedules by what the crate offers, on clocks that are moved by hand.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod cost;
mod many;
mod schedule_cost;
mod watch;
