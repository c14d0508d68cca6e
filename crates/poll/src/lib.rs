//! Polling of remote jobs of unknown length until they end.
//!
//! A [`Schedule`] decides when the next poll is made, [`OnError`] which errors end the wait, and a
//! [`Deadline`] how long the wait may last. [`Poller::watch`] and [`Poller::watch_many`] combine the
//! three and return the result of each poll as a stream. The poll itself is a closure of the caller,
//! so this crate depends on neither HTTP nor a vendor.
//!
//! An error of a poll does not mean that the job failed: the state of the job is merely unknown. The
//! wait continues unless the closure marks the error as one that more polls cannot fix.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use futures_util::StreamExt as _;
//! use wavespeed_poll::{Deadline, FirstPoll, PollError, Poller, Reply, Update};
//!
//! let mut polls = 0;
//! let poll = || {
//!     polls += 1;
//!     let reply = if polls < 3 { Reply::Pending("working") } else { Reply::Done("finished") };
//!     async move { Ok::<_, PollError<&str>>(reply) }
//! };
//! let updates = Poller::default().watch(Deadline::never(), FirstPoll::AfterGap, poll);
//! let last = std::pin::pin!(updates).map(Result::unwrap).fold(None, async |_, update| Some(update)).await;
//! assert!(matches!(last, Some(Update::Done("finished"))));
//! # }
//! ```
//!
//! [`HazardSchedule`] is a schedule computed from the durations of earlier jobs. It places the polls
//! where jobs tend to end, so it needs fewer polls than a fixed interval with the same delay.
//!
//! The clock and the source of random numbers are parameters ([`Clock`], [`Poller::with_random`]), so
//! tests of waiting code need no real time.

mod clock;
mod cost;
mod deadline;
mod durations;
mod entry;
mod hazard;
mod kernel;
mod limits;
mod poller;
mod schedule;
mod state;
mod table;
mod update;
mod waiter;
mod watch;
mod watched;
mod width;

pub use clock::{Clock, ManualClock, Sleep, TokioClock};
pub use cost::ScheduleCost;
pub use deadline::Deadline;
pub use durations::{Durations, Estimate};
pub use entry::Entry;
pub use hazard::{CostModel, HazardSchedule};
pub use kernel::LogNormal;
pub use limits::RateLimits;
pub use poller::Poller;
pub use schedule::{Fixed, Geometric, PollContext, Schedule};
pub use update::{FirstPoll, OnError, PollError, Reply, Update, WaitError};
