//! Waiting and schedules by what the crate offers, on clocks that are moved by hand.

mod cost;
mod many;
mod schedule_cost;
mod watch;
